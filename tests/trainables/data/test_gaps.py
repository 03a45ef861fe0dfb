import numpy as np
import pytest

from trainables.data.gaps import LONGEST_FILL, fill_gaps

NAN = float("nan")


def fill(*columns: list[float], steps: list[int] | None = None) -> tuple[list[list[float]], list[int]]:
    """The kept rows, and the filled cells per column."""
    values = np.array(columns, dtype=np.float64).T
    filled = fill_gaps(values, np.array(steps if steps is not None else range(len(values))))
    return filled.values[filled.kept].tolist(), filled.n_filled.tolist()


def test_a_short_gap_takes_the_last_value_and_never_the_next() -> None:
    assert fill([1, NAN, NAN, 4], [5, 6, NAN, 8]) == ([[1, 5], [1, 6], [1, 6], [4, 8]], [2, 1])


@pytest.mark.parametrize("n_missing", [LONGEST_FILL, LONGEST_FILL + 1])
def test_twelve_missing_steps_are_filled_and_thirteen_cut_the_series(n_missing: int) -> None:
    rows, n_filled = fill([1, 2, *[NAN] * n_missing, 3, 4, 5])
    if n_missing == LONGEST_FILL:
        assert rows == [[1], [2], *[[2]] * LONGEST_FILL, [3], [4], [5]]
        assert n_filled == [LONGEST_FILL]
    else:
        assert rows == [[3], [4], [5]]  # the first steps of the gap are not filled, either
        assert n_filled == [0]


def test_missing_steps_count_like_missing_rows() -> None:
    # Steps 3 to 13 have no row: with the two missing cells beside them, thirteen steps are missing.
    assert fill([1, 2, NAN, NAN, 5, 6, 7], steps=[0, 1, 2, 14, 15, 16, 17]) == ([[5], [6], [7]], [0])
    # Complete rows on both sides of a jump are two stretches.
    assert fill([1, 2, 3, 4, 5], steps=[0, 1, 20, 21, 22]) == ([[3], [4], [5]], [0])


def test_what_has_nothing_before_it_is_dropped() -> None:
    assert fill([NAN, NAN, 3, 4, 5], [1, 2, 3, 4, NAN]) == ([[3, 3], [4, 4], [5, 4]], [0, 1])


def test_a_gap_at_the_end_is_filled_if_it_is_short() -> None:
    assert fill([1, 2, NAN]) == ([[1], [2], [2]], [1])
    assert fill([1, 2, *[NAN] * 13]) == ([[1], [2]], [0])


def test_of_equal_stretches_the_first_is_kept() -> None:
    assert fill([1, 2, *[NAN] * 13, 3, 4]) == ([[1], [2]], [0])


def test_columns_that_never_meet_leave_nothing() -> None:
    assert fill([1, 1, *[NAN] * 20], [*[NAN] * 20, 1, 1]) == ([], [0, 0])


def test_a_filled_cell_depends_on_earlier_cells_alone() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 3))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0] = 0
    steps = np.arange(400)
    whole = fill_gaps(values, steps).values
    for end in range(50, 400, 50):
        later = values.copy()
        later[end:][~np.isnan(later[end:])] += 100
        np.testing.assert_array_equal(fill_gaps(later, steps).values[:end], whole[:end])
