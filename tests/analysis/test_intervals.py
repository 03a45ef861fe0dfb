"""Intervals against cases worked by hand, and against what they promise."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.intervals import mean_interval, paired_difference, rank_correlation

NAN = np.nan


def test_one_series_is_the_textbook_interval() -> None:
    # Mean 3, variance 2.5, standard error sqrt(2.5 / 5); t of 4 degrees of freedom at 97.5 % is 2.776445.
    interval = mean_interval(np.array([[1.0, 2, 3, 4, 5]]))
    assert interval is not None
    assert interval.mean == 3
    assert interval.low == pytest.approx(3 - 2.776445 * math.sqrt(0.5), abs=1e-5)
    assert interval.high == pytest.approx(3 + 2.776445 * math.sqrt(0.5), abs=1e-5)
    assert (interval.n_blocks, interval.n_series, interval.note) == (5, 1, "")


def test_series_are_strata_each_with_its_own_variance() -> None:
    # Means 2 and 20, variances 1 and 4: the mean is 11 and its variance (1/3 + 4/3) / 4 = 5/12. Degrees of freedom:
    # (5/3)^2 / ((1/3)^2 / 2 + (4/3)^2 / 2) = (25/9) / (17/18) = 50/17. How far apart the series are plays no part.
    interval = mean_interval(np.array([[1.0, 2, 3], [18, 20, 22]]))
    assert interval is not None
    half = stats.t.ppf(0.975, 50 / 17) * math.sqrt(5 / 12)
    assert interval.mean == 11
    assert (interval.low, interval.high) == (pytest.approx(11 - half), pytest.approx(11 + half))


def test_series_weigh_the_same_however_many_seeds_they_have() -> None:
    interval = mean_interval(np.array([[1.0, 2, 3], [20, 22, NAN]]))
    assert interval is not None
    # Variances 1 / 3 and 2 / 2: 16 / 9 over (1 / 9 / 2 + 1 / 1) gives 32 / 19 degrees of freedom.
    half = stats.t.ppf(0.975, 32 / 19) * math.sqrt((1 / 3 + 1) / 4)
    assert (interval.mean, interval.n_blocks) == (11.5, 5)
    assert interval.high == pytest.approx(11.5 + half)


def test_confidence_is_a_choice() -> None:
    narrow = mean_interval(np.array([[1.0, 2, 3]]), confidence=0.5)
    assert narrow is not None
    assert narrow.high == pytest.approx(2 + stats.t.ppf(0.75, 2) / math.sqrt(3))


def test_a_series_without_values_is_left_out() -> None:
    interval = mean_interval(np.array([[1.0, 3], [NAN, NAN]]))
    assert interval is not None
    assert (interval.mean, interval.n_series, interval.n_blocks) == (2, 1, 2)


def test_nothing_gives_nothing() -> None:
    assert mean_interval(np.full((2, 3), NAN)) is None
    assert mean_interval(np.empty((0, 1))) is None


def test_one_seed_has_no_interval() -> None:
    interval = mean_interval(np.array([[1.0], [3.0]]))
    assert interval is not None
    assert (interval.mean, interval.low, interval.high) == (2, None, None)
    assert interval.note == "one seed, so no interval"


def test_one_series_with_one_seed_denies_the_interval_to_all() -> None:
    interval = mean_interval(np.array([[1.0, 2, 3], [4.0, NAN, NAN]]))
    assert interval is not None
    assert interval.low is None


def test_two_seeds_are_marked() -> None:
    interval = mean_interval(np.array([[1.0, 2]]))
    assert interval is not None
    assert interval.low is not None
    assert interval.note == "two seeds, so indicative only"


def test_equal_values_leave_no_width() -> None:
    interval = mean_interval(np.full((2, 3), 0.1))
    assert interval is not None
    assert interval.low == interval.high == interval.mean == pytest.approx(0.1)
    assert interval.note == "no spread over the seeds"


def test_differences_are_taken_within_blocks() -> None:
    # Seeds move both arms by far more than they differ: unpaired, nothing could be seen.
    first = np.array([[1.0, 11, 21], [2, 12, 22]])
    second = first - np.array([[0.9, 1.0, 1.1], [1.9, 2.0, 2.1]])
    difference = paired_difference(first, second)
    assert difference is not None
    # Both series have variance 0.01: (0.01 / 3 + 0.01 / 3) / 4, with 4 degrees of freedom.
    half = stats.t.ppf(0.975, 4) * math.sqrt(0.01 / 6)
    assert difference.mean == pytest.approx(1.5)
    assert difference.low == pytest.approx(1.5 - half)
    assert (difference.n_blocks, difference.n_dropped) == (6, 0)


def test_a_block_that_one_arm_lacks_is_dropped_and_counted() -> None:
    difference = paired_difference(np.array([[1.0, 2, NAN, NAN]]), np.array([[0.0, 0, 5, NAN]]))
    assert difference is not None
    assert (difference.mean, difference.n_blocks, difference.n_dropped) == (1.5, 2, 1)


def test_no_shared_block_gives_no_difference() -> None:
    assert paired_difference(np.array([[1.0, NAN]]), np.array([[NAN, 1.0]])) is None


def test_what_draws_nothing_stands_in_every_block() -> None:
    difference = paired_difference(np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[1.0], [2.0]]))
    alone = mean_interval(np.array([[0.0, 1, 2], [2, 3, 4]]))
    assert difference == alone


def test_rounding_is_no_difference() -> None:
    difference = paired_difference(np.array([[0.1 + 0.2, 0.3]]), np.array([[0.3, 0.1 + 0.2]]))
    assert difference is not None
    assert (difference.low, difference.high) == (0, 0)


def test_the_opposite_difference_swaps_its_bounds() -> None:
    first, second = np.array([[1.0, 2, 4]]), np.array([[0.0, 3, 1]])
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there is not None
    assert there.negated() == back


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_seeds", "sds"), [(3, (1.0,)), (5, (1.0, 1.0)), (5, (1.0, 5.0)), (10, (1.0, 2.0, 3.0)), (3, (1.0, 4.0))]
)
def test_coverage_is_what_is_promised(n_seeds: int, sds: tuple[float, ...]) -> None:
    """19 of 20 intervals hold the true mean.

    Of 4,000, a true share of 95 % falls below 93.6 % with a chance of 2e-5 and above 97 % with one of 3e-9; few seeds
    in several series make the interval slightly too wide, since Satterthwaite's degrees of freedom are estimated.
    """
    generator = np.random.default_rng(20260102)
    held = 0
    for _ in range(4000):
        interval = mean_interval(generator.normal(scale=np.array(sds)[:, None], size=(len(sds), n_seeds)))
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 0 <= interval.high
    assert 0.936 <= held / 4000 <= 0.97


def test_a_rank_correlation_by_hand() -> None:
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: squared differences add up to 4, so 1 - 6 * 4 / (5 * 24) = 0.8.
    found = rank_correlation([0.1, 0.2, 0.5, 3.0, 9.0], [2.0, 1.0, 4.0, 3.0, 5.0])
    assert found is not None
    assert found.value == pytest.approx(0.8)
    half = stats.norm.ppf(0.975) * math.sqrt((1 + 0.8**2 / 2) / 2)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.8) - half))
    assert found.high == pytest.approx(math.tanh(math.atanh(0.8) + half))


def test_a_partial_rank_correlation_is_that_within_groups() -> None:
    """Groups lie far apart and agree on that; within each, the order is reversed."""
    first = [1.0, 2.0, 3.0, 11.0, 12.0, 13.0]
    second = [3.0, 2.0, 1.0, 13.0, 12.0, 11.0]
    plain, partial = rank_correlation(first, second), rank_correlation(first, second, groups=[5.0] * 3 + [None] * 3)
    assert plain is not None
    assert plain.value > 0.5
    assert partial is not None
    assert (partial.value, partial.n) == (pytest.approx(-1), 5)
    assert rank_correlation(first, second, groups=list(range(6))) is None


def test_ranks_of_ties_are_those_of_scipy() -> None:
    first, second = [1.0, 1.0, 2.0, 3.0, 3.0, 3.0], [1.0, 2.0, 2.0, 5.0, 4.0, 5.0]
    found = rank_correlation(first, second)
    assert found is not None
    assert found.value == pytest.approx(stats.spearmanr(first, second).statistic)


def test_rank_correlations_at_the_ends() -> None:
    assert rank_correlation([1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 5.0, 5.0]) is None
    few = rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert few is not None
    assert (few.value, few.low, few.high, few.n) == (1.0, None, None, 3)
    perfect = rank_correlation(list(range(20)), list(range(20, 0, -1)))
    assert perfect is not None
    assert perfect.value == -1.0
    assert perfect.low is not None
    assert perfect.high is not None
    assert -1 <= perfect.low < perfect.high < -0.9


def test_intervals_of_rank_correlations_hold_the_truth_as_often_as_they_say() -> None:
    """2,000 samples of 20 pairs each: fails falsely about once in 10,000 times, if 95 % is true."""
    rng, truth = np.random.default_rng(0), 6 / math.pi * math.asin(0.6 / 2)  # of normal pairs with correlation 0.6
    held = 0
    for _ in range(2000):
        first = rng.standard_normal(20)
        found = rank_correlation(list(first), list(0.6 * first + 0.8 * rng.standard_normal(20)))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 0.93 < held / 2000 < 0.97
