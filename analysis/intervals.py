"""Means and paired differences over (series, seed) blocks, with t intervals stratified by series; rank correlations.

``[S, K]`` = series, seeds; NaN marks a block that is missing. An interval speaks for *these* series: seeds are what is
drawn at random, series are fixed strata, each with a variance of its own.

References:
    Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (rliable), for
    statistics as functions of ``[runs, tasks]``. We depart from its percentile bootstrap, which covers 83 % instead of
    95 % at five seeds, and keep the pairing of seeds, which it loses.
    Welch 1947, "The generalization of Student's problem"; Satterthwaite 1946, equation 17, for the degrees of freedom.
    Bonett and Wright 2000, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations",
    Psychometrika 65(1): Fisher's z of a rank correlation r over n pairs has about the variance
    (1 + r ** 2 / 2) / (n - 3).
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit  # quantiles, without the second that scipy.stats takes to import

CONFIDENCE = 0.95
ROUNDING = 1e-12
"""Scores that are no further apart are equal: the same sum in another order."""

FEWEST_RANKED = 4
"""Pairs that an interval of a rank correlation needs."""

Blocks = NDArray[np.float64]
"""``[S, K]``"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean over blocks, and where seeds leave room for it."""

    mean: float
    low: float | None = None
    """``None`` where the seeds are too few for an interval."""
    high: float | None = None
    n_blocks: int
    n_series: int
    n_dropped: int = 0
    """Blocks left out because only one of two arms has them."""
    note: str = ""
    """What a reader must know before trusting the bounds; empty where nothing is special."""

    def negated(self) -> "Interval":
        """Return the interval of the opposite difference."""
        low, high = (None if bound is None else -bound for bound in (self.high, self.low))
        return dataclasses.replace(self, mean=-self.mean, low=low, high=high)


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingError:
    """How far a mean over blocks would move under other seeds."""

    standard_error: float
    """Zero where the seeds change nothing."""
    freedom: float
    """Degrees of freedom, by Satterthwaite; infinite where there is no spread to estimate."""
    cautious_freedom: float
    """Never more than that, see :mod:`analysis.ablation.paired`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankCorrelation:
    """Spearman's rank correlation with a 95 % interval over configurations."""

    value: float
    low: float | None
    """``None`` with fewer than four configurations."""
    high: float | None
    n: int
    """Pairs; fewer by one for each further group."""


def mean_interval(values: Blocks, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Average over series the means over their seeds.

    Args:
        values: ``[S, K]``; a series without any value is left out.
        confidence: Share of intervals that hold the true mean, 0 to 1.

    Returns:
        The mean with its t interval: the variance is the sum over series of ``var_s / n_s``, divided by ``S ** 2``.
        ``None`` where there is no value at all.
    """
    by_series = [row[~np.isnan(row)] for row in np.atleast_2d(values)]
    by_series = [row for row in by_series if len(row)]
    if not by_series:
        return None
    interval = Interval(
        mean=float(np.mean([row.mean() for row in by_series])),
        n_blocks=sum(len(row) for row in by_series),
        n_series=len(by_series),
    )
    fewest = min(len(row) for row in by_series)
    if fewest < 2:
        return dataclasses.replace(interval, note="one seed, so no interval")
    return _with_bounds(interval, by_series, fewest, confidence)


def paired_difference(first: Blocks, second: Blocks, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Average the differences ``first - second`` within blocks.

    Args:
        first: ``[S, K]``
        second: ``[S, K]``, the same series and seeds in the same places; ``[S, 1]`` for what draws nothing at random.
            Arms whose seeds are independent of each other may be paired in any fixed order: that costs degrees of
            freedom and nothing else.
        confidence: As for :func:`mean_interval`.

    Returns:
        The mean difference with its interval and the number of blocks that only one arm has; ``None`` where no block
        is shared.
    """
    first, second = np.broadcast_arrays(first, second)
    interval = mean_interval(block_differences(first, second), confidence=confidence)
    if interval is None:
        return None
    return dataclasses.replace(interval, n_dropped=int(np.sum(np.isnan(first) != np.isnan(second))))


def block_differences(first: Blocks, second: Blocks) -> Blocks:
    """Subtract within blocks, ``[S, K]``; rounding is no difference, and a block that one arm lacks is NaN."""
    difference = first - second
    difference[np.abs(difference) < ROUNDING] = 0.0
    return difference


def sampling_error(by_series: Sequence[Blocks]) -> SamplingError:
    """Estimate the error of the mean over series of their means, each series with a variance of its own.

    Args:
        by_series: ``[K_s]`` for each series, two values or more.
    """
    # Equal floats can have a variance of 1e-33, from which no degrees of freedom follow.
    terms = [0.0 if np.ptp(row) == 0 else float(row.var(ddof=1)) / len(row) for row in by_series]
    total = sum(terms)
    if total == 0:
        return SamplingError(standard_error=0.0, freedom=math.inf, cautious_freedom=math.inf)
    # As shares of the total: the square of a variance near 1e-170 would be zero.
    shares = [(term / total, len(row) - 1) for term, row in zip(terms, by_series, strict=True)]
    return SamplingError(
        standard_error=total**0.5 / len(by_series),
        freedom=1 / sum(share**2 / freedom for share, freedom in shares),
        cautious_freedom=1 / max(share / freedom for share, freedom in shares),
    )


def rank_correlation(
    first: Sequence[float], second: Sequence[float], *, groups: Sequence[object] | None = None
) -> RankCorrelation | None:
    """Compute Spearman's rank correlation; ties have their mean rank.

    Args:
        first: ``[N]``
        second: ``[N]``
        groups: ``[N]``; with them the correlation is a partial one, of ranks less their group's mean: what is left of
            it among members of one group. Each further group costs a degree of freedom.

    Returns:
        The correlation with its interval (Bonett and Wright); ``None`` where either side has no spread, or one value.
    """
    if len(first) < 2:
        return None
    ranks = [pd.Series(values).rank().to_numpy() for values in (first, second)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    n = len(first)
    if groups is not None:
        by_group = pd.Series(pd.factorize(pd.Series([repr(group) for group in groups]))[0])
        ranks = [rank - pd.Series(rank).groupby(by_group).transform("mean").to_numpy() for rank in ranks]
        if any(np.abs(rank).max() < ROUNDING for rank in ranks):
            return None
        n -= int(by_group.max())
    value = float(np.clip(np.corrcoef(ranks[0], ranks[1])[0, 1], -1.0, 1.0))
    low = high = None
    if n >= FEWEST_RANKED:
        # The exact ends have no z; half a swap of neighbours away from them, it has.
        inside = float(np.clip(value, -1 + 6 / n**3, 1 - 6 / n**3))
        half = float(ndtri((1 + CONFIDENCE) / 2)) * math.sqrt((1 + inside**2 / 2) / (n - 3))
        low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    return RankCorrelation(value=value, low=low, high=high, n=n)


def _with_bounds(interval: Interval, by_series: list[Blocks], fewest: int, confidence: float) -> Interval:
    error = sampling_error(by_series)
    if error.standard_error == 0:
        return dataclasses.replace(interval, low=interval.mean, high=interval.mean, note="no spread over the seeds")
    half = float(stdtrit(error.freedom, (1 + confidence) / 2)) * error.standard_error
    note = "two seeds, so indicative only" if fewest == 2 else ""
    return dataclasses.replace(interval, low=interval.mean - half, high=interval.mean + half, note=note)
