"""What the blocks at hand could have shown, and how many seeds would decide.

Both take the observed spread for the true one. Five seeds know a standard deviation to within a factor of 0.6 to 2.9
(95 %), so either number is a plan and no promise. The power of an effect that was observed is never given: it is the p
value in other words. A larger study is planned for the observed effect all the same, because nothing better is known;
effects that were picked for being large will need more seeds than it says. The degrees of freedom are planned for, but
in a study of several series they are estimated: six seeds planned for a chance of 80 % have 77 %.

For a family, ask at ``alpha / n_arms``: what Holm's correction demands of its smallest p value.

References:
    Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences", chapter 2, for power by the noncentral t.
    Phillips 1990, "Power of the two one-sided tests procedure in bioequivalence". We add the two tails of the
    noncentral t instead of integrating over the standard deviation: never above the true power, and close where it is
    half or more.
    Hoenig and Heisey 2001, "The abuse of power", on why observed power is not reported.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, nctdtrinc, stdtrit

from analysis.ablation.paired import PairedEffect
from analysis.intervals import Blocks

POWER = 0.8
MOST_SEEDS = 1000


def minimum_detectable_effect(effect: PairedEffect, *, alpha: float, power: float = POWER) -> float | None:
    """Return the true difference that blocks like these find with the given chance.

    Args:
        effect: For its standard error and degrees of freedom.
        alpha: Of the two-sided test.
        power: Chance of finding it, above ``alpha / 2``.

    Returns:
        A positive difference in the metric's unit; ``None`` without a standard error, or without spread.
    """
    if not effect.has_spread or effect.freedom is None or effect.standard_error is None:
        return None
    critical = float(stdtrit(effect.freedom, 1 - alpha / 2))
    return float(nctdtrinc(effect.freedom, 1 - power, critical)) * effect.standard_error


def seeds_to_decide(effect: PairedEffect, *, region: float, alpha: float, power: float = POWER) -> int | None:
    """Return the seeds per series, in all, with which the study would reach a verdict.

    An observed difference beyond the region is to be told from zero; one within it is to be shown equivalent, or told
    from zero, whichever takes fewer. Either way the truth is taken to be what was observed.

    Args:
        effect: The difference and the variance of each series.
        region: Half the width of the region of equivalence.
        alpha: What the look that decides may spend, corrected for the family by the caller.
        power: Chance of a verdict.

    Returns:
        The least number; ``None`` where a thousand are too few, or without spread to plan by.
    """
    if not effect.has_spread:
        return None
    seeds = np.arange(2, MOST_SEEDS + 1)
    variances = np.array([row.var(ddof=1) for row in effect.by_series()])
    errors = np.sqrt(variances.sum() / seeds) / len(variances)
    freedom = (seeds - 1) * variances.sum() / variances.max()
    mean = abs(effect.interval.mean)
    chances = _power_of_detection(mean, errors, freedom, alpha)
    if mean < region:  # either verdict would do; near the region's edge the difference is found before it is ruled out
        chances = np.maximum(chances, _power_of_equivalence(mean, errors, freedom, region, alpha))
    enough = seeds[chances >= power]
    return int(enough[0]) if len(enough) else None


def _power_of_detection(mean: float, errors: Blocks, freedom: Blocks, alpha: float) -> Blocks:
    critical = stdtrit(freedom, 1 - alpha / 2)
    return _chance_above(critical, freedom, mean / errors)


def _power_of_equivalence(mean: float, errors: Blocks, freedom: Blocks, region: float, alpha: float) -> Blocks:
    critical = stdtrit(freedom, 1 - alpha)
    below = _chance_above(critical, freedom, (region - mean) / errors)
    above = _chance_above(critical, freedom, (region + mean) / errors)
    return below + above - 1


def _chance_above(critical: NDArray[np.floating], freedom: Blocks, shift: Blocks) -> Blocks:
    # Far in its tail nctdtr gives NaN now and then, where it means a chance below 1e-6.
    return np.asarray(1 - np.nan_to_num(nctdtr(freedom, shift, critical)), dtype=np.float64)
