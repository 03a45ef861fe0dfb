import numpy as np
import pytest

from trainables.data.regular_steps import RegularSteps, keep_row_order, place_on_steps

START = np.datetime64("2024-01-01T00:00:00", "s")


def place(seconds: list[float], values: list[float] | None = None) -> RegularSteps:
    times = START + np.array(seconds, dtype="timedelta64[s]")
    return place_on_steps(np.array([values or range(len(seconds))], dtype=np.float64).T, times)


def test_regular_rows_stay_as_they_are() -> None:
    steps = place([0, 60, 120])
    assert steps.step_s == 60
    assert steps.values.tolist() == [[0], [1], [2]]
    assert steps.timestamps is not None
    assert steps.timestamps.tolist() == [START.item(), (START + 60).item(), (START + 120).item()]
    assert steps.notes == ()


def test_jitter_is_put_right_and_said() -> None:
    steps = place([0, 61, 119, 179, 239, 299])
    assert steps.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert steps.values.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert steps.timestamps is not None
    assert (np.diff(steps.timestamps) == np.timedelta64(60, "s")).all()
    assert steps.notes == (
        "5 of 6 rows lie off the regular steps of 60 s, by 1 s at most; each is taken for the nearest step.",
    )


def test_a_clock_that_always_jitters_keeps_every_row() -> None:
    rng = np.random.default_rng(0)
    seconds = 60 * np.arange(10_000) + rng.integers(-10, 11, size=10_000)
    steps = place((seconds - seconds[0]).tolist())
    assert steps.step_s == pytest.approx(60, abs=0.01)
    assert steps.steps.tolist() == list(range(10_000))


def test_a_drifting_clock_loses_no_row() -> None:
    """As in the Bitbrains traces: now and then a second is lost, four minutes in a month."""
    seconds = 300 * np.arange(8640) + np.arange(8640) // 36
    steps = place(seconds.tolist())
    assert steps.step_s == 300
    assert np.isfinite(steps.values).sum() == 8640
    assert len(steps.values) == 8641  # the one step that was skipped


def test_rows_of_one_step_are_averaged_over_what_is_there() -> None:
    times = START + np.array([0, 60, 80, 120, 180, 240], dtype="timedelta64[s]")
    nan = np.nan
    values = np.array([[1, 1], [2, nan], [4, 7], [nan, 3], [5, 4], [6, 5]], dtype=np.float64)
    steps = place_on_steps(values, times)
    np.testing.assert_array_equal(steps.values, [[1, 1], [3, 7], [nan, 3], [5, 4], [6, 5]])
    assert steps.notes[-1] == "1 rows share their step with the row before; the rows of one step are averaged."


def test_steps_without_a_row_are_missing() -> None:
    steps = place([0, 60, 120, 300, 360])
    np.testing.assert_array_equal(steps.values.ravel(), [0, 1, 2, np.nan, np.nan, 3, 4])
    assert steps.steps.tolist() == list(range(7))


def test_a_long_gap_costs_no_memory() -> None:
    steps = place([0, 60, 120, 180, 60 * 10**9])
    assert steps.steps.tolist() == [0, 1, 2, 3, 10**9]
    assert len(steps.values) == 5


@pytest.mark.parametrize("stray", [1e30, np.inf])
def test_a_stray_number_in_the_clock_is_far_away(stray: float) -> None:
    steps = place_on_steps(np.zeros((5, 1)), np.array([0, 1, 2, 3, stray]))
    assert steps.steps[-1] > 10**12
    assert steps.timestamps is None


def test_numbers_are_a_clock_without_a_calendar() -> None:
    steps = place_on_steps(np.zeros((3, 1)), np.array([0.5, 1.0, 1.5]))
    assert steps.step_s == 0.5
    assert steps.timestamps is None


def test_months_are_taken_in_order() -> None:
    months = np.arange("2020-01", "2024-01", dtype="datetime64[M]").astype("datetime64[ns]")
    steps = place_on_steps(np.arange(48.0)[:, None], months)
    assert steps.values.ravel().tolist() == list(range(48))
    assert steps.step_s is None
    assert steps.notes == (
        "The median step of 31 days follows the calendar: the rows are taken in order, and no missing step is looked "
        "for.",
    )


def test_a_single_row_is_a_step() -> None:
    assert place([0]).values.tolist() == [[0]]


def test_rows_in_order_keep_their_days() -> None:
    days = np.array(["2024-01-05", "2024-01-08"], dtype="datetime64[D]")
    steps = keep_row_order(np.zeros((2, 1)), days)
    assert steps.steps.tolist() == [0, 1]
    assert steps.timestamps is not None
    assert str(steps.timestamps[1]) == "2024-01-08T00:00:00"
    assert steps.step_s is None
    assert keep_row_order(np.zeros((2, 1))).timestamps is None
