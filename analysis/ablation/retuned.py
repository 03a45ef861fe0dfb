"""Re-tuned arms: what is lost without a part when everything else is tuned anew.

The unit of replication is the search: each arm, and the base itself, has searches of equal budget, and the best of each
runs under the seeds of the blocks. Differences are taken between searches of the same number, since these share their
seeds, over the blocks that both ran. Seeds are nested in searches, so more seeds do not replace more searches.

References:
    Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks", for the search as a source of
    variance of its own.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.ablation.declared import Declaration
from analysis.ablation.paired import PairedEffect, paired_effect
from analysis.ablation.runs import BASE, SEARCH, Runs
from analysis.ablation.verdicts import PartVerdict
from analysis.arms import Arm
from analysis.intervals import CONFIDENCE, Blocks, Interval, mean_interval

FEWEST_SEARCHES = 3
"""With fewer, the variance that tuning adds is not estimated and nothing is judged."""
ALIKE = 0.1
"""Share by which the epochs of two arms may differ before their budgets count as unequal."""

Judge = Callable[[Sequence[PairedEffect | None]], tuple[PartVerdict | None, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What the searches of an arm spent, all of them together."""

    trials: int
    epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RetunedEffect:
    """What one change does when the rest is tuned anew. All differences are arm minus base."""

    n_searches: int
    """That both the arm and the base have results of."""
    score: Interval | None
    """Mean over searches; its interval is over searches."""
    effect: PairedEffect | None
    """Its blocks are searches."""
    verdict: PartVerdict | None
    """``None`` below three searches, and where no look permits one."""
    sd_search: float | None
    """Standard deviation of the arm's scores from search to search."""
    sd_seed: float | None
    """Standard deviation from seed to seed within a search."""
    bought_back: Interval | None
    """Re-tuned minus frozen difference: what re-tuning gives back, above zero where higher is better."""
    spent: Budget
    base_spent: Budget
    has_equal_budget: bool

    @property
    def word(self) -> str:
        """The verdict's word."""
        return "unjudged" if self.verdict is None else self.verdict.word


def measure_retuned(
    runs: Runs, declaration: Declaration, judge: Judge, frozen: Mapping[str, PairedEffect | None]
) -> dict[str, RetunedEffect]:
    """Compute the effect of every re-tuned arm, by name; empty where nothing was re-tuned."""
    if declaration.retuning is None:
        return {}
    n_searches = declaration.retuning.searches
    arms = [arm for arm in declaration.arms if any(runs.retuned(arm.name, place) for place in range(n_searches))]
    pairs = {arm.name: _pair_searches(runs, arm.name, n_searches) for arm in arms}
    effects = {name: paired_effect(*pair) if pair[0].size else None for name, pair in pairs.items()}
    family = [arm.name for arm in arms if arm.kind == "component"]
    verdicts = dict(zip(family, judge([_enough(effects[name]) for name in family]), strict=True))
    return {
        arm.name: _describe(
            runs,
            arm.name,
            n_searches,
            effects[arm.name],
            verdict=verdicts.get(arm.name) if _enough(effects[arm.name]) else None,
            frozen=frozen.get(arm.config_hash),
        )
        for arm in arms
    }


def find_unequal(budgets: Mapping[str, Budget]) -> dict[str, Budget]:
    """List the arms whose searches spent another budget than those of the base."""
    base = budgets.get(BASE)
    return {} if base is None else {name: spent for name, spent in budgets.items() if not _is_alike(spent, base)}


def _enough(effect: PairedEffect | None) -> PairedEffect | None:
    return effect if effect is not None and effect.n_blocks >= FEWEST_SEARCHES else None


def _describe(
    runs: Runs,
    name: str,
    n_searches: int,
    effect: PairedEffect | None,
    *,
    verdict: PartVerdict | None,
    frozen: PairedEffect | None,
) -> RetunedEffect:
    by_search = [_seed_means(runs, runs.retuned(name, place)) for place in range(n_searches)]
    by_search = [means for means in by_search if len(means)]
    spent, base_spent = spent_by(runs, name), spent_by(runs, BASE)
    return RetunedEffect(
        n_searches=0 if effect is None else effect.n_blocks,
        score=mean_interval(np.array([[means.mean() for means in by_search]])) if by_search else None,
        effect=effect,
        verdict=verdict,
        sd_search=_deviation([means.mean() for means in by_search]),
        sd_seed=_pooled_deviation(by_search),
        bought_back=_subtract(effect, frozen),
        spent=spent,
        base_spent=base_spent,
        has_equal_budget=_is_alike(spent, base_spent),
    )


def spent_by(runs: Runs, arm: str) -> Budget:
    """Count the trials and epochs of an arm's searches."""
    trials = [trial for trial in runs.records.of_stage(SEARCH) if trial.arm == arm]
    return Budget(trials=len(trials), epochs=sum(trial.epochs_run for trial in trials))


def _pair_searches(runs: Runs, name: str, n_searches: int) -> tuple[Blocks, Blocks]:
    """Return mean scores ``[1, searches]`` of the arm and of the base, over the blocks that both have."""
    pairs = []
    for place in range(n_searches):
        arm, base = runs.retuned(name, place), runs.retuned(BASE, place)
        if arm is None or base is None:
            continue
        scores, reference = runs.scores(arm), runs.scores(base)
        missing = np.isnan(scores) | np.isnan(reference)
        if not missing.all():
            pairs.append([_mean(np.where(missing, np.nan, blocks)) for blocks in (scores, reference)])
    ones, others = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array([ones]), np.array([others])


def _mean(blocks: Blocks) -> float:
    interval = mean_interval(blocks)
    assert interval is not None
    return interval.mean


def _seed_means(runs: Runs, arm: Arm | None) -> Blocks:
    """Return the means over series, seed by seed; a seed that lacks a series is left out."""
    if arm is None:
        return np.array([])
    scores = runs.scores(arm)
    measured = scores[~np.isnan(scores).all(axis=1)]
    means: Blocks = measured.mean(axis=0) if len(measured) else np.array([])
    return means[~np.isnan(means)]


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _pooled_deviation(groups: Sequence[Blocks]) -> float | None:
    several = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    return (
        math.sqrt(sum(float(((group - group.mean()) ** 2).sum()) for group in several) / freedom) if freedom else None
    )


def _subtract(retuned: PairedEffect | None, frozen: PairedEffect | None) -> Interval | None:
    """Subtract two effects that were measured by different runs: variances add up (Welch)."""
    if retuned is None or frozen is None:
        return None
    interval = Interval(
        mean=retuned.interval.mean - frozen.interval.mean,
        n_blocks=retuned.n_blocks,
        n_series=frozen.interval.n_series,
    )
    errors = [(one.standard_error, one.freedom) for one in (retuned, frozen)]
    terms = [(error**2, freedom) for error, freedom in errors if error is not None and freedom is not None]
    total = sum(term for term, _ in terms)
    if len(terms) < 2 or total == 0:
        return interval
    freedom = 1 / sum((term / total) ** 2 / freedom for term, freedom in terms)
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(total)
    return Interval(
        mean=interval.mean,
        low=interval.mean - half,
        high=interval.mean + half,
        n_blocks=interval.n_blocks,
        n_series=interval.n_series,
    )


def _is_alike(one: Budget, other: Budget) -> bool:
    return one.trials == other.trials and abs(one.epochs - other.epochs) <= ALIKE * max(one.epochs, other.epochs)
