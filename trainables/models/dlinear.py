"""DLinear, NLinear and RLinear: a linear map from the past of a column to its future, tuned as hard as the families.

Shapes: ``[B]`` batch, ``[L]`` lookback, ``[C]`` columns, ``[H]`` horizon, ``[D]`` target columns, ``[P]`` sets of
weights: one for all columns, or ``D``.

References:
    Zeng et al. 2023, "Are Transformers Effective for Time Series Forecasting?", section 4: DLinear (decomposition) and
    NLinear (the last value is taken off). Li et al. 2023, "Revisiting Long-term Time Series Forecasting: An
    Investigation on Linear Mapping", section 4: RLinear (instance normalisation; ours learns no affine part).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from trainables.models.base import Family, ForecasterConfig, Model, Sizes
from trainables.models.initial_weights import uniform
from trainables.models.instance_norm import Level

KERNEL = 25
"""Steps of the moving average, as published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DLinearConfig(ForecasterConfig):
    """Every hyperparameter of the linear forecasters."""

    family: ClassVar[str] = "dlinear"

    individual: bool
    """Whether every target column has weights of its own."""
    decomposition: bool
    """Whether the moving average and what is left of the window have weights of their own."""
    normalisation: Literal["none", "last", "instance"]
    """What is taken off every window and given back to its forecast: nothing, the last value, or mean and deviation."""


class DLinear(Model):
    """``[B, L, C]`` to ``[B, H, D]``; a column's forecast depends on that column alone."""

    moving_average: Tensor

    def __init__(self, config: DLinearConfig, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        self.config, self.targets = config, list(sizes.targets)
        shape = (len(sizes.targets) if config.individual else 1, sizes.horizon, config.lookback)
        # Published start: every weight 1 / L, the window's mean; only the biases are drawn.
        self.rest = nn.Parameter(torch.full(shape, 1 / config.lookback))
        self.rest_bias = uniform(shape[:2], config.lookback, generator)
        if config.decomposition:
            self.trend = nn.Parameter(torch.full(shape, 1 / config.lookback))
            self.trend_bias = uniform(shape[:2], config.lookback, generator)
            self.register_buffer("moving_average", average_matrix(config.lookback, KERNEL), persistent=False)

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Forecast the target columns of ``[B, L, C]``: ``[B, H, D]``. There is no dropout to draw."""
        del generator
        columns = inputs[:, :, self.targets]
        if self.config.normalisation == "instance":
            level = Level.of(columns)
            return level.restore(self._map(level.remove(columns)), tuple(range(len(self.targets))))
        if self.config.normalisation == "last":
            last = columns[:, -1:]
            return self._map(columns - last) + last
        return self._map(columns)

    def _map(self, columns: Tensor) -> Tensor:
        """Apply the linear maps to ``[B, L, D]``."""
        weight, bias = self._weight_and_bias()
        if self.config.individual:
            rows = columns.permute(2, 0, 1)  # [D, B, L]
            return torch.baddbmm(bias.unsqueeze(1), rows, weight.transpose(1, 2)).permute(1, 2, 0)
        return nn.functional.linear(columns.transpose(1, 2), weight[0], bias[0]).transpose(1, 2)

    def _weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """Fold the decomposition into one map, ``[P, H, L]`` and ``[P, H]``.

        With the trend ``A x``, ``T A x + R (x - A x) = (R + (T - R) A) x``: one product per batch instead of three.
        """
        if not self.config.decomposition:
            return self.rest, self.rest_bias
        return self.rest + (self.trend - self.rest) @ self.moving_average, self.rest_bias + self.trend_bias


def average_matrix(length: int, width: int) -> Tensor:
    """Make the centred moving average a matrix ``[L, L]``; beyond its ends, a window repeats its first and last value.

    Args:
        length: ``L``
        width: Steps of the average, odd.
    """
    reach = width // 2
    seen = torch.arange(length)[:, None] + torch.arange(-reach, reach + 1)  # [L, width], steps that each average takes
    counts = nn.functional.one_hot(seen.clamp(0, length - 1), length).sum(dim=1)
    return counts / float(width)


FAMILY = Family(name="dlinear", task="forecast", config=DLinearConfig, build=DLinear, kernel=lambda _: "pytorch")
