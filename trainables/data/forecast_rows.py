"""From the rows of one file to a checked series to forecast: steps, gaps, borders, season, targets.

``[R]`` = rows of the file, ``[T]`` = steps of the series, ``[C]`` = columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.columns import to_precise_numbers
from trainables.data.files import TableFile
from trainables.data.forecast_rules import ForecastChoices, ForecastRules, choose_season
from trainables.data.forecast_series import ForecastSeries
from trainables.data.gaps import LONGEST_FILL, Filled, fill_gaps
from trainables.data.names import enumerate_names
from trainables.data.regular_steps import RegularSteps, keep_row_order, place_on_steps


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastRows:
    """What a file holds: numbers, and a clock where there is one."""

    path: Path
    """For the messages."""
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    """``[R, C]``, NaN where missing."""
    times: NDArray[Any] | None
    """``[R]``, rising: ``datetime64``, or numbers taken as seconds; ``None`` without a clock."""


def read_rows(file: TableFile, times: NDArray[Any] | None, *, way_out: str) -> ForecastRows:
    """Read every column of a table as numbers.

    Args:
        file: ``C`` columns, without the clock.
        times: ``[R]``, the clock.
        way_out: What to do about a column of something else, for the message.

    Raises:
        ValueError: If there is no column, or one holds text, infinite values, or no value at all.
    """
    if not file.names:
        raise ValueError(f"{file.path} has no column of numbers; give it at least one beside the clock")
    rows = ForecastRows(
        path=file.path, columns=tuple(file.names), values=to_precise_numbers(file, way_out=way_out), times=times
    )
    _check_cells(rows)
    return rows


def make_series(name: str, rows: ForecastRows, choices: ForecastChoices, rules: ForecastRules) -> ForecastSeries:
    """Turn rows into a series by the data set's rules and the user's choices.

    Raises:
        ValueError: If a target is unknown, no stretch is long enough, or the series fails its own checks.
    """
    steps = _place(rows, in_row_order=rules.in_row_order)
    filled = fill_gaps(steps.values, steps.steps)
    _check_stretch(rows, steps, filled, must_be_complete=rules.must_be_complete)
    values = filled.values[filled.kept].astype(np.float32)
    borders = rules.borders(len(values))
    moving = _find_moving(values[: borders[0]])
    columns = tuple(rows.columns[column] for column in moving)
    targets = _find_targets(rows, choices.targets or rules.default_targets, columns)
    season, season_notes = choose_season(rules.season, steps.step_s, borders[0])
    return ForecastSeries(
        name=name,
        values=np.ascontiguousarray(values[:, moving]),
        columns=columns,
        targets=targets,
        borders=borders,
        season=season,
        timestamps=None if steps.timestamps is None else steps.timestamps[filled.kept],
        difference=choices.difference or rules.default_difference,
        notes=(
            *rules.notes,
            *steps.notes,
            *_note_filled(rows.columns, steps, filled),
            *_note_cut(steps, filled),
            *_note_unused(len(values) - borders[2]),
            *season_notes,
            *_note_constant(rows.columns, columns),
        ),
    )


def _check_cells(rows: ForecastRows) -> None:
    # Beyond float32, as which the values are kept, is infinite, too.
    infinite = np.abs(rows.values) > np.finfo(np.float32).max
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ValueError(
            f"row {row + 1} of column {rows.columns[column]!r} in {rows.path} is {rows.values[row, column]:g}, but a "
            "value must be finite and fit 32 bits; correct it or leave the cell empty"
        )
    empty: NDArray[np.bool_] = np.asarray(np.isnan(rows.values).all(axis=0))
    if empty.any():
        names = [name for name, is_empty in zip(rows.columns, empty, strict=True) if is_empty]
        raise ValueError(f"{rows.path} has no value at all in {enumerate_names(names)}; fill the column or drop it")


def _place(rows: ForecastRows, *, in_row_order: bool) -> RegularSteps:
    if rows.times is None or in_row_order:
        return keep_row_order(rows.values, rows.times)
    return place_on_steps(rows.values, rows.times)


def _check_stretch(rows: ForecastRows, steps: RegularSteps, filled: Filled, *, must_be_complete: bool) -> None:
    n_kept = filled.kept.stop - filled.kept.start
    if n_kept == 0:
        raise ValueError(
            f"no row of {rows.path} has a value in every column, even with gaps of up to {LONGEST_FILL} steps filled; "
            "drop the columns that are mostly missing"
        )
    if must_be_complete and n_kept < len(steps.values):
        raise ValueError(
            f"{rows.path} has a gap of more than {LONGEST_FILL} steps, but its published borders count every row; get "
            "the published file, or read this one with --data csv or --data parquet"
        )


def _find_moving(train: NDArray[np.float32]) -> list[int]:
    """Find the columns of the train part ``[T, C]`` that do not stand still, but for the last bits of a number.

    What never moves there has no scale: a single change later would outweigh everything else by many magnitudes.
    """
    if len(train) < 2:  # too short to tell, and soon refused for that
        return list(range(train.shape[1]))
    moves = np.ptp(train, axis=0) > 1e-6 * np.abs(train).max(axis=0)
    return [int(column) for column in np.flatnonzero(moves)]


def _find_targets(rows: ForecastRows, names: Sequence[str] | None, moving: tuple[str, ...]) -> tuple[int, ...]:
    """Find the columns to forecast: those named, or all that move in the train part."""
    if not moving:
        raise ValueError(
            f"every column of {rows.path} is constant in its train part; give at least one that moves to forecast"
        )
    for name in names or ():
        if name not in rows.columns:
            raise ValueError(
                f"target {name!r} is no column of {rows.path}; name one or more of {enumerate_names(rows.columns)}"
            )
        if name not in moving:
            raise ValueError(
                f"target {name!r} of {rows.path} is constant in its train part, so there is nothing to learn; name one "
                f"or more of {enumerate_names(moving)}"
            )
    return tuple(range(len(moving))) if names is None else tuple(moving.index(name) for name in names)


def _note_constant(columns: Sequence[str], moving: Sequence[str]) -> tuple[str, ...]:
    still = [name for name in columns if name not in moving]
    return (f"Constant in the train part, so left out: {enumerate_names(still)}.",) if still else ()


def _note_filled(columns: Sequence[str], steps: RegularSteps, filled: Filled) -> tuple[str, ...]:
    """Count what was filled: steps without a row apart from single cells."""
    n_steps = filled.kept.stop - filled.kept.start
    n_whole = int(np.isnan(steps.values[filled.kept]).all(axis=1).sum())
    notes = []
    if n_whole:
        notes.append(
            f"{n_whole} of {n_steps} steps ({n_whole / n_steps:.2%}) have no value; they repeat the one before them."
        )
    cells = filled.n_filled - n_whole
    if cells.any():
        counts = ", ".join(f"{n} of {name!r}" for name, n in zip(columns, cells, strict=True) if n)
        notes.append(f"Missing cells filled with the last value before them: {counts}.")
    return tuple(notes)


def _note_cut(steps: RegularSteps, filled: Filled) -> tuple[str, ...]:
    n_rows = len(steps.values)
    first, last = filled.kept.start, filled.kept.stop - 1
    n_dropped = n_rows - (last - first + 1)
    if not n_dropped:
        return ()
    if steps.timestamps is None:
        stretch = f"rows {first + 1} to {last + 1}"
    else:
        stretch = f"{steps.timestamps[first]} to {steps.timestamps[last]}"
    return (
        f"Gaps of more than {LONGEST_FILL} steps, or missing values at the start, cut the series: only the longest "
        f"complete stretch is kept, {stretch}; {n_dropped} of {n_rows} steps are dropped.",
    )


def _note_unused(n_steps: int) -> tuple[str, ...]:
    return (f"The last {n_steps} steps lie beyond the published borders and are not used.",) if n_steps > 0 else ()
