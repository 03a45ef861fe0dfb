"""The five words, each from blocks small enough to follow."""

import numpy as np
import pytest
from scipy import stats

from analysis.ablation.paired import PairedEffect, paired_effect
from analysis.ablation.verdicts import PartVerdict, equivalence_p, judge_part, judge_parts
from analysis.intervals import Blocks

CLEAR = np.array([[-2.0, -2.1, -1.9, -2.2, -1.8]])
SMALL = np.array([[-0.20, -0.21, -0.19, -0.22, -0.18]])
NOISY = np.array([[-2.0, 2.1, 1.9, -2.2, 1.8]])


def effect_of(differences: Blocks) -> PairedEffect:
    effect = paired_effect(differences, np.zeros_like(differences), n_resamples=0)
    assert effect is not None
    return effect


def judge(differences: Blocks, *, region: float = 0.5, alpha: float = 0.05, higher: bool = True) -> PartVerdict:
    effect = effect_of(differences)
    return judge_part(effect, region=region, adjusted_p=effect.p_value, alpha=alpha, higher_is_better=higher)


def test_an_arm_that_lies_below_the_base_says_that_the_part_helps() -> None:
    verdict = judge(CLEAR)
    assert (verdict.word, verdict.reason, verdict.gain) == ("helps", "difference beyond doubt", 2.0)


def test_an_arm_that_lies_above_the_base_says_that_the_part_hurts() -> None:
    assert judge(-CLEAR).word == "hurts"
    assert judge(-CLEAR).gain == -2


def test_where_lower_is_better_the_words_swap() -> None:
    assert judge(CLEAR, higher=False).word == "hurts"
    assert judge(-CLEAR, higher=False).word == "helps"
    assert judge(-CLEAR, higher=False).gain == 2


def test_a_difference_beyond_doubt_that_is_too_small_to_matter_is_equivalent() -> None:
    verdict = judge(SMALL)
    assert verdict.adjusted_p is not None
    assert verdict.adjusted_p < 0.001
    assert (verdict.word, verdict.reason) == ("equivalent", "within the region")
    assert judge(SMALL, region=0.1).word == "helps"


def test_noise_is_inconclusive_and_not_equivalent() -> None:
    assert (judge(NOISY).word, judge(NOISY).reason) == ("inconclusive", "neither shown")


def test_it_is_the_adjusted_p_that_counts() -> None:
    found = [
        judge_part(effect_of(CLEAR), region=0.5, adjusted_p=p, alpha=0.03, higher_is_better=True).word
        for p in (0.03, 0.031)
    ]
    assert found == ["helps", "inconclusive"]


def test_equivalence_is_two_one_sided_t_tests() -> None:
    effect = effect_of(np.array([[-0.3, 0.2, 0.1, 0.4, -0.1, 0.0]]))
    values = [block.difference for block in effect.blocks]
    below = stats.ttest_1samp(values, 0.5, alternative="less").pvalue
    above = stats.ttest_1samp(values, -0.5, alternative="greater").pvalue
    assert equivalence_p(effect, region=0.5) == pytest.approx(max(below, above))


def test_equivalence_is_an_interval_inside_the_region() -> None:
    """At the region that the 90 % interval just reaches, p is 0.05."""
    effect = effect_of(np.array([[-0.3, 0.2, 0.1, 0.4, -0.1, 0.0]]))
    verdict = judge_part(effect, region=1.0, adjusted_p=1.0, alpha=0.05, higher_is_better=True)
    assert verdict.equivalence_low is not None
    assert verdict.equivalence_high is not None
    assert verdict.equivalence_high > -verdict.equivalence_low > 0
    assert equivalence_p(effect, region=verdict.equivalence_high) == pytest.approx(0.05)


def test_a_family_is_corrected_for_both_claims() -> None:
    effects = [effect_of(CLEAR), effect_of(SMALL), effect_of(NOISY), None]
    found = judge_parts(effects, region=0.5, alpha=0.05, higher_is_better=True)
    assert [verdict.word for verdict in found] == ["helps", "equivalent", "inconclusive", "unjudged"]
    p_values = sorted(effect.p_value for effect in effects if effect and effect.p_value is not None)
    # SMALL's t is 28.3 as CLEAR's is: both p are equal, so both are multiplied by three.
    assert found[1].adjusted_p == pytest.approx(3 * p_values[0])
    own = equivalence_p(effect_of(SMALL), region=0.5)
    assert own is not None
    assert found[1].equivalence_p == pytest.approx(3 * own)


def test_a_large_family_denies_what_one_arm_alone_would_get() -> None:
    close = np.array([[-0.9, 0.7, 0.1, -0.4, 0.5, -0.1, 0.2, -0.2]])
    assert judge(close, region=0.52).word == "equivalent"
    found = judge_parts([effect_of(close)] * 7, region=0.52, alpha=0.05, higher_is_better=True)
    assert {verdict.word for verdict in found} == {"inconclusive"}


def test_too_few_blocks_are_not_judged() -> None:
    for differences in (np.array([[1.0, 1.001]]), np.array([[1.0], [1.0]]), np.array([[1.0, 1.1], [1.0, np.nan]])):
        verdict = judge(differences)
        assert (verdict.word, verdict.reason) == ("unjudged", "too few blocks")
    verdict = judge_part(None, region=0.5, adjusted_p=None, alpha=0.05, higher_is_better=True)
    assert (verdict.word, verdict.gain, verdict.equivalence_low) == ("unjudged", None, None)


def test_arms_with_too_few_blocks_cost_the_family_nothing() -> None:
    effects = [effect_of(CLEAR), effect_of(np.array([[1.0, 1.1]]))]
    found = judge_parts(effects, region=0.5, alpha=0.05, higher_is_better=True)
    assert found[0].adjusted_p == effects[0].p_value
    assert found[1].word == "unjudged"


def test_identical_models_are_equivalent_whatever_the_region() -> None:
    for region in (0.0, 0.01):
        verdict = judge(np.zeros((1, 3)), region=region)
        assert (verdict.word, verdict.reason, verdict.equivalence_p) == ("equivalent", "identical", 0.0)


def test_a_constant_difference_needs_enough_blocks() -> None:
    """Without spread the exact sign tests decide: 2 / 2 ** n for a difference, 1 / 2 ** n for equivalence."""
    assert judge(np.full((1, 5), -0.1), region=0.01).word == "inconclusive"
    assert judge(np.full((1, 6), -0.1), region=0.01).word == "helps"
    assert judge(np.full((1, 4), -0.1)).word == "inconclusive"
    assert judge(np.full((1, 5), -0.1)).word == "equivalent"
    assert judge(np.array([[-9.0] * 5, [9.0] * 5])).word == "inconclusive"


def test_a_negative_region_is_refused() -> None:
    with pytest.raises(ValueError, match="region of equivalence is -0.1"):
        judge(CLEAR, region=-0.1)


def test_a_region_of_zero_claims_no_equivalence() -> None:
    assert judge(NOISY, region=0.0).word == "inconclusive"
    assert judge(SMALL, region=0.0).word == "helps"
