"""Standardisation of a series, fitted once, on the part the model is fitted on.

``[T, D]`` = time steps, features.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

SMALLEST_SD = 1e-4
"""Floor of a feature's standard deviation, in the data's own units: constant features stay finite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StandardScaler:
    """Mean and standard deviation per feature."""

    mean: NDArray[np.float32]
    """``[D]``"""
    sd: NDArray[np.float32]
    """``[D]``, at least :data:`SMALLEST_SD`."""

    @classmethod
    def fit(cls, values: NDArray[np.float32]) -> Self:
        """Fit on ``[T, D]``; sums are taken in float64."""
        mean = values.mean(axis=0, dtype=np.float64)
        sd = values.std(axis=0, dtype=np.float64)
        return cls(mean=mean.astype(np.float32), sd=np.maximum(sd, SMALLEST_SD).astype(np.float32))

    def transform(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise ``[T, D]`` into a new float32 array."""
        return np.ascontiguousarray((values - self.mean) / self.sd, dtype=np.float32)
