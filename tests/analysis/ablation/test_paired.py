"""Paired effects by hand, against scipy, and against the two classic mistakes: unpaired, and off by a factor."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.ablation.paired import PairedEffect, effect_over_series, paired_effect
from analysis.intervals import Blocks, paired_difference

NAN = np.nan


def compare(arm: Blocks, base: Blocks | None = None, **options: float) -> PairedEffect:
    effect = paired_effect(arm, np.zeros_like(arm) if base is None else base, **options)  # type: ignore[arg-type]
    assert effect is not None
    return effect


def test_one_series_is_the_textbook_paired_test() -> None:
    generator = np.random.default_rng(3)
    base = generator.normal(size=(1, 7))
    arm = base + 0.4 + generator.normal(scale=0.5, size=(1, 7))
    effect, expected = compare(arm, base), stats.ttest_rel(arm[0], base[0])
    interval = expected.confidence_interval()
    assert effect.p_value == pytest.approx(expected.pvalue)
    assert effect.freedom == pytest.approx(6)
    assert (effect.interval.low, effect.interval.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert effect.standard_error == pytest.approx(stats.sem(arm[0] - base[0]))
    assert effect.interval == paired_difference(arm, base)


def test_two_series_by_hand() -> None:
    # Differences 1 2 3 and 2 6 10: means 2 and 6, variances 1 and 16, variances of means 1/3 and 16/3.
    # Mean 4, standard error sqrt(17/3) / 2; the noisier series has 16/17 of the variance: 2 / (16/17) freedoms.
    effect = compare(np.array([[1.0, 2, 3], [2, 6, 10]]))
    error, freedom = math.sqrt(17 / 3) / 2, 2 * 17 / 16
    assert effect.interval.mean == 4
    assert effect.standard_error == pytest.approx(error)
    assert effect.freedom == pytest.approx(freedom)
    assert effect.p_value == pytest.approx(2 * stats.t.sf(4 / error, freedom))
    assert effect.interval.high == pytest.approx(4 + stats.t.ppf(0.975, freedom) * error)


def test_interval_and_p_value_agree_at_any_confidence() -> None:
    effect = compare(np.array([[1.0, 2, 3], [-2, 2, 4]]))
    assert effect.p_value is not None
    edge = compare(np.array([[1.0, 2, 3], [-2, 2, 4]]), confidence=1 - effect.p_value)
    assert edge.interval.low == pytest.approx(0)


def test_freedom_lies_between_the_safe_bound_and_satterthwaite() -> None:
    """Equal variances have all the freedom there is; one noisy series leaves its own."""
    generator = np.random.default_rng(5)
    for _ in range(50):
        values = generator.normal(size=(4, 5)) * generator.uniform(0.1, 5, size=(4, 1))
        variances = values.var(axis=1, ddof=1)
        effect = compare(values)
        assert effect.freedom is not None
        assert 4 <= effect.freedom <= 4 * variances.sum() ** 2 / (variances**2).sum()
    assert compare(np.array([[1.0, 2, 3], [4, 5, 6], [9, 10, 11]])).freedom == pytest.approx(6)
    assert compare(np.array([[1.0, 2, 3], [0, 1000, 2000]])).freedom == pytest.approx(2, abs=1e-5)


def test_an_unpaired_interval_would_not_pass() -> None:
    """Seeds move base and arm by far more than the part does: only pairing sees it."""
    base = np.array([[10.0, 20, 30, 40, 50]])
    arm = base - np.array([[1.0, 1.1, 0.9, 1.05, 0.95]])
    effect = compare(arm, base)
    assert effect.interval.high is not None
    assert effect.interval.high < -0.9
    assert stats.ttest_ind(arm[0], base[0]).pvalue > 0.9


def test_swapping_the_seeds_of_one_arm_breaks_the_pairing() -> None:
    base = np.array([[10.0, 20, 30, 40, 50]])
    arm = base - np.array([[1.0, 1.1, 0.9, 1.05, 0.95]])
    paired, crossed = compare(arm, base).standard_error, compare(arm[:, ::-1], base).standard_error
    assert paired is not None
    assert crossed is not None
    assert crossed > 100 * paired


def test_the_sign_is_arm_less_base() -> None:
    effect = compare(np.array([[1.0, 1.1, 1.3]]), np.array([[2.0, 2.2, 2.1]]))
    assert effect.interval.mean == pytest.approx(-2.9 / 3)
    assert effect.probability_of_improvement == 0


def test_effect_size_is_d_z_with_hedges_correction() -> None:
    # Mean 3, sd sqrt(2.5); J(4) = gamma(2) / (sqrt(2) gamma(1.5)) = 0.797885, not the 0.8 of its approximation.
    effect = compare(np.array([[1.0, 2, 3, 4, 5]]))
    assert effect.effect_size == pytest.approx(3 / math.sqrt(2.5) * 0.7978846)


def test_effect_size_pools_over_series_and_counts_each_mean() -> None:
    # Variances 1 and 16, two freedoms each: pooled 8.5; J(4) as above. Series means 2 and 60 add no spread.
    effect = compare(np.array([[1.0, 2, 3], [56, 60, 64]]))
    assert effect.effect_size == pytest.approx(31 / math.sqrt(8.5) * 0.7978846)


def test_effect_size_is_not_biased() -> None:
    """The mean of 4,000 estimates of 1.5 has a standard error near 0.013; five of those fail once in 1.7 million.

    Without the correction the mean would be 1.88.
    """
    generator = np.random.default_rng(11)
    sizes = [
        paired_effect(generator.normal(1.5, size=(1, 5)), np.zeros((1, 1)), n_resamples=0).effect_size  # type: ignore[union-attr]
        for _ in range(4000)
    ]
    standard_error = np.std(sizes) / math.sqrt(len(sizes))
    assert abs(np.mean(sizes) - 1.5) < 5 * standard_error < 0.1


def test_probability_of_improvement_is_a_share_of_blocks() -> None:
    # Above, above, tied, below: 2.5 of 4. A rank-biserial correlation would be 0.25; twice that is the classic slip.
    assert compare(np.array([[1.0, 2], [0, -1]])).probability_of_improvement == pytest.approx(2.5 / 4)


@pytest.mark.parametrize(("n", "expected"), [(1, 1.0), (5, 0.0625), (6, 0.03125), (10, 2 / 1024)])
def test_a_sign_flip_test_has_a_limit(n: int, expected: float) -> None:
    """Five blocks can never reach 0.05 this way; seven arms under Holm need nine."""
    assert compare(np.arange(1.0, n + 1)[None]).smallest_sign_flip_p == expected
    assert 7 * 2 / 2**8 > 0.05 > 7 * compare(np.arange(9.0)[None]).smallest_sign_flip_p


def test_blocks_are_kept_with_their_places() -> None:
    effect = compare(np.array([[1.0, NAN, 3], [NAN, 5, 6]]), np.array([[0.5, 1, 1], [1, 1, 1]]))
    found = [(block.series, block.seed, block.difference) for block in effect.blocks]
    assert found == [(0, 0, 0.5), (0, 2, 2.0), (1, 1, 4.0), (1, 2, 5.0)]
    assert (effect.n_blocks, effect.n_dropped) == (4, 2)
    assert [list(row) for row in effect.by_series()] == [[0.5, 2.0], [4.0, 5.0]]


def test_a_series_that_no_block_is_left_of_is_left_out() -> None:
    effect = compare(np.array([[NAN, NAN, NAN], [1.0, 2, 3]]))
    assert (effect.interval.n_series, effect.interval.mean, effect.n_dropped) == (1, 2, 3)
    assert [list(row) for row in effect.by_series()] == [[1.0, 2.0, 3.0]]


def test_nothing_shared_gives_nothing() -> None:
    assert paired_effect(np.array([[1.0, NAN]]), np.array([[NAN, 1.0]])) is None


def test_one_seed_has_a_mean_and_nothing_else() -> None:
    effect = compare(np.array([[1.0, NAN], [2.0, 3.0]]))
    assert effect.interval.mean == 1.75
    assert (effect.standard_error, effect.freedom, effect.p_value) == (None, None, None)
    assert (effect.interval.low, effect.bootstrap, effect.effect_size) == (None, None, None)
    assert not effect.has_spread


def test_without_spread_the_sign_test_takes_over() -> None:
    effect = compare(np.full((2, 5), -0.1))
    assert effect.p_value == 2 / 2**10
    assert (effect.standard_error, effect.freedom, effect.effect_size) == (0, math.inf, None)
    assert effect.bootstrap is None
    assert compare(np.full((1, 2), -0.1)).p_value == 0.5


def test_without_spread_only_blocks_that_moved_count() -> None:
    assert compare(np.array([[0.1] * 3, [0.0] * 3])).p_value == 0.25
    assert compare(np.array([[0.1] * 9, [-0.2] * 9])).p_value == 1
    assert compare(np.zeros((2, 3))).p_value == 1


def test_a_baseline_without_seeds_stands_in_every_block() -> None:
    values = np.array([[1.0, 2, 4], [3, 3, 5]])
    assert compare(values, np.array([[1.0], [2.0]])) == compare(values, np.array([[1.0] * 3, [2.0] * 3]))


def test_the_bootstrap_is_that_of_a_plain_loop() -> None:
    """Against a loop over resamples of its own, with another stream: quantiles move by 2 % of the width."""
    differences = np.array([[0.3, 1.4, 0.8, 2.6, 1.1, 0.2], [1.0, 1.7, 0.1, 2.2, 3.9, 0.5]])
    found = compare(differences).bootstrap
    generator = np.random.default_rng(1)
    statistics = []
    for _ in range(20000):
        drawn = [generator.choice(row, size=len(row)) for row in differences]
        error = math.sqrt(sum(row.var(ddof=1) / len(row) for row in drawn)) / 2
        if error > 0:
            statistics.append((np.mean([row.mean() for row in drawn]) - differences.mean()) / error)
    error = math.sqrt(sum(row.var(ddof=1) / len(row) for row in differences)) / 2
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    width = found.high - found.low
    assert found.low == pytest.approx(differences.mean() - np.quantile(statistics, 0.975) * error, abs=0.1 * width)
    assert found.high == pytest.approx(differences.mean() - np.quantile(statistics, 0.025) * error, abs=0.1 * width)


def test_the_bootstrap_leans_where_the_differences_do() -> None:
    effect = compare(np.array([[0.0, 0.1, 0.1, 0.2, 0.3, 0.4, 0.2, 3.0]]))
    assert effect.bootstrap is not None
    low, high = effect.bootstrap.low, effect.bootstrap.high
    assert low is not None
    assert high is not None
    assert high - effect.interval.mean > 2 * (effect.interval.mean - low)


def test_the_bootstrap_is_the_same_every_time() -> None:
    values = np.random.default_rng(2).normal(size=(2, 6))
    assert compare(values).bootstrap == compare(values).bootstrap


def test_the_bootstrap_needs_five_seeds_everywhere_and_enough_distinct_values() -> None:
    values = np.random.default_rng(2).normal(size=(2, 5))
    assert compare(values).bootstrap is not None
    assert compare(values, n_resamples=0).bootstrap is None
    values[1, 4] = NAN
    assert compare(values).bootstrap is None
    # Six in seven differences are zero: more than one resample in forty has no spread at all.
    assert compare(np.array([[0.0, 0, 0, 0, 0, 0, 1]])).bootstrap is None


def test_series_like_these_need_five_of_them() -> None:
    differences = np.array([[1.0, 1.2], [2, 2.2], [3, 3.2], [4, 4.2], [5, NAN]])
    over = effect_over_series(differences, np.zeros((5, 2)))
    expected = stats.ttest_1samp([1.1, 2.1, 3.1, 4.1, 5.0], 0).confidence_interval()
    assert over is not None
    assert (over.low, over.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert effect_over_series(differences[:4], np.zeros((4, 2))) is None
    differences[0] = NAN
    assert effect_over_series(differences, np.zeros((5, 2))) is None


def test_series_like_these_are_less_certain_than_these_series() -> None:
    generator = np.random.default_rng(4)
    values = generator.normal(size=(6, 1)) * 5 + generator.normal(size=(6, 5))
    over, these = effect_over_series(values, np.zeros((6, 1))), compare(values).interval
    assert over is not None
    assert over.low is not None
    assert these.low is not None
    assert over.mean == pytest.approx(these.mean)
    assert over.mean - over.low > 3 * (these.mean - these.low)
