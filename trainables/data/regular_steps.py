"""The rows of a series to forecast on regular steps of time.

**The step is the median distance of neighbouring rows. Every row goes to the nearest whole number of steps after the
first one; rows that meet there are averaged; a step without a row is missing, and treated by**
:mod:`trainables.data.gaps`. So jitter is put right, no row overtakes another, and none moves by more than half a step.
Steps of four weeks or more follow the calendar (months, quarters, years), which has no regular step: such rows are
taken in order, as are those of a table without a clock.

``[R]`` = rows of the file, ``[T]`` = steps, ``[C]`` = columns.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.gaps import LONGEST_FILL

_CALENDAR_STEP_S = 28 * 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class RegularSteps:
    """Rows placed on steps."""

    values: NDArray[np.float64]
    """``[T, C]``, NaN where missing."""
    steps: NDArray[np.int64]
    """``[T]``, the number of each step; gaps too long to be filled are left out of it."""
    timestamps: NDArray[np.datetime64] | None
    """``[T]`` in seconds; ``None`` where the clock has no calendar, or ticks faster than that."""
    step_s: float | None
    """Seconds of one step; ``None`` if there is no clock, or its steps follow the calendar."""
    notes: tuple[str, ...] = ()


def keep_row_order(values: NDArray[np.float64], times: NDArray[Any] | None = None) -> RegularSteps:
    """Take every row ``[R, C]`` as one step, whatever the clock ``[R]`` says: trading days, say."""
    has_calendar = times is not None and times.dtype.kind == "M"
    return RegularSteps(
        values=values,
        steps=np.arange(len(values)),
        timestamps=times.astype("datetime64[s]") if times is not None and has_calendar else None,
        step_s=None,
    )


def place_on_steps(values: NDArray[np.float64], times: NDArray[Any]) -> RegularSteps:
    """Place rows on the regular steps of their clock.

    Args:
        values: ``[R, C]``, NaN where missing.
        times: ``[R]``, rising: ``datetime64``, or numbers taken as seconds.
    """
    seconds = _seconds_since_first(times)
    step_s = _find_step(np.diff(seconds)) if len(seconds) > 1 else 1.0
    if times.dtype.kind == "M" and step_s >= _CALENDAR_STEP_S:
        return replace(
            keep_row_order(values, times),
            notes=(
                f"The median step of {step_s / 86_400:g} days follows the calendar: the rows are taken in order, and "
                "no missing step is looked for.",
            ),
        )
    # A stray time, be it infinite, ends up far away instead of overflowing.
    nearest = np.floor(np.minimum(seconds / step_s, 2.0**53) + 0.5).astype(np.int64)
    row_steps, values = _average_where_rows_meet(nearest, values)
    steps = _with_short_gaps(row_steps)
    spread = np.full((len(steps), values.shape[1]), np.nan)
    spread[np.searchsorted(steps, row_steps)] = values
    return RegularSteps(
        values=spread,
        steps=steps,
        timestamps=_timestamps(times, steps, step_s),
        step_s=step_s,
        notes=_note_moved_rows(seconds - nearest * step_s, len(seconds) - len(row_steps), step_s),
    )


def _seconds_since_first(times: NDArray[Any]) -> NDArray[np.float64]:
    since = times - times[0]
    seconds = since / np.timedelta64(1, "s") if times.dtype.kind == "M" else since
    return np.asarray(seconds, dtype=np.float64)


def _find_step(distances: NDArray[np.float64]) -> float:
    """Find the seconds of one step: the median of the distances ``[R - 1]``, if at least half of them agree with it.

    If all of them jitter, a median that is off by a hundredth would lose a row in a hundred; then the mean is taken
    over the steps that the distances span, long gaps apart.
    """
    median = float(np.quantile(distances, 0.5, method="lower"))
    if np.mean(np.abs(distances - median) <= 1e-3 * median) >= 0.5:
        return median
    short = distances[distances <= (LONGEST_FILL + 1) * median]
    return float(short.sum() / np.round(short / median).sum())


def _average_where_rows_meet(
    steps: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Unite the rows ``[R, C]`` of one step; a cell is missing only if it is in all of them."""
    firsts = np.flatnonzero(np.diff(steps, prepend=-1))
    if len(firsts) == len(steps):
        return steps, values
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), firsts)
    counts = np.add.reduceat(known.astype(np.float64), firsts)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return steps[firsts], means


def _with_short_gaps(row_steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add the steps without a row where the gap may be filled; a stray row years away then costs nothing."""
    short = np.flatnonzero((np.diff(row_steps) > 1) & (np.diff(row_steps) <= LONGEST_FILL + 1))
    missing = [np.arange(row_steps[row] + 1, row_steps[row + 1]) for row in short]
    return np.sort(np.concatenate([row_steps, *missing]))


def _timestamps(times: NDArray[Any], steps: NDArray[np.int64], step_s: float) -> NDArray[np.datetime64] | None:
    if times.dtype.kind != "M" or step_s < 1:
        return None
    return np.asarray(times[0].astype("datetime64[s]") + np.round(steps * step_s).astype("timedelta64[s]"))


def _note_moved_rows(away_s: NDArray[np.float64], n_met: int, step_s: float) -> tuple[str, ...]:
    n_moved = int((np.abs(away_s) > 1e-3 * step_s).sum())
    notes = []
    if n_moved:
        notes.append(
            f"{n_moved} of {len(away_s)} rows lie off the regular steps of {step_s:g} s, by "
            f"{np.abs(away_s).max():.3g} s at most; each is taken for the nearest step."
        )
    if n_met:
        notes.append(f"{n_met} rows share their step with the row before; the rows of one step are averaged.")
    return tuple(notes)
