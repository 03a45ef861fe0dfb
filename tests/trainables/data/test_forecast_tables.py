from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trainables.data.forecast_datasets import list_forecast_series, load_forecast_series
from trainables.data.forecast_series import ForecastSeries

N = 60


def write(root: Path, name: str = "s", *, suffix: str = "csv", n_rows: int = N, **columns: Sequence[object]) -> Path:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=n_rows), "b": rng.normal(size=n_rows), **columns})
    path = root / f"{name}.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    return path


def load(
    root: Path, dataset: str = "csv", *, timestamp: str | None = None, target: list[str] | None = None
) -> ForecastSeries:
    (series,) = load_forecast_series(dataset, root=root, names=None, timestamp=timestamp, target=target)
    return series


def hours(n: int = N) -> list[str]:
    return [str(time) for time in np.datetime64("2024-01-01T00:00:00") + np.arange(n) * np.timedelta64(3600, "s")]


def test_a_file_is_a_series(tmp_path: Path) -> None:
    write(tmp_path)
    series = load(tmp_path)
    assert (series.name, series.columns, series.targets) == ("s", ("a", "b"), (0, 1))
    assert series.borders == (42, 48, 60)
    assert series.season == 1
    assert series.timestamps is None
    assert series.notes == (
        "No clock is named (--timestamp): every row is taken as one regular step.",
        "No season is known.",
    )


def test_csv_and_parquet_are_the_same_series(tmp_path: Path) -> None:
    for suffix in ("csv", "parquet"):
        write(tmp_path, suffix=suffix, n_rows=100, t=hours(100))
    from_csv, from_parquet = (load(tmp_path, suffix, timestamp="t") for suffix in ("csv", "parquet"))
    assert from_csv.content_hash() == from_parquet.content_hash()
    assert from_csv.columns == from_parquet.columns


def test_a_folder_holds_many_in_natural_order_and_only_those_asked_for_are_read(tmp_path: Path) -> None:
    write(tmp_path, "s-2")
    (tmp_path / "s-10.csv").write_text("damaged")
    assert list_forecast_series("csv", tmp_path) == ("s-2", "s-10")
    assert [series.name for series in load_forecast_series("csv", root=tmp_path, names=["s-2"])] == ["s-2"]


class TestTimestamp:
    def test_the_season_follows_the_clock(self, tmp_path: Path) -> None:
        write(tmp_path, n_rows=100, t=hours(100))
        series = load(tmp_path, timestamp="t")
        assert series.season == 24
        assert series.columns == ("a", "b")
        assert series.timestamps is not None
        assert str(series.timestamps[-1]) == "2024-01-05T03:00:00"

    def test_daily_rows_have_weeks(self, tmp_path: Path) -> None:
        days = [str(day) for day in np.datetime64("2024-01-01") + np.arange(N)]
        write(tmp_path, t=days)
        assert load(tmp_path, timestamp="t").season == 7

    def test_numbers_are_seconds(self, tmp_path: Path) -> None:
        write(tmp_path, n_rows=100, t=[3600 * i for i in range(100)])
        series = load(tmp_path, timestamp="t")
        assert series.season == 24
        assert series.timestamps is None
        assert series.notes[0] == "The clock 't' holds plain numbers; they are taken as seconds."

    @pytest.mark.parametrize(
        ("times", "message"),
        [
            ([1, *range(1, N)], r"^row 2 of column 't' in .*s\.csv \('1'\) is not later than the row before it"),
            ([*range(5, N), 1, 2, 3, 4, 5], r"^row 56 of column 't' .* is not later than the row before it .*sort"),
            ([*range(N - 1), None], r"^row 60 of column 't' in .* is missing, but every row needs its time"),
            (["noon"] * N, r"^row 1 of column 't' in .* is 'noon', no ISO 8601 time"),
        ],
    )
    def test_it_has_to_rise(self, tmp_path: Path, times: list[object], message: str) -> None:
        write(tmp_path, t=times)
        with pytest.raises(ValueError, match=message):
            load(tmp_path, timestamp="t")

    def test_it_has_to_be_there(self, tmp_path: Path) -> None:
        write(tmp_path)
        with pytest.raises(ValueError, match=r"s\.csv has no column 't'; name one of 'a', 'b'$"):
            load(tmp_path, timestamp="t")

    def test_forgotten_it_is_an_error_that_names_the_option(self, tmp_path: Path) -> None:
        write(tmp_path, t=hours())
        with pytest.raises(ValueError, match=r"column 't' of .*s\.csv holds timestamp.*; name it with --timestamp if"):
            load(tmp_path)


def test_targets_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    assert load(tmp_path, target=["b"]).targets == (1,)
    with pytest.raises(ValueError, match=r"^target 'c' is no column of .*s\.csv; name one or more of 'a', 'b'$"):
        load(tmp_path, target=["c"])


def test_missing_cells_are_filled_forward(tmp_path: Path) -> None:
    write(tmp_path, c=[1.0, None, None, *range(4, N + 1)])
    series = load(tmp_path)
    assert series.values[:4, 2].tolist() == [1, 1, 1, 4]
    assert "Missing cells filled with the last value before them: 2 of 'c'." in series.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n", r"s\.csv names its columns but has no rows"),
        ("", r"s\.csv is empty \(0 bytes\)"),
        ("a;b\n1;2\n", r"s\.csv has a single column 'a;b'; separate the columns by commas"),
        ("a,b\n1,2\n3\n", r"s\.csv cannot be read as comma-separated text"),
        ("a\n1\n2\n3\n", r"^series 's' has 3 rows, but its borders \(2, 3, 3\) make train 2, validation 1, test 0"),
        ("a\n" + "1\n" * 59 + "many\n", r"^row 60 of column 'a' in .*s\.csv is 'many', not a number; name it with"),
        ("a,b\n" + "1,\n" * 60, r"s\.csv has no value at all in 'b'; fill the column or drop it"),
        (",a\n" + "1,2\n" * 60, r"column 1 of .*s\.csv is called '', like the row numbers that pandas writes"),
    ],
)
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
