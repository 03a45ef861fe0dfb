"""How well objectives rank configurations: against test scores, on configurations drawn at random.

A search trusts its objective to say which configuration is better. Here that trust is measured, on configurations that
no search chose: among those that a search liked, the objective has already done its work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from analysis.arms import value_that_counts
from analysis.intervals import RankCorrelation, rank_correlation
from analysis.metric_catalogue import higher_is_better, label_metric
from analysis.records import Records, Trial

Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By configuration, series and name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """How one objective ranks the configurations."""

    objective: str
    is_searched: bool
    """Whether it is the study's own."""
    correlation: RankCorrelation | None
    """With the test score; positive where what the objective calls better is better. ``None`` where all its values or
    all scores are equal."""
    by_series: Mapping[str, RankCorrelation | None]
    """The same within each series, which a mean over them can hide."""
    prepared_alike: RankCorrelation | None
    """What is left of it among configurations whose data are prepared alike: an objective may rank by that alone."""
    chosen: float
    """Test score of the configuration that it calls the best."""
    points: tuple[tuple[float, float], ...]
    """Objective and test score of each configuration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveCheck:
    """The check of a study's objectives."""

    metric: str
    """The test metric that they should rank by, without its prefix."""
    label: str
    preparation: tuple[str, ...]
    """Parameters that prepare the data and are no part of the model."""
    n_asked: int
    n: int
    """Configurations that were trained and tested."""
    best: float
    """Best test score among them: what a perfect objective would choose."""
    mean: float
    """Their mean test score: what choosing blindly gives."""
    rankings: tuple[Ranking, ...]
    """The study's own objective first."""

    @property
    def searched(self) -> Ranking | None:
        """How the study's own objective ranks."""
        return next((ranking for ranking in self.rankings if ranking.is_searched), None)


def check_objectives(records: Records) -> ObjectiveCheck | None:
    """Measure how well every objective that was recorded ranks; ``None`` where too little was tested to rank."""
    metric = str(records.study["objective"]["primary_metric"])
    names = records.study.get("preparation", [])
    trials = records.of_stage("validity")
    values = _average_seeds(records, [trial for trial in trials if trial.status == "COMPLETED"])
    scores = _means(values, f"test_{metric}", records.study["test_series"])
    if len(scores) < 2:
        return None
    prepared = {trial.config_hash: [trial.config[name] for name in names] for trial in trials} if names else {}
    rankings = [_rank(records, values, prepared, name, metric) for name in _list_objectives(records)]
    upward = 1.0 if higher_is_better(metric) else -1.0
    return ObjectiveCheck(
        metric=metric,
        label=label_metric(metric),
        preparation=tuple(names),
        n_asked=len({trial.config_hash for trial in trials}),
        n=len(scores),
        best=upward * max(upward * score for score in scores.values()),
        mean=fmean(scores.values()),
        rankings=tuple(ranking for ranking in rankings if ranking is not None),
    )


def _average_seeds(records: Records, trials: Sequence[Trial]) -> Values:
    """Average what the seeds of a configuration gave, so that each configuration counts once."""
    by_trial = records.last_values([trial.trial_id for trial in trials])
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for trial in trials:
        for series, named in by_trial.get(trial.trial_id, {}).items():
            for name in named:
                value = value_that_counts(named, name)
                found.setdefault(trial.config_hash, {}).setdefault(series, {}).setdefault(name, []).append(value)
    return {
        config: {
            series: {name: fmean(several) for name, several in named.items()} for series, named in by_series.items()
        }
        for config, by_series in found.items()
    }


def _list_objectives(records: Records) -> list[str]:
    """List the objectives that the study's trials may have, its own first."""
    return sorted(records.study["objectives"], key=lambda name: name != records.objective_name)


def _rank(records: Records, values: Values, prepared: Mapping[str, object], name: str, metric: str) -> Ranking | None:
    """Rank the configurations by one objective; ``None`` where fewer than two have it."""
    judged, tested = records.study["objective_series"], records.study["test_series"]
    paired = _pair(values, name, judged, metric, tested)
    points = tuple(paired.values())
    if len(points) < 2:
        return None
    maximize = records.maximize if name == records.objective_name else higher_is_better(name)
    same_way = maximize == higher_is_better(metric)
    return Ranking(
        objective=name,
        is_searched=name == records.objective_name,
        correlation=_correlate(points, same_way=same_way),
        by_series={
            series: _correlate(list(_pair(values, name, [series], metric, [series]).values()), same_way=same_way)
            for series in tested
            if series in judged
        },
        prepared_alike=_correlate(points, same_way=same_way, groups=[prepared[config] for config in paired])
        if prepared
        else None,
        chosen=max(points, key=lambda point: point[0] if maximize else -point[0])[1],
        points=points,
    )


def _correlate(
    points: Sequence[tuple[float, float]], *, same_way: bool, groups: Sequence[object] | None = None
) -> RankCorrelation | None:
    sign = 1.0 if same_way else -1.0
    return rank_correlation([sign * value for value, _ in points], [score for _, score in points], groups=groups)


def _pair(
    values: Values, name: str, judged: Sequence[str], metric: str, tested: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Pair the objective with the test score, for the configurations that have both."""
    objectives, scores = _means(values, name, judged), _means(values, f"test_{metric}", tested)
    return {config: (objectives[config], scores[config]) for config in scores if config in objectives}


def _means(values: Values, name: str, series: Sequence[str]) -> dict[str, float]:
    """Average a value over the series that can have it; a configuration that lacks it on one of them is left out."""
    able = [one for one in series if any(name in found.get(one, {}) for found in values.values())]
    return {
        config: fmean(found[one][name] for one in able)
        for config, found in values.items()
        if able and all(name in found.get(one, {}) for one in able)
    }
