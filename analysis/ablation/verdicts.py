"""One of five words about a part: whether the base is better for it.

``equivalent`` comes before ``helps`` and ``hurts``: a difference that is beyond doubt and too small to matter is one
that nobody should keep a part for. ``inconclusive`` is not "no effect": it says that these seeds cannot tell.

What multiplicity means for each word:

- ``helps`` and ``hurts`` follow Holm's adjusted p, so the chance of any of them about a part without effect is at most
  alpha in the whole table.
- ``equivalent`` errs about other parts, those that do matter: no part can be both. So the equivalence tests are a
  family of their own. :func:`judge_parts` corrects it by Holm as well, and the chance of any part that matters being
  called equivalent is at most alpha too; either mistake at all, at most twice alpha. :func:`judge_part` alone, without
  ``adjusted_equivalence_p``, makes each equivalence claim at alpha by itself, and seven of them err up to seven times
  as often.
- Equivalences do not add up: two parts that each do nothing may back each other up. Only their joint removal, the
  factorial, can say.

No spread over the seeds: a difference of exactly zero in every block is what identical models give, and is called
equivalent (``identical``) without a test. A metric that is saturated or coarse gives it too, so the reason says how it
was come to. Any other constant difference is judged by exact sign tests, which need blocks enough: 2 / 2 ** n.

References:
    Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power approach"; Lakens 2017,
    "Equivalence tests", for the region set beforehand by what matters, not by what can be shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtr, stdtrit

from analysis.ablation.multiplicity import holm
from analysis.ablation.paired import PairedEffect

Word = Literal["helps", "hurts", "equivalent", "inconclusive", "unjudged"]
Reason = Literal["too few blocks", "identical", "within the region", "difference beyond doubt", "neither shown"]

FEWEST_BLOCKS = 3
"""With two seeds of one series there is one degree of freedom, and no telling noise from skew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartVerdict:
    """What can be said about a part, and what it follows from."""

    word: Word
    reason: Reason
    gain: float | None
    """What the part adds: base less arm, turned so that higher is better; ``None`` without a shared block."""
    region: float
    alpha: float
    adjusted_p: float | None
    """Of no difference."""
    equivalence_p: float | None
    """Of a difference as large as the region or larger; adjusted where it was judged so."""
    equivalence_low: float | None
    """Bounds for arm less base at 1 - 2 alpha, unadjusted; ``None`` without a standard error."""
    equivalence_high: float | None


def judge_parts(
    effects: Sequence[PairedEffect | None], *, region: float, alpha: float, higher_is_better: bool
) -> tuple[PartVerdict, ...]:
    """Judge a family of arms, with Holm's correction of both kinds of claim.

    Args:
        effects: Of all arms of the family on the primary metric.
        region: As for :func:`judge_part`.
        alpha: What this look may spend, see :func:`analysis.ablation.multiplicity.alpha_of_look`.
        higher_is_better: Direction of the metric.
    """
    adjusted = holm([effect.p_value if effect and effect.n_blocks >= FEWEST_BLOCKS else None for effect in effects])
    equivalences = holm([equivalence_p(effect, region=region) if effect else None for effect in effects])
    return tuple(
        judge_part(
            effect,
            region=region,
            adjusted_p=p,
            alpha=alpha,
            higher_is_better=higher_is_better,
            adjusted_equivalence_p=equivalence,
        )
        for effect, p, equivalence in zip(effects, adjusted, equivalences, strict=True)
    )


def judge_part(
    effect: PairedEffect | None,
    *,
    region: float,
    adjusted_p: float | None,
    alpha: float,
    higher_is_better: bool,
    adjusted_equivalence_p: float | None = None,
) -> PartVerdict:
    """Judge one part by its paired effect.

    Args:
        effect: Arm less base; ``None`` where they share no block.
        region: Half the width of the region of practical equivalence, in the metric's unit, set before the study.
        adjusted_p: Of no difference, corrected for the family (:func:`analysis.ablation.multiplicity.holm`).
        alpha: What this look may spend.
        higher_is_better: Direction of the metric.
        adjusted_equivalence_p: :func:`equivalence_p` corrected for the family; ``None`` to judge this claim alone.

    Raises:
        ValueError: If the region is negative.
    """
    own_p = equivalence_p(effect, region=region) if effect else None
    equivalence = own_p if adjusted_equivalence_p is None else adjusted_equivalence_p
    low, high = _equivalence_bounds(effect, alpha)
    word, reason = _decide(effect, adjusted_p, equivalence, alpha, higher_is_better)
    gain = None if effect is None else _gain(effect, higher_is_better)
    return PartVerdict(
        word=word,
        reason=reason,
        gain=gain,
        region=region,
        alpha=alpha,
        adjusted_p=adjusted_p,
        equivalence_p=equivalence,
        equivalence_low=low,
        equivalence_high=high,
    )


def equivalence_p(effect: PairedEffect, *, region: float) -> float | None:
    """Test that the difference is as large as the region or larger, by two one-sided t tests: the larger p of both.

    Returns:
        The p value; without spread, that of the exact one-sided sign test, and 0 for a difference of exactly zero in
        every block; ``None`` with fewer than two seeds in some series, or fewer than three blocks.

    Raises:
        ValueError: If the region is negative.
    """
    if region < 0:
        raise ValueError(f"The region of equivalence is {region}, but must not be negative; 0 claims no equivalence.")
    if effect.standard_error is None or effect.freedom is None or effect.n_blocks < FEWEST_BLOCKS:
        return None
    if effect.standard_error > 0:
        return float(stdtr(effect.freedom, (abs(effect.interval.mean) - region) / effect.standard_error))
    if _is_identical(effect):
        return 0.0
    inside = all(abs(block.difference) < region for block in effect.blocks)
    return float(0.5**effect.n_blocks) if inside else 1.0


def _decide(
    effect: PairedEffect | None, p: float | None, equivalence: float | None, alpha: float, higher_is_better: bool
) -> tuple[Word, Reason]:
    if effect is None or p is None or equivalence is None:
        return "unjudged", "too few blocks"
    if _is_identical(effect):
        return "equivalent", "identical"
    if equivalence <= alpha:
        return "equivalent", "within the region"
    if p <= alpha:
        return ("helps" if _gain(effect, higher_is_better) > 0 else "hurts"), "difference beyond doubt"
    return "inconclusive", "neither shown"


def _gain(effect: PairedEffect, higher_is_better: bool) -> float:
    return -effect.interval.mean if higher_is_better else effect.interval.mean


def _is_identical(effect: PairedEffect) -> bool:
    return all(block.difference == 0 for block in effect.blocks)


def _equivalence_bounds(effect: PairedEffect | None, alpha: float) -> tuple[float | None, float | None]:
    if effect is None or effect.standard_error is None or effect.freedom is None:
        return None, None
    if effect.standard_error == 0:
        return effect.interval.mean, effect.interval.mean
    half = float(stdtrit(effect.freedom, 1 - alpha)) * effect.standard_error
    return effect.interval.mean - half, effect.interval.mean + half
