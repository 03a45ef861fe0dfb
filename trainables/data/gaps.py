"""Missing cells of a series to forecast: one rule for all of them, and it never looks ahead.

**A missing cell takes the last value of its column, if no more than twelve steps in a row are missing. What is still
missing cuts the series, and only the longest complete stretch is kept.** Nothing is interpolated, because that would
carry a later value to an earlier step; and nothing longer is made up, because a model would be trained and tested on
what nobody measured. Twelve steps are an hour of a five-minute trace and bridge every gap of the Bitbrains traces; the
three and a half days between the two logs of NASA-HTTP are cut.

``[T]`` = rows, ``[T, C]`` = rows and columns. A row may lie any number of steps after the one before it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_FILL = 12
"""Missing steps in a row that are filled; more of them cut the series."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """A series without missing cells, and what that took."""

    values: NDArray[np.float64]
    """``[T, C]``, all rows, filled where the rule allows."""
    n_filled: NDArray[np.intp]
    """``[C]``, cells of the kept stretch that were filled."""
    kept: slice
    """The longest stretch of rows without a missing cell or a missing step; empty if there is none."""


def fill_gaps(values: NDArray[np.float64], steps: NDArray[np.int64]) -> Filled:
    """Fill short gaps forward and find the longest complete stretch.

    Args:
        values: ``[T, C]``, NaN where missing.
        steps: ``[T]``, the number of each row's step, rising.
    """
    filled = np.column_stack([_fill_forward(column, steps) for column in values.T])
    kept = _longest_stretch(np.asarray(~np.isnan(filled).any(axis=1)), steps)
    n_filled = np.isnan(values[kept]).sum(axis=0)
    return Filled(values=filled, n_filled=n_filled, kept=kept)


def _fill_forward(column: NDArray[np.float64], steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fill the gaps of ``[T]`` that have a value before them and are not too long."""
    missing = np.isnan(column)
    if not missing.any() or missing.all():
        return column
    known = np.flatnonzero(~missing)
    n_before = np.searchsorted(known, np.arange(len(column)), side="right")
    # A gap at the end of the file lasts up to its last row.
    ends = np.append(steps[known], steps[-1] + 1)[n_before]
    lengths = ends - steps[known[n_before - 1]] - 1
    fills = missing & (n_before > 0) & (lengths <= LONGEST_FILL)
    return np.where(fills, column[known[n_before - 1]], column)


def _longest_stretch(complete: NDArray[np.bool_], steps: NDArray[np.int64]) -> slice:
    """Find the longest run of complete rows ``[T]`` at neighbouring steps; of equals, the first."""
    rows = np.flatnonzero(complete)
    if not rows.size:
        return slice(0, 0)
    # Two complete rows belong together if no row and no step lies between them.
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(steps[rows]) > 1)) + 1
    starts, ends = np.append(0, breaks), np.append(breaks, len(rows))
    longest = int(np.argmax(ends - starts))
    return slice(int(rows[starts[longest]]), int(rows[ends[longest] - 1]) + 1)
