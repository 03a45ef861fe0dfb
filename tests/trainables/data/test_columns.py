import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trainables.data.columns import check_clock, to_clock, to_labels, to_numbers, to_precise_numbers
from trainables.data.files import TableFile


def table_file(**columns: object) -> TableFile:
    return TableFile(path=Path("a.csv"), table=pa.table(columns))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False]),
        pa.array([1, 0], pa.uint64()),
        pa.array([1, 0], pa.float16()),
        pa.array([Decimal("1.0"), Decimal("0.0")]),
        pa.array(["1", "0.0"]),
        pa.array(["1", "0"], pa.large_string()),
        pa.array(["1", "0"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_whatever_reads_as_a_number_is_one(column: pa.Array) -> None:
    numbers = to_numbers(table_file(x=column), way_out="")
    np.testing.assert_array_equal(numbers, np.array([[1], [0]], dtype=np.float32), strict=True)
    np.testing.assert_array_equal(to_labels(table_file(x=column), "x"), [True, False])


@pytest.mark.parametrize(
    "column", [pa.array([None, None], pa.int8()), pa.nulls(2), pa.array([None, None], pa.string())]
)
def test_missing_cells_are_nan(column: pa.Array) -> None:
    assert np.isnan(to_numbers(table_file(x=column), way_out="")).all()


def test_numbers_beyond_float32_are_infinite_without_a_warning() -> None:
    assert np.isposinf(to_numbers(table_file(x=[1e300]), way_out="")).all()


def test_precise_numbers_keep_64_bits() -> None:
    numbers = to_precise_numbers(table_file(x=[1e300, 0.1]), way_out="")
    np.testing.assert_array_equal(numbers, np.array([[1e300], [0.1]]), strict=True)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(["1", "two"]), r"^row 2 of column 'x' in a\.csv is 'two', not a number; drop it$"),
        (pa.array([b"1"]), r"^column 'x' of a\.csv holds binary, not numbers; drop it$"),
        (pa.array([[1.0]]), r"^column 'x' of a\.csv holds list<.*>, not numbers; drop it$"),
        (pa.array([datetime.date(2024, 1, 1)]), r"holds date32\[day\], not numbers; drop it$"),
    ],
)
def test_what_is_no_number_is_named(column: pa.Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_numbers(table_file(y=[1.0] * len(column), x=column), way_out="drop it")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([0, 1, 2]), r"^row 3 of column 'x' in a\.csv is 2, but a label is 0 \(normal\) or 1 \(anomalous\)"),
        (pa.array([0.5]), r"^row 1 of column 'x' in a\.csv is 0\.5, but"),
        (pa.array([0, None]), r"^row 2 of column 'x' in a\.csv is missing, but"),
        (pa.array(["normal"]), r"^row 1 of column 'x' in a\.csv is 'normal', not a number; a label is 0"),
    ],
)
def test_a_label_is_zero_or_one(column: pa.Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_labels(table_file(x=column), "x")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([3, 5, 9], pa.uint8()),
        pa.array([0.5, 1.5]),
        pa.array([datetime.date(1960, 1, 1), datetime.date(2024, 1, 1)]),
        pa.array([1, 2], pa.timestamp("ns", tz="UTC")),
        pa.array([0, 86_400_000], pa.date64()),
        pa.array(["2024-01-31", "2024-01-31T23:59", "2024-02-01 00:00:00.25"]),
        pa.array(["2024-01-31T00:00:00+02:00", "2024-01-30T23:00:00Z"]),
    ],
    ids=lambda column: f"{column.type}-{column[0]}",
)
def test_a_clock_may_be_written_in_many_ways(column: pa.Array) -> None:
    check_clock(table_file(t=column), "t")
    with pytest.raises(ValueError, match=r"^row 2 of column 't' in a\.csv .* is not later than the row before it"):
        check_clock(table_file(t=column[::-1]), "t")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            pa.array([1, 2, 2]),
            r"^row 3 of column 't' in a\.csv \('2'\) is not later than the row before it \('2'\); sort",
        ),
        (pa.array([1, None]), r"^row 2 of column 't' in a\.csv is missing"),
        (pa.array(["31.01.2024"]), r"^row 1 of column 't' in a\.csv is '31\.01\.2024', no ISO 8601 time"),
        (pa.array([True]), r"^column 't' of a\.csv holds bool, no times"),
        (pa.array([1.0, float("nan")]), r"row 2 .* is not later"),
    ],
)
def test_a_clock_that_does_not_rise_is_an_error(column: pa.Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_clock(table_file(t=column), "t")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]),
        pa.array([1_704_067_200, 1_704_153_600], pa.timestamp("s")),
        pa.array([1_704_067_200_000, 1_704_153_600_000], pa.timestamp("ms", tz="Europe/Berlin")),
        pa.array(["2024-01-01 01:00:00+01:00", "2024-01-02 00:00:00Z"]),
        pa.array(["2024-01-01", "2024-01-02T00:00"]),
    ],
    ids=lambda column: f"{column.type}-{column[0]}",
)
def test_a_clock_is_read_as_times_in_utc(column: pa.Array) -> None:
    times = to_clock(table_file(t=column), "t").astype("datetime64[s]")
    assert times.tolist() == [datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 2)]


def test_a_clock_of_numbers_stays_numbers() -> None:
    assert to_clock(table_file(t=[0.5, 1.5]), "t").tolist() == [0.5, 1.5]
