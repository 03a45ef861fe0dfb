"""Instance normalisation: each window is brought to mean 0 and standard deviation 1, its forecast back to its level.

``[B, L, C]`` = batch, lookback, columns; ``[B, H, D]`` = batch, horizon, target columns.

References:
    Kim et al. 2022, "Reversible Instance Normalization for Accurate Time-Series Forecasting against Distribution
    Shift", equations 1 and 2, without the learned affine part.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

_EPSILON = 1e-5
"""Added to the variance: a window that stands still stays at 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """Mean and standard deviation of every column in every window, ``[B, 1, C]`` each."""

    mean: Tensor
    sd: Tensor

    @classmethod
    def of(cls, inputs: Tensor) -> Self:
        """Measure windows ``[B, L, C]``."""
        variance, mean = torch.var_mean(inputs, dim=1, keepdim=True, correction=0)
        return cls(mean=mean, sd=(variance + _EPSILON).sqrt())

    def remove(self, inputs: Tensor) -> Tensor:
        """Bring windows ``[B, L, C]`` to mean 0 and standard deviation 1."""
        return (inputs - self.mean) / self.sd

    def restore(self, forecasts: Tensor, targets: tuple[int, ...]) -> Tensor:
        """Bring forecasts ``[B, H, D]`` of the given columns back to the windows' level."""
        columns = list(targets)
        return forecasts * self.sd[:, :, columns] + self.mean[:, :, columns]
