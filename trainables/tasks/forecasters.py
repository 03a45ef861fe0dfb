"""Everything that forecasts: a trained model and the naive baselines, behind one method.

``[N]`` origins, ``[H]`` horizon, ``[D]`` target columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.forecast_windows import ForecastWindows
from trainables.data.windows import as_tensor
from trainables.models.base import Model
from trainables.tasks.prepared_forecast import PreparedForecast
from trainables.training import PREDICTION_BATCH

Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecasts:
    """What was forecast from consecutive origins, each ``[N, H, D]``."""

    scaled: Floats
    """As models are trained: differenced where the series is, then standardised."""
    original: Floats
    """In the data's own units."""


class Forecaster(Protocol):
    """Forecasts a series from every origin of a range."""

    def forecast(self, series: PreparedForecast, origins: range, device: torch.device) -> Forecasts:
        """Forecast ``H`` steps from each origin, seeing only what lies before it."""
        ...


class ModelForecaster:
    """A trained model."""

    def __init__(self, model: Model, *, lookback: int) -> None:
        self.model, self.lookback = model, lookback

    def forecast(self, series: PreparedForecast, origins: range, device: torch.device) -> Forecasts:
        """Forecast with the model as it is, without dropout."""
        parts = [predicted.cpu() for predicted, _ in self.in_batches(series, origins, device)]
        scaled = torch.cat(parts).numpy()
        return Forecasts(scaled=scaled, original=series.to_original(scaled, origins))

    @torch.inference_mode()
    def squared_and_absolute_error(
        self, series: PreparedForecast, origins: range, device: torch.device
    ) -> tuple[float, float]:
        """Compute the mean squared and the mean absolute error of scaled values, batch by batch."""
        squared = torch.zeros((), dtype=torch.float64, device=device)
        absolute, n_values = torch.zeros_like(squared), 0
        for predicted, wanted in self.in_batches(series, origins, device):
            errors = predicted - wanted
            squared += errors.square().sum(dtype=torch.float64)
            absolute += errors.abs().sum(dtype=torch.float64)
            n_values += errors.numel()
        return float(squared) / n_values, float(absolute) / n_values

    @torch.inference_mode()
    def in_batches(
        self, series: PreparedForecast, origins: range, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what is predicted and what came, ``[B, H, D]`` each, in the order of the origins."""
        self.model.eval()
        windows = ForecastWindows(
            as_tensor(series.scaled).to(device),
            lookback=self.lookback,
            horizon=series.horizon,
            targets=series.targets,
            origins=origins,
        )
        for inputs, wanted in windows.in_order(PREDICTION_BATCH):
            yield self.model(inputs).float(), wanted


class SeasonalNaive:
    """What came one season before; a season of one step repeats the last value.

    References:
        Hyndman and Athanasopoulos 2021, "Forecasting: Principles and Practice", section 5.2.
    """

    def __init__(self, *, last_value: bool) -> None:
        """Take the series' season, or one step whatever the season."""
        self.last_value = last_value

    def forecast(self, series: PreparedForecast, origins: range, device: torch.device) -> Forecasts:
        """Forecast by repeating the last season."""
        del device
        season = 1 if self.last_value else series.season
        back = np.arange(series.horizon) % season - season
        original = series.original[np.asarray(origins)[:, None] + back]
        return Forecasts(scaled=series.to_scaled(original, origins), original=original)
