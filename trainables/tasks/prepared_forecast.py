"""A series that is split, differenced and scaled for forecasting, and the way back to its own units.

``[T]`` time steps, ``[C]`` columns, ``[D]`` target columns, ``[N]`` origins, ``[H]`` horizon. An origin is the first
step of a forecast.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.data.forecast_series import ForecastSeries
from trainables.data.scaling import StandardScaler

Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedForecast:
    """One series as models see it, and as its user reads it."""

    name: str
    scaled: NDArray[np.float32]
    """``[T, C]``, differenced where wanted, then standardised by the train part."""
    original: NDArray[np.float64]
    """``[T, D]``, the target columns in their own units."""
    columns: tuple[str, ...]
    targets: tuple[int, ...]
    scaler: StandardScaler
    horizon: int
    season: int
    difference: Literal["none", "log_return"]
    borders: tuple[int, int, int]
    """Ends of the train, validation and test parts."""
    timestamps: NDArray[np.datetime64] | None
    seasonal_mae: NDArray[np.float64]
    """``[D]``, what the seasonal naive forecast misses by within the train part: the unit of MASE."""

    @classmethod
    def of(cls, series: ForecastSeries, *, horizon: int) -> "PreparedForecast":
        """Prepare a series.

        Raises:
            ValueError: If a part is shorter than one forecast.
        """
        _check_horizon(series, horizon)
        values = _log_returns(series) if series.difference == "log_return" else series.values.astype(np.float64)
        n_train = series.borders[0]
        scaler = StandardScaler.fit(values[:n_train].astype(np.float32))
        original = series.values[:, list(series.targets)].astype(np.float64)
        train, season = original[:n_train], min(series.season, n_train - 1)
        return cls(
            name=series.name,
            scaled=scaler.transform(values.astype(np.float32)),
            original=original,
            columns=series.columns,
            targets=series.targets,
            scaler=scaler,
            horizon=horizon,
            season=season,
            difference=series.difference,
            borders=series.borders,
            timestamps=series.timestamps,
            seasonal_mae=np.abs(train[season:] - train[:-season]).mean(axis=0),
        )

    @property
    def validation_origins(self) -> range:
        """Origins whose whole forecast lies in the validation part."""
        return range(self.borders[0], self.borders[1] - self.horizon + 1)

    @property
    def test_origins(self) -> range:
        """Origins whose whole forecast lies in the test part."""
        return range(self.borders[1], self.borders[2] - self.horizon + 1)

    def training_origins(self, lookback: int) -> range:
        """Origins with a whole window before them and a whole forecast within the train part.

        Raises:
            ValueError: If there is none.
        """
        origins = range(lookback, self.borders[0] - self.horizon + 1)
        if not origins:
            raise ValueError(
                f"`lookback` is {lookback}, but the train part of series {self.name!r} has {self.borders[0]} steps, "
                f"too few for a window and a forecast of {self.horizon}; take a smaller lookback or --horizon"
            )
        return origins

    def actual(self, origins: range) -> NDArray[np.float64]:
        """What came, in original units: ``[N, H, D]``."""
        return self.original[_steps_after(origins, self.horizon)]

    def actual_scaled(self, origins: range) -> NDArray[np.float32]:
        """What came, as models are trained: ``[N, H, D]``."""
        return np.ascontiguousarray(self.scaled[:, list(self.targets)])[_steps_after(origins, self.horizon)]

    def last(self, origins: range) -> NDArray[np.float64]:
        """The last values known at each origin, in original units: ``[N, D]``."""
        return self.original[origins.start - 1 : origins.stop - 1]

    def last_scaled(self, origins: range) -> NDArray[np.float64]:
        """The naive forecast "nothing changes" as models are trained: ``[N, D]``, the same at every step."""
        return self.to_scaled(self.last(origins)[:, None], origins)[:, 0]

    def to_original(self, scaled: Floats, origins: range) -> NDArray[np.float64]:
        """Bring scaled forecasts ``[N, H, D]`` to original units: log returns add up from the last known price."""
        mean, sd = self._target_scale()
        values = scaled.astype(np.float64) * sd + mean
        if self.difference == "none":
            return values
        with np.errstate(over="ignore"):  # a model that diverged promises infinite prices
            return np.asarray(self.last(origins)[:, None] * np.exp(np.cumsum(values, axis=1)))

    def to_scaled(self, original: NDArray[np.float64], origins: range) -> NDArray[np.float64]:
        """Bring forecasts ``[N, H, D]`` in original units to what models are trained on."""
        mean, sd = self._target_scale()
        values = original
        if self.difference == "log_return":
            path = np.concatenate((self.last(origins)[:, None], original), axis=1)
            values = np.diff(np.log(path), axis=1)
        return np.asarray((values - mean) / sd)

    def _target_scale(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = list(self.targets)
        return self.scaler.mean[columns].astype(np.float64), self.scaler.sd[columns].astype(np.float64)


def _check_horizon(series: ForecastSeries, horizon: int) -> None:
    ends = (0, *series.borders)
    for part, start, stop in zip(("train", "validation", "test"), ends[:-1], ends[1:], strict=True):
        if stop - start < horizon:
            raise ValueError(
                f"`--horizon` is {horizon}, but the {part} part of series {series.name!r} has {stop - start} steps, "
                "fewer than one forecast; take a smaller horizon or a longer series"
            )


def _log_returns(series: ForecastSeries) -> NDArray[np.float64]:
    """Difference the logarithms ``[T, C]``, of 1 + x in inputs that touch 0, such as volumes. The first row is 0."""
    values = series.values.astype(np.float64)
    positive = values.min(axis=0) > 0
    logs = np.where(positive, np.log(np.where(positive, values, 1)), np.log1p(np.maximum(values, 0)))
    return np.diff(logs, axis=0, prepend=logs[:1])


def _steps_after(origins: range, horizon: int) -> NDArray[np.int64]:
    return np.asarray(origins)[:, None] + np.arange(horizon)
