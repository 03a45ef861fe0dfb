"""Scaling, differencing and the way back, on small series worked by hand."""

import dataclasses

import numpy as np
import pytest

from trainables.data.forecast_series import ForecastSeries
from trainables.tasks.prepared_forecast import PreparedForecast


def make_prices(n_steps: int = 100, **changes: object) -> ForecastSeries:
    draw = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.02, n_steps)))
    volume = draw.integers(0, 5, n_steps)  # touches 0
    values = np.stack((close * 0.99, volume, close), axis=1).astype(np.float32)
    series = ForecastSeries(
        name="prices",
        values=values,
        columns=("open", "volume", "close"),
        targets=(2,),
        borders=(60, 80, 100),
        season=5,
        timestamps=None,
        difference="log_return",
    )
    return dataclasses.replace(series, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("difference", ["log_return", "none"])
def test_the_way_to_scaled_values_and_back(difference: str) -> None:
    prepared = PreparedForecast.of(make_prices(difference=difference), horizon=3)
    origins = prepared.test_origins
    assert origins == range(80, 98)
    actual = prepared.actual(origins)
    np.testing.assert_allclose(prepared.to_original(prepared.actual_scaled(origins), origins), actual, rtol=1e-4)
    np.testing.assert_allclose(prepared.to_scaled(actual, origins), prepared.actual_scaled(origins), atol=1e-3)


def test_log_returns_are_standardised_by_the_train_part_alone() -> None:
    series = make_prices()
    changed = series.values.copy()
    changed[60:] *= 3
    first, second = (
        PreparedForecast.of(one, horizon=1) for one in (series, dataclasses.replace(series, values=changed))
    )
    np.testing.assert_array_equal(first.scaled[:60], second.scaled[:60])
    returns = np.diff(np.log(series.values[:60, 2].astype(np.float64)), prepend=np.log(series.values[0, 2]))
    assert first.scaler.mean[2] == pytest.approx(returns.mean(), rel=1e-4)
    assert first.scaler.sd[2] == pytest.approx(returns.std(), rel=1e-4)


def test_columns_that_touch_zero_are_differenced_by_log_one_plus() -> None:
    series = make_prices()
    prepared = PreparedForecast.of(series, horizon=1)
    raw = prepared.scaled[1:, 1] * prepared.scaler.sd[1] + prepared.scaler.mean[1]
    np.testing.assert_allclose(raw, np.diff(np.log1p(series.values[:, 1])), atol=1e-5)


@pytest.mark.parametrize("difference", ["log_return", "none"])
def test_nothing_changes_is_the_last_value(difference: str) -> None:
    prepared = PreparedForecast.of(make_prices(difference=difference), horizon=4)
    origins = prepared.test_origins
    naive = np.repeat(prepared.last_scaled(origins)[:, None], 4, axis=1)
    back = prepared.to_original(naive, origins)
    np.testing.assert_allclose(back, np.repeat(prepared.last(origins)[:, None], 4, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(prepared.last(origins)[:, 0], prepared.original[79:96, 0])


def test_the_unit_of_mase_is_the_seasonal_error_of_the_train_part() -> None:
    series = make_prices(difference="none")
    prepared = PreparedForecast.of(series, horizon=1)
    close = series.values[:60, 2].astype(np.float64)
    assert prepared.seasonal_mae == pytest.approx([np.abs(close[5:] - close[:-5]).mean()])


def test_parts_do_not_overlap_and_windows_may_reach_back() -> None:
    prepared = PreparedForecast.of(make_prices(), horizon=5)
    assert prepared.training_origins(30) == range(30, 56)
    assert prepared.validation_origins == range(60, 76)
    assert prepared.test_origins == range(80, 96)


def test_what_is_too_long_is_told() -> None:
    with pytest.raises(
        ValueError, match=r"^`--horizon` is 21, but the validation part of series 'prices' has 20 steps"
    ):
        PreparedForecast.of(make_prices(), horizon=21)
    with pytest.raises(ValueError, match=r"^`lookback` is 58, but the train part of series 'prices' has 60 steps"):
        PreparedForecast.of(make_prices(), horizon=3).training_origins(58)
