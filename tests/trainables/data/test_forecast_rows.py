from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trainables.data.files import TableFile
from trainables.data.forecast_rows import ForecastRows, make_series, read_rows
from trainables.data.forecast_rules import ForecastChoices, ForecastRules, split_by_percent
from trainables.data.forecast_series import ForecastSeries

NAN = float("nan")
BORDERS = split_by_percent(train=70, test=20)


def rows(*columns: list[float], times: Any = None) -> ForecastRows:
    values = np.array(columns, dtype=np.float64).T
    return ForecastRows(path=Path("a.csv"), columns=tuple("xyz"[: len(columns)]), values=values, times=times)


def make(read: ForecastRows, *, targets: tuple[str, ...] | None = None, **rules: Any) -> ForecastSeries:
    return make_series("s", read, ForecastChoices(targets=targets), ForecastRules(borders=BORDERS, **rules))


def rising(n: int) -> list[float]:
    return [float(i) for i in range(1, n + 1)]


def test_rows_become_a_series() -> None:
    series = make(rows(rising(20), rising(20)), notes=("Read.",))
    assert series.name == "s"
    assert series.columns == ("x", "y")
    assert series.targets == (0, 1)
    assert series.borders == (14, 16, 20)
    assert series.values.dtype == np.float32
    assert series.timestamps is None
    assert series.notes == ("Read.", "No season is known.")


def test_what_was_filled_and_cut_is_counted() -> None:
    start = np.datetime64("2024-01-01T00:00:00", "s")
    hours = np.array([0, 1, 30, *range(31, 60), 62, 63, 64])
    x, y = rising(35), rising(35)
    y[5] = NAN
    series = make(rows(x, y, times=start + hours * np.timedelta64(3600, "s")))
    assert series.values.shape == (35, 2)  # hours 30 to 64, with 60 and 61 filled
    assert series.values[30:33].tolist() == [[32, 32], [32, 32], [33, 33]]
    assert series.values[3].tolist() == [6, 5]
    assert series.timestamps is not None
    assert str(series.timestamps[0]) == "2024-01-02T06:00:00"
    assert series.notes == (
        "2 of 35 steps (5.71%) have no value; they repeat the one before them.",
        "Missing cells filled with the last value before them: 1 of 'y'.",
        "Gaps of more than 12 steps, or missing values at the start, cut the series: only the longest complete stretch "
        "is kept, 2024-01-02T06:00:00 to 2024-01-03T16:00:00; 2 of 37 steps are dropped.",
        "A season of 24 steps does not fit twice into 24 train steps; none is assumed.",
    )


def test_cut_rows_without_a_calendar_are_counted_from_1() -> None:
    assert "is kept, rows 3 to 32; 2 of 32 steps are dropped." in make(rows([NAN, NAN, *rising(30)])).notes[0]


def test_borders_that_count_every_row_allow_no_cut() -> None:
    with pytest.raises(ValueError, match=r"^a\.csv has a gap of more than 12 steps, but its published borders count"):
        make(rows([*rising(30), *[NAN] * 13, 1.0]), must_be_complete=True)


class TestTargets:
    def test_the_users_choice_comes_first(self) -> None:
        read = rows(rising(20), rising(20), rising(20))
        assert make(read, default_targets=("y",)).targets == (1,)
        assert make(read, default_targets=("y",), targets=("z", "x")).targets == (2, 0)

    def test_an_unknown_one_is_answered_by_the_columns(self) -> None:
        with pytest.raises(ValueError, match=r"^target 'w' is no column of a\.csv; name one or more of 'x', 'y'$"):
            make(rows(rising(20), rising(20)), targets=("w",))

    def test_what_stands_still_in_the_train_part_is_left_out(self) -> None:
        # A capacity that is changed in the test part, and one that only shows the last bits of its computation.
        y = [5.0] * 19 + [1e6]
        z = [11703.997, 11703.998] * 10
        series = make(rows(rising(20), y, z))
        assert (series.columns, series.targets, series.values.shape) == (("x",), (0,), (20, 1))
        assert series.notes[-1] == "Constant in the train part, so left out: 'y', 'z'."

    def test_to_ask_for_it_is_an_error(self) -> None:
        with pytest.raises(ValueError, match=r"^target 'y' of a\.csv is constant in its train part, .* of 'x'$"):
            make(rows(rising(20), [5.0] * 20), targets=("y",))

    def test_something_has_to_move(self) -> None:
        with pytest.raises(ValueError, match=r"^every column of a\.csv is constant in its train part; give at least"):
            make(rows([0.0] * 20))


def test_columns_that_are_never_there_together_are_an_error() -> None:
    read = rows([*rising(10), *[NAN] * 30], [*[NAN] * 30, *rising(10)])
    with pytest.raises(ValueError, match=r"^no row of a\.csv has a value in every column, even with gaps of up to 12"):
        make(read)


def test_a_short_series_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"^series 's' has 9 rows, but its borders .* make train 6, validation 2, test 1"
    ):
        make(rows(rising(9)))


@pytest.mark.parametrize("n_rows", [1, 2])
def test_so_is_one_that_is_too_short_to_move(n_rows: int) -> None:
    with pytest.raises(ValueError, match=rf"^series 's' has {n_rows} rows, but its borders"):
        make(rows(rising(n_rows)))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, r"^a\.csv has no column of numbers; give it at least one beside the clock$"),
        ({"x": ["1", "off"]}, r"^row 2 of column 'x' in a\.csv is 'off', not a number; drop it$"),
        ({"x": [1.0, float("inf")]}, r"^row 2 of column 'x' in a\.csv is inf, but a value must be finite"),
        ({"x": [1.0, -1e39]}, r"^row 2 of column 'x' in a\.csv is -1e\+39, but a value must be finite and fit 32 bits"),
        (
            {"x": [1.0, 2.0], "y": [None, None]},
            r"^a\.csv has no value at all in 'y'; fill the column or drop it$",
        ),
    ],
)
def test_cells_are_numbers(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rows(TableFile(path=Path("a.csv"), table=pa.table(columns)), None, way_out="drop it")
