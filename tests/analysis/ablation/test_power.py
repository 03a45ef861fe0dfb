"""Power against scipy, statsmodels' published numbers, and simulated studies."""

import numpy as np
import pytest
from scipy import stats

from analysis.ablation.paired import PairedEffect, paired_effect
from analysis.ablation.power import minimum_detectable_effect, seeds_to_decide
from analysis.ablation.verdicts import judge_part
from analysis.intervals import Blocks


def effect_of(differences: Blocks) -> PairedEffect:
    effect = paired_effect(differences, np.zeros_like(differences), n_resamples=0)
    assert effect is not None
    return effect


def standardised(mean: float, n: int) -> Blocks:
    """Return differences ``[1, n]`` of exactly this mean, with a standard deviation of exactly one."""
    values = np.linspace(-1, 1, n)
    return (mean + values / values.std(ddof=1))[None]


def test_the_detectable_effect_has_its_power() -> None:
    effect = effect_of(standardised(0.0, 8))
    detectable = minimum_detectable_effect(effect, alpha=0.05)
    assert detectable is not None
    chance = stats.nct.sf(stats.t.ppf(0.975, 7), 7, detectable * np.sqrt(8))
    assert chance == pytest.approx(0.8, abs=1e-4)


def test_the_detectable_effect_is_in_the_metrics_unit_and_ignores_the_mean() -> None:
    one, ten = standardised(0.3, 8), 10 * standardised(-5.0, 8)
    small, large = (minimum_detectable_effect(effect_of(values), alpha=0.05) for values in (one, ten))
    assert small is not None
    assert large == pytest.approx(10 * small)


def test_a_corrected_alpha_costs() -> None:
    effect = effect_of(standardised(0.0, 5))
    plain, corrected = (minimum_detectable_effect(effect, alpha=alpha) for alpha in (0.05, 0.05 / 7))
    assert plain is not None
    assert corrected is not None
    assert corrected > 1.5 * plain


@pytest.mark.parametrize(("effect_size", "expected"), [(0.5, 34), (0.8, 15), (1.0, 10)])
def test_the_seeds_for_a_difference_are_those_of_the_tables(effect_size: float, expected: int) -> None:
    """G*Power and statsmodels' ``TTestPower`` give 33.4, 14.3 and 9.9 pairs for 80 % at 0.05, two-sided."""
    effect = effect_of(standardised(effect_size, 9))
    assert seeds_to_decide(effect, region=0.01, alpha=0.05) == expected


def test_sign_and_unit_do_not_matter() -> None:
    values = standardised(0.8, 9)
    assert seeds_to_decide(effect_of(-100 * values), region=1.0, alpha=0.05) == 15


def test_several_series_need_fewer_seeds_each() -> None:
    values = standardised(0.5, 9)
    assert seeds_to_decide(effect_of(np.concatenate([values, values])), region=0.01, alpha=0.05) == 17


def test_near_the_edge_of_the_region_the_difference_is_found_before_it_is_ruled_out() -> None:
    near, beyond = (seeds_to_decide(effect_of(standardised(0.5, 9)), region=one, alpha=0.05) for one in (0.51, 0.01))
    assert near == beyond == 34


def test_beyond_a_thousand_seeds_none_are_named() -> None:
    assert seeds_to_decide(effect_of(standardised(0.01, 9)), region=0.001, alpha=0.05) is None


def test_without_spread_there_is_nothing_to_plan_by() -> None:
    for values in (np.full((1, 5), 0.1), np.array([[0.1]])):
        assert minimum_detectable_effect(effect_of(values), alpha=0.05) is None
        assert seeds_to_decide(effect_of(values), region=1.0, alpha=0.05) is None


def test_an_inconclusive_study_needs_more_than_it_has() -> None:
    """Of 300 noisy studies, every inconclusive one is told a larger number than its own; this holds for any draw."""
    generator = np.random.default_rng(8)
    n_inconclusive = 0
    for _ in range(300):
        effect = effect_of(generator.normal(generator.uniform(-1, 1), size=(2, 5)))
        verdict = judge_part(effect, region=0.3, adjusted_p=effect.p_value, alpha=0.05, higher_is_better=True)
        needed = seeds_to_decide(effect, region=0.3, alpha=0.05)
        if verdict.word == "inconclusive":
            n_inconclusive += 1
            assert needed is None or needed > 5
    assert n_inconclusive > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mean", "region", "word"),
    [(0.9, 0.1, "helps"), (0.4, 0.1, "helps"), (0.0, 0.8, "equivalent"), (0.2, 0.8, "equivalent")],
)
def test_the_seeds_decide_as_often_as_they_should(mean: float, region: float, word: str) -> None:
    """Of 2,000 studies with the seeds it names and two series, about 80 % reach the verdict.

    Long runs: 77.0, 80.7, 82.6 and 81.4 %. Whole seeds raise it; with six seeds, the first case, estimated degrees of
    freedom cost three per cent. 77.0 % fall below 73 % with a chance of 1e-5, 82.6 % rise above 86 % with one of 3e-5.
    """
    planned = effect_of(np.concatenate([standardised(-mean, 5), standardised(-mean, 5)]))
    n_seeds = seeds_to_decide(planned, region=region, alpha=0.05)
    assert n_seeds is not None
    generator = np.random.default_rng(9)
    words = []
    for _ in range(2000):
        effect = effect_of(generator.normal(-mean, size=(2, n_seeds)))
        verdict = judge_part(effect, region=region, adjusted_p=effect.p_value, alpha=0.05, higher_is_better=True)
        words.append(verdict.word)
    assert 0.73 <= words.count(word) / 2000 <= 0.86  # type: ignore[arg-type]
