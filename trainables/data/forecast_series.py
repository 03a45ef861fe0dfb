"""One series to forecast, with the borders of its parts: what every forecasting loader returns.

Shapes: ``[T, C]`` = time steps, columns.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Difference = Literal["none", "log_return"]
DIFFERENCES: tuple[Difference, ...] = get_args(Difference)
"""What models may be trained on: the values themselves, or the changes of their logarithms."""

FEWEST_ROWS = 2
"""Rows that every part needs at the very least; a window needs more, which is for the task to say."""

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastSeries:
    """A series to forecast, checked: what is wrong with the data is said here, before anything is trained.

    Raises:
        ValueError: If the values are empty or not finite, if borders, targets, columns or timestamps do not fit them,
            or if log returns are asked for where a value is not positive.
    """

    name: str
    """The series' own name, unique in its data set."""
    values: NDArray[np.float32]
    """``[T, C]``, one row per regular step, in original units."""
    columns: tuple[str, ...]
    """The ``C`` column names."""
    targets: tuple[int, ...]
    """Which columns are forecast, as indices; the others are inputs only."""
    borders: tuple[int, int, int]
    """Rows where train, validation and test end: ``[0, b0)``, ``[b0, b1)``, ``[b1, b2)``. Rows from ``b2`` on are not
    used."""
    season: int
    """Steps of one season, for the seasonal naive forecast and MASE; 1 where none is known."""
    timestamps: NDArray[np.datetime64] | None
    """``[T]`` in seconds, where the data have a calendar."""
    difference: Difference = "none"
    """What models are trained on. The values here are never differenced: the task does that."""
    notes: tuple[str, ...] = ()
    """What was filled, dropped, resampled or assumed, each as a sentence for the report."""

    def __post_init__(self) -> None:
        self._check_values()
        self._check_columns()
        self._check_borders()
        if self.season < 1:
            raise ValueError(
                f"series {self.name!r} has a season of {self.season} steps, but it is at least 1 (none known)"
            )
        if self.timestamps is not None and self.timestamps.shape != (len(self.values),):
            raise ValueError(
                f"series {self.name!r} has timestamps of shape {self.timestamps.shape}, but {len(self.values)} rows; "
                "give one time per row, or None"
            )
        if self.difference not in DIFFERENCES:
            raise ValueError(f"unknown difference {self.difference!r}; known are {', '.join(map(repr, DIFFERENCES))}")
        if self.difference == "log_return":
            self._check_positive()

    def _check_values(self) -> None:
        if self.values.ndim != 2 or 0 in self.values.shape:
            raise ValueError(
                f"series {self.name!r} is empty (shape {self.values.shape}); it needs rows and at least one column of "
                "numbers"
            )
        bad = ~np.isfinite(self.values)
        if bad.any():
            raise ValueError(
                f"series {self.name!r} holds {int(bad.sum())} missing or infinite values, the first "
                f"{self._place(bad)}; fill or drop them, then start again"
            )

    def _check_columns(self) -> None:
        n_columns = self.values.shape[1]
        if len(self.columns) != n_columns:
            raise ValueError(
                f"series {self.name!r} has {n_columns} columns, but {len(self.columns)} names; name every column once"
            )
        outside = [index for index in self.targets if not 0 <= index < n_columns]
        if outside or not self.targets or len(set(self.targets)) < len(self.targets):
            raise ValueError(
                f"the targets of series {self.name!r} are columns {self.targets}, but they must be one or more "
                f"different ones from 0 to {n_columns - 1}"
            )

    def _check_borders(self) -> None:
        n_rows = len(self.values)
        starts = (0, *self.borders[:2])
        lengths = tuple(end - start for start, end in zip(starts, self.borders, strict=True))
        if min(lengths) < FEWEST_ROWS or self.borders[2] > n_rows:
            parts = ", ".join(f"{part} {length}" for part, length in zip(_PARTS, lengths, strict=True))
            raise ValueError(
                f"series {self.name!r} has {n_rows} rows, but its borders {self.borders} make {parts}; every part "
                f"needs {FEWEST_ROWS} rows or more that are there; give a longer series"
            )

    def _check_positive(self) -> None:
        bad = self.values < 0  # inputs that touch 0, such as volumes, are differenced by log(1 + x)
        bad[:, list(self.targets)] |= self.values[:, list(self.targets)] == 0
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                f"series {self.name!r} has {int(bad.sum())} values that are not above 0, the first "
                f"({self.values[row, column]:g}) {self._place(bad)}, but difference 'log_return' takes logarithms; use "
                "difference 'none', or leave that column or row out"
            )

    def _place(self, marked: NDArray[np.bool_]) -> str:
        row, column = (int(i) for i in np.argwhere(marked)[0])
        when = "" if self.timestamps is None or len(self.timestamps) <= row else f", {self.timestamps[row]}"
        return f"in row {row + 1} (counted from 1{when}) of column {self.columns[column]!r}"

    def content_hash(self) -> str:
        """Identify the values and the question asked of them, so that a changed file or border is noticed."""
        digest = hashlib.blake2b(digest_size=16)
        numbers = (*self.values.shape, *self.borders, self.season, *self.targets)
        digest.update(" ".join([self.difference, *(str(int(number)) for number in numbers)]).encode())
        digest.update(np.ascontiguousarray(self.values).data)
        return digest.hexdigest()


ForecastSeriesFound = Mapping[str, Callable[[], ForecastSeries]]
"""The series there are, by name, and how to load each; nothing is read before it is asked for.

A name is only ever looked up here, never joined to a path, so no name leads out of the folder that was searched.
"""
