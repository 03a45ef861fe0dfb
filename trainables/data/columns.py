"""Columns of a file into arrays: numbers, labels, clocks. What does not fit is named with its file, column and row.

``[T]`` = rows, ``[T, D]`` = rows and columns. Messages count rows from 1; a header line is no row.
"""

import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from trainables.data.files import TableFile


def to_numbers(file: TableFile, *, way_out: str) -> NDArray[np.float32]:
    """Convert every column to numbers, ``[T, D]``: booleans to 0 and 1, missing cells to NaN, huge ones to infinity.

    Args:
        file: ``D`` columns of ``T`` rows.
        way_out: What to do about a column that holds something else, for the message.

    Raises:
        ValueError: If a column holds anything but numbers, booleans, or text that reads as numbers.
    """
    with np.errstate(over="ignore"):
        return _fill_columns(file, way_out, np.empty(file.table.shape, dtype=np.float32))


def to_precise_numbers(file: TableFile, *, way_out: str) -> NDArray[np.float64]:
    """Convert every column to numbers as :func:`to_numbers` does, ``[T, D]``, for what is still reckoned with."""
    return _fill_columns(file, way_out, np.empty(file.table.shape, dtype=np.float64))


def to_labels(file: TableFile, name: str) -> NDArray[np.bool_]:
    """Convert a column of 0 and 1 to ``[T]``, true where anomalous.

    Raises:
        ValueError: If the column is not there, or holds anything else.
    """
    rule = "a label is 0 (normal) or 1 (anomalous)"
    numbers = _to_number_column(file, name, rule)
    anomalous = np.equal(numbers, 1)
    wrong = np.flatnonzero(~anomalous & (numbers != 0))
    if wrong.size:
        value = "missing" if np.isnan(numbers[wrong[0]]) else f"{numbers[wrong[0]]:g}"
        raise ValueError(f"{_place(wrong[0], name, file.path)} is {value}, but {rule}; correct the file")
    return anomalous


def check_clock(file: TableFile, name: str) -> None:
    """Check that a column of numbers, dates or ISO 8601 times rises from every row to the next.

    Raises:
        ValueError: If it is not there, does not rise, has gaps, or holds something that is no time.
    """
    to_clock(file, name)


def to_clock(file: TableFile, name: str) -> NDArray[Any]:
    """Convert a rising column to ``[T]``: dates and times to ``datetime64`` (in UTC where zones are given), or numbers.

    Raises:
        ValueError: As :func:`check_clock` does.
    """
    column = file.column(name)
    times = _to_comparable_times(column, name, file.path)
    not_later = np.flatnonzero(~(times[1:] > times[:-1]))
    if not_later.size:
        row = int(not_later[0]) + 1
        raise ValueError(
            f"{_place(row, name, file.path)} ({str(column[row])!r}) is not later than the row before it "
            f"({str(column[row - 1])!r}); sort the rows by time and keep one of each time"
        )
    return times


_Numbers = TypeVar("_Numbers", bound=NDArray[np.floating[Any]])


def _fill_columns(file: TableFile, way_out: str, numbers: _Numbers) -> _Numbers:
    for index, name in enumerate(file.names):
        numbers[:, index] = _to_number_column(file, name, way_out)
    return numbers


def _to_number_column(file: TableFile, name: str, way_out: str) -> NDArray[np.float64]:
    column = file.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _is_text(column.type):
        return _parse_numbers(column.to_pandas(), name, file.path, way_out)
    # A column without a single value has the type null: all of it is missing.
    if not _is_any(column.type, *_NUMBER_TYPES, pa.types.is_boolean, pa.types.is_null):
        raise ValueError(f"column {name!r} of {file.path} holds {column.type}, not numbers; {way_out}")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _parse_numbers(cells: "pd.Series[str]", name: str, path: Path, way_out: str) -> NDArray[np.float64]:
    numbers = pd.to_numeric(cells, errors="coerce")
    _check_all_parsed(cells, numbers.isna(), name, path, f"not a number; {way_out}")
    return numbers.to_numpy(dtype=np.float64)


def _to_comparable_times(column: pa.ChunkedArray, name: str, path: Path) -> NDArray[Any]:
    if column.null_count:
        row = np.flatnonzero(column.is_null().to_numpy())[0]
        raise ValueError(f"{_place(row, name, path)} is missing, but every row needs its time; fill it or drop the row")
    if _is_text(column.type):
        return _parse_times(column.to_pandas(), name, path)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.to_numpy())
    if not _is_any(column.type, *_NUMBER_TYPES):
        raise ValueError(f"column {name!r} of {path} holds {column.type}, no times; give numbers or ISO 8601 times")
    return np.asarray(column.to_numpy())


def _parse_times(cells: "pd.Series[str]", name: str, path: Path) -> NDArray[Any]:
    times = pd.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
    _check_all_parsed(cells, times.isna(), name, path, "no ISO 8601 time; write times like 2024-01-31 23:59:00")
    return times.dt.tz_localize(None).to_numpy()


def _check_all_parsed(cells: "pd.Series[str]", failed: "pd.Series[bool]", name: str, path: Path, verdict: str) -> None:
    wrong = np.flatnonzero((failed & cells.notna()).to_numpy())
    if wrong.size:
        raise ValueError(f"{_place(wrong[0], name, path)} is {reprlib.repr(cells.iloc[wrong[0]])}, {verdict}")


def _place(index: int | np.intp, name: str, path: Path) -> str:
    return f"row {index + 1} of column {name!r} in {path}"


def _is_text(kind: pa.DataType) -> bool:
    return _is_any(kind, pa.types.is_string, pa.types.is_large_string)


def _is_any(kind: pa.DataType, *checks: Callable[[pa.DataType], bool]) -> bool:
    return any(check(kind) for check in checks)


_NUMBER_TYPES = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
