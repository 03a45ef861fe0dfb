"""One multivariate series with its published train and test parts: what every loader returns.

Shapes: ``[T, D]`` = time steps, features; ``[N]`` = test steps.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalySeries:
    """A series to detect anomalies in, checked: what is wrong with the data is said here, before anything is trained.

    Raises:
        ValueError: If a part is empty, has another number of columns than the other, holds NaN or infinity, or the
            labels do not match the test part.
    """

    name: str
    """The series' own name, unique in its data set."""
    train: NDArray[np.float32]
    """``[T, D]``; assumed normal, never labelled."""
    test: NDArray[np.float32]
    """``[N, D]``."""
    labels: NDArray[np.bool_] | None
    """``[N]``, true where anomalous; ``None`` where nobody labelled the test part."""
    features: tuple[str, ...]
    """The ``D`` column names."""
    notes: tuple[str, ...] = ()
    """What the loader filled, dropped or assumed, each as a sentence for the report."""

    def __post_init__(self) -> None:
        for part, values in (("train", self.train), ("test", self.test)):
            self._check_part(part, values)
        if self.labels is not None and self.labels.shape != (len(self.test),):
            raise ValueError(
                f"series {self.name!r} has labels of shape {self.labels.shape}, but its test part has "
                f"{len(self.test)} rows; give one 0/1 label per test row"
            )

    def _check_part(self, part: str, values: NDArray[np.float32]) -> None:
        if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] == 0:
            raise ValueError(
                f"the {part} part of series {self.name!r} is empty (shape {values.shape}); "
                "it needs at least one row and one column of numbers"
            )
        if values.shape[1] != len(self.features):
            raise ValueError(
                f"the {part} part of series {self.name!r} has {values.shape[1]} columns, but {len(self.features)} "
                "features are expected; train and test need the same columns"
            )
        bad = ~np.isfinite(values)
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"the {part} part of series {self.name!r} holds {int(bad.sum())} missing or infinite values, the first "
                f"in row {row + 1} (counted from 1) of column {self.features[column]!r}; fill or drop them, then start "
                "again"
            )

    def content_hash(self) -> str:
        """Identify the values themselves, so that a changed file is noticed however it is named."""
        digest = hashlib.blake2b(digest_size=16)
        for values in (self.train, self.test, self.labels):
            if values is not None:
                digest.update(str(values.shape).encode())
                digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()


SeriesFound = Mapping[str, Callable[[], AnomalySeries]]
"""The series there are, by name, and how to load each; nothing is read before it is asked for.

A name is only ever looked up here, never joined to a path, so no name leads out of the folder that was searched.
"""


def note_constant_features(train: NDArray[np.float32]) -> tuple[str, ...]:
    """Say how many columns of ``train`` ``[T, D]`` never change: no note, or one."""
    n_constant = int((train == train[:1]).all(axis=0).sum())
    if n_constant == 0:
        return ()
    return (f"{n_constant} of {train.shape[1]} features are constant in the train part; they are kept.",)
