"""The rows of a study's result: configurations and untrained baselines, each with scores, intervals and cost.

Rows are compared on one yardstick: the primary metric on the untouched test part; where no label makes that possible,
the study's objective.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Literal

import numpy as np

from analysis.arms import Arm, Basis, Measurements, choose_best, find_baselines, find_configurations, height
from analysis.intervals import Blocks, Interval, mean_interval, paired_difference
from analysis.metric_catalogue import choose_shown, higher_is_better, label_metric
from analysis.records import Records, Trial

Judgement = Literal["better", "worse", "undecided", "unjudged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Yardstick:
    """What the rows are compared on."""

    name: str
    """A test metric without its prefix, or the objective."""
    label: str
    on_test: bool
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a configuration costs, over its runs; ``None`` where nothing was recorded."""

    n_params: int | None
    train_s: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    windows_per_s: float | None
    peak_memory_mb: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One row."""

    label: str
    kind: Literal["configuration", "baseline"]
    is_best: bool
    is_published: bool
    is_variant: bool
    """Whether it is the published configuration with another preparation of the data."""
    has_seeds: bool
    """Whether its values differ from seed to seed."""
    config: Mapping[str, Any]
    used: tuple[str, ...]
    """Parameters whose conditions hold."""
    trials: tuple[str, ...]
    """That ran to full fidelity, by seed."""
    search_trial: str | None
    search_score: float | None
    """Of one seed, and the reason for which the row was chosen: optimistic."""
    n_seeds: int
    """That ran to full fidelity."""
    n_failed: int
    """Seeds that failed or were lost."""
    errors: tuple[str, ...]
    """Of its seeds, in training or test."""
    threshold_source: str
    score: Interval | None
    """On the yardstick."""
    objective: Interval | None
    test: Mapping[str, Interval]
    """Every metric on the untouched test part."""
    full: Mapping[str, Interval]
    """Every metric on the whole published test part, which overlaps the tuned one."""
    by_series: Mapping[str, Mapping[str, Interval]]
    """The shown metrics on the untouched part, by series and name."""
    seed_scores: tuple[float, ...]
    """The yardstick's mean over series, seed by seed."""
    seed_objectives: tuple[float, ...]
    difference_to_best: Interval | None
    """This row minus the best, on the yardstick."""
    differences_to_best: Mapping[str, Interval]
    """The same within each series."""
    judgement: Judgement
    """Of this row against the best."""
    difference_to_published: Interval | None
    """This row minus the published configuration, on the yardstick."""
    objective_difference_to_published: Interval | None
    cost: Cost


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All rows: configurations by their objective, the winner first; then baselines, the best first."""

    basis: Basis
    """Whether the configurations were run again on fresh seeds."""
    is_fixed: bool
    """Whether the study itself named the best one, before it opened the test split."""
    yardstick: Yardstick
    shown: tuple[str, ...]
    """Test metrics that stand in the tables."""
    rows: tuple[Contender, ...]

    @property
    def best(self) -> Contender:
        """The configuration that won."""
        return next(row for row in self.rows if row.is_best)

    @property
    def published(self) -> Contender | None:
        """The published configuration, where it ran to full fidelity."""
        return next((row for row in self.rows if row.is_published), None)

    @property
    def variant(self) -> Contender | None:
        """The published configuration with another preparation of the data, the best by the objective."""
        return next((row for row in self.rows if row.is_variant), None)

    @property
    def tied(self) -> tuple[Contender, ...]:
        """The other rows that the seeds cannot tell from the best."""
        return tuple(row for row in self.rows if row.judgement == "undecided" and not row.is_best)

    @property
    def cheapest_tied(self) -> Contender | None:
        """The cheapest row tied with the best, where one is cheaper: no training, else the fewest parameters."""
        cheapest = min(self.tied, key=_size, default=None)
        return cheapest if cheapest is not None and _size(cheapest) < _size(self.best) else None

    @property
    def configurations(self) -> tuple[Contender, ...]:
        """The rows that were trained."""
        return tuple(row for row in self.rows if row.kind == "configuration")

    @property
    def baselines(self) -> tuple[Contender, ...]:
        """The rows that need no training."""
        return tuple(row for row in self.rows if row.kind == "baseline")


def compare(records: Records) -> Comparison | None:
    """Compare what the study ran to full fidelity; ``None`` where that is nothing."""
    basis, arms = find_configurations(records)
    if not arms:
        return None
    baselines = find_baselines(records)
    measured = Measurements(records, [*arms, *baselines])
    yardstick = choose_yardstick(records, measured, arms)
    best, is_fixed = choose_best(records, arms)
    arms.sort(key=lambda arm: (arm is not best, -height(records, arm)))
    metrics = list_test_metrics(records)
    table = _Table(
        measured=measured,
        yardstick=yardstick,
        metrics=metrics,
        shown=choose_shown(metrics),
        test_series=tuple(records.study["test_series"]),
        objective_series=tuple(records.study["objective_series"]),
        best=best,
        published=next((arm for arm in arms if arm.is_published), None),
    )
    return Comparison(
        basis=basis,
        is_fixed=is_fixed,
        yardstick=yardstick,
        shown=table.shown,
        rows=(*map(table.row, arms), *_order_baselines([table.row(arm) for arm in baselines], yardstick)),
    )


def judge(difference: Interval | None, *, higher_is_better: bool) -> Judgement:
    """Put a difference into a word; ``undecided`` never means that there is none."""
    if difference is None or difference.low is None or difference.high is None:
        return "unjudged"
    if difference.low <= 0 <= difference.high:
        return "undecided"
    return "better" if (difference.mean > 0) == higher_is_better else "worse"


def choose_yardstick(records: Records, measured: Measurements, arms: Sequence[Arm]) -> Yardstick:
    """Choose the primary metric on the test part where any of the arms has it, else the objective."""
    metric = str(records.study["objective"]["primary_metric"])
    if any(not np.isnan(measured.test(arm, metric)).all() for arm in arms):
        label, higher = label_metric(metric), higher_is_better(metric)
        return Yardstick(name=metric, label=label, on_test=True, higher_is_better=higher)
    objective = records.objective_name
    return Yardstick(name=objective, label=objective, on_test=False, higher_is_better=records.maximize)


def list_test_metrics(records: Records) -> tuple[str, ...]:
    """List the test metrics that a study may have; the mean of a threshold over series means nothing."""
    prefix = "m_test_"
    names = [name.removeprefix(prefix) for name in records.study["columns"] if name.startswith(prefix)]
    return tuple(name for name in names if not name.endswith("_threshold"))


def cost_of(trials: Sequence[Trial]) -> Cost:
    """Sum up what the runs of one configuration cost."""

    def values(name: str) -> list[float]:
        return [value for trial in trials if (value := getattr(trial, name)) is not None]

    def middle(name: str) -> float | None:
        return median(values(name)) if values(name) else None

    n_params, memory, train_s = values("n_params"), values("peak_memory_mb"), values("train_s")
    return Cost(
        n_params=round(max(n_params)) if n_params else None,
        train_s=fmean(train_s) if any(train_s) else None,
        latency_p50_ms=middle("latency_p50_ms"),
        latency_p95_ms=middle("latency_p95_ms"),
        windows_per_s=middle("windows_per_s"),
        peak_memory_mb=max(memory) if any(memory) else None,  # 0: the system did not tell
    )


def _size(row: Contender) -> float:
    if row.kind == "baseline":
        return 0
    return np.inf if row.cost.n_params is None else row.cost.n_params


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """What every row is made from."""

    measured: Measurements
    yardstick: Yardstick
    metrics: tuple[str, ...]
    shown: tuple[str, ...]
    test_series: tuple[str, ...]
    objective_series: tuple[str, ...]
    best: Arm
    published: Arm | None

    def row(self, arm: Arm) -> Contender:
        """Make the row of an arm."""
        scores, objectives = self.scores(arm), self.measured.objective(arm)
        to_best = paired_difference(scores, self.scores(self.best))
        described = (arm.completed or arm.trials)[-1]
        return Contender(
            label=arm.label,
            kind=arm.kind,
            is_best=arm is self.best,
            is_published=arm.is_published,
            is_variant=arm.is_variant,
            has_seeds=arm.has_seeds,
            config=described.config,
            used=tuple(sorted(described.used)),
            trials=tuple(trial.trial_id for trial in arm.completed),
            search_trial=None if arm.search_trial is None else arm.search_trial.trial_id,
            search_score=None if arm.search_trial is None else arm.search_trial.objective,
            n_seeds=len(arm.completed),
            n_failed=sum(trial.status in ("FAILED", "LOST") for trial in arm.trials),
            errors=tuple(trial.error for trial in arm.trials if trial.error),
            threshold_source=described.threshold_source,
            score=mean_interval(scores),
            objective=mean_interval(objectives),
            test=self._metrics(arm, "test"),
            full=self._metrics(arm, "full"),
            by_series=self._by_series(arm),
            seed_scores=_seed_means(scores),
            seed_objectives=_seed_means(objectives),
            difference_to_best=to_best,
            differences_to_best=self._differences(scores, self.scores(self.best)),
            judgement=judge(to_best, higher_is_better=self.yardstick.higher_is_better),
            difference_to_published=self._to_published(scores, self.scores),
            objective_difference_to_published=self._to_published(objectives, self.measured.objective),
            cost=cost_of(arm.completed),
        )

    def scores(self, arm: Arm) -> Blocks:
        """Return an arm's values on the yardstick."""
        if self.yardstick.on_test:
            return self.measured.test(arm, self.yardstick.name)
        return self.measured.objective(arm)

    def _differences(self, scores: Blocks, reference: Blocks) -> dict[str, Interval]:
        series = self.test_series if self.yardstick.on_test else self.objective_series
        found = {
            name: paired_difference(scores[place : place + 1], reference[place : place + 1])
            for place, name in enumerate(series)
        }
        return {name: interval for name, interval in found.items() if interval is not None}

    def _to_published(self, values: Blocks, measure: Callable[[Arm], Blocks]) -> Interval | None:
        return None if self.published is None else paired_difference(values, measure(self.published))

    def _metrics(self, arm: Arm, part: str) -> dict[str, Interval]:
        found = {name: mean_interval(self.measured.test(arm, name, part=part)) for name in self.metrics}
        return {name: interval for name, interval in found.items() if interval is not None}

    def _by_series(self, arm: Arm) -> dict[str, dict[str, Interval]]:
        blocks = {name: self.measured.test(arm, name) for name in self.shown}
        found: dict[str, dict[str, Interval]] = {}
        for place, series in enumerate(self.test_series):
            intervals = {name: mean_interval(values[place : place + 1]) for name, values in blocks.items()}
            found[series] = {name: interval for name, interval in intervals.items() if interval is not None}
        return found


def _order_baselines(rows: Sequence[Contender], yardstick: Yardstick) -> list[Contender]:
    """Put the best first, those without a score last."""
    sign = 1 if yardstick.higher_is_better else -1
    return sorted(rows, key=lambda row: -np.inf if row.score is None else sign * row.score.mean, reverse=True)


def _seed_means(blocks: Blocks) -> tuple[float, ...]:
    columns = [column[~np.isnan(column)] for column in blocks.T]
    return tuple(float(column.mean()) for column in columns if len(column))
