import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, mean_squared_error, r2_score

from trainables.metrics import FORECAST_METRIC_NAMES, diebold_mariano_test, forecast, forecast_metrics, horizon_metrics

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


# Worked by hand: two origins, two steps, two columns.

ACTUAL = np.array([[[1.0, 10.0], [2.0, 20.0]], [[4.0, 40.0], [5.0, 50.0]]])
PREDICTED = np.array([[[2.0, 10.0], [2.0, 30.0]], [[4.0, 20.0], [3.0, 50.0]]])
LAST = np.array([[1.0, 5.0], [3.0, 40.0]])
SCALE = np.array([1.0, 10.0])


def by_hand(**changes):
    arguments = {
        "actual_scaled": ACTUAL / SCALE,
        "predicted_scaled": PREDICTED / SCALE,
        "last": LAST,
        "last_scaled": LAST / SCALE,
        "seasonal_mae": np.array([0.5, 15.0]),
    }
    return forecast_metrics(ACTUAL, PREDICTED, **(arguments | changes))


def test_every_metric_by_hand():
    metrics = by_hand()
    assert list(metrics) == list(FORECAST_METRIC_NAMES)
    assert all(type(value) is float for value in metrics.values())
    # Scaled errors: column one 1, 0, 0, 2; column two 0, 1, 2, 0.
    assert metrics == pytest.approx(
        {
            "mse": 10 / 8,
            "mae": 6 / 8,
            "rmse": math.sqrt((1 + 4 + 100 + 400) / 8),
            "mae_original": 33 / 8,
            # Both columns: 5 in squares of the scale, of 10 about the mean.
            "r2": 1 / 2,
            "mape": 100 * (1 + 0 + 0 + 2 / 5 + 0 + 1 / 2 + 1 / 2 + 0) / 8,
            "mase": (3 / 4 / 0.5 + 30 / 4 / 15) / 2,
            # Column one: its first value is unchanged and left out; then up as forecast, up as forecast, and up where
            # no change is forecast. Column two: up as forecast three times; unchanged at the second origin's first.
            "directional_accuracy": (1 + 1 + 0.5 + 1 + 1 + 1) / 6,
            "dm_statistic": math.nan,  # two origins are too few for two steps
            "dm_p_value": math.nan,
        },
        nan_ok=True,
    )


def test_each_step_by_hand():
    metrics = horizon_metrics(ACTUAL, PREDICTED, actual_scaled=ACTUAL / SCALE, predicted_scaled=PREDICTED / SCALE)
    expected = {
        "mse": [(1 + 0 + 0 + 4) / 4, (0 + 1 + 4 + 0) / 4],
        "mae": [(1 + 2) / 4, (1 + 2) / 4],
        "rmse": [math.sqrt((1 + 400) / 4), math.sqrt((100 + 4) / 4)],
        "mae_original": [(1 + 20) / 4, (10 + 2) / 4],
    }
    assert list(metrics) == list(expected)
    for name, values in expected.items():
        assert metrics[name] == pytest.approx(values), name


def test_steps_average_to_the_whole():
    actual, predicted, _ = random_forecasts(np.random.default_rng(0))
    scaled = {"actual_scaled": actual / 3, "predicted_scaled": predicted / 3}
    whole, steps = forecast_metrics(actual, predicted, **scaled), horizon_metrics(actual, predicted, **scaled)
    for name in ("mse", "mae", "mae_original"):
        assert steps[name].mean() == pytest.approx(whole[name])
    assert np.sqrt(np.square(steps["rmse"]).mean()) == pytest.approx(whole["rmse"])


def test_they_are_scikit_learns():
    actual, predicted, _ = random_forecasts(np.random.default_rng(1))
    metrics = forecast_metrics(actual, predicted)
    flat, flat_predicted = actual.reshape(-1, actual.shape[2]), predicted.reshape(-1, actual.shape[2])
    assert metrics["mse"] == pytest.approx(mean_squared_error(flat, flat_predicted))
    assert metrics["mae"] == metrics["mae_original"] == pytest.approx(mean_absolute_error(flat, flat_predicted))
    assert metrics["rmse"] == pytest.approx(math.sqrt(mean_squared_error(flat, flat_predicted)))
    assert metrics["r2"] == pytest.approx(r2_score(flat, flat_predicted, multioutput="uniform_average"))
    assert metrics["mape"] == pytest.approx(100 * mean_absolute_percentage_error(flat, flat_predicted))


def test_the_test_compares_scaled_losses_with_the_last_value():
    actual, predicted, last = random_forecasts(np.random.default_rng(2))
    metrics = forecast_metrics(
        actual, predicted, actual_scaled=actual / 2, predicted_scaled=predicted / 2, last_scaled=last / 2
    )
    losses = ((actual - predicted) ** 2).mean(axis=(1, 2))
    losses_of_last = ((actual - last[:, None]) ** 2).mean(axis=(1, 2))
    test = diebold_mariano_test(losses, losses_of_last, horizon=actual.shape[1])
    assert (metrics["dm_statistic"], metrics["dm_p_value"]) == pytest.approx(test)


def random_forecasts(rng, shape=(40, 5, 3)):
    """Draw values away from 0, their forecasts, and last values."""
    actual = 10 + rng.standard_normal(shape)
    return actual, actual + rng.standard_normal(shape), 10 + rng.standard_normal((shape[0], shape[2]))


# Direction.


@pytest.mark.parametrize(
    ("actual", "predicted", "share"),
    [
        ([2, 2], [3, 0], 1 / 2),
        ([2, 0], [9, -9], 1),
        ([2, 0], [0, 2], 0),
        ([2, 0], [1, 1], 1 / 2),  # no change forecast: half
        ([2, 1], [2, 5], 1),  # no change came: left out
        ([1, 1], [2, 0], math.nan),
        ([2, 0], [2, math.nan], math.nan),
    ],
)
def test_directional_accuracy_since_a_last_value_of_one(actual, predicted, share):
    metrics = forecast_metrics([[[a] for a in actual]], [[[p] for p in predicted]], last=[[1]])
    assert metrics["directional_accuracy"] == pytest.approx(share, nan_ok=True)


def test_the_last_value_itself():
    actual, _, last = random_forecasts(np.random.default_rng(3))
    metrics = forecast_metrics(actual, np.broadcast_to(last[:, None], actual.shape), last=last)
    assert metrics["directional_accuracy"] == 0.5
    assert math.isnan(metrics["dm_statistic"])
    assert math.isnan(metrics["dm_p_value"])


# What is undefined.


def names_of_nan(metrics):
    return {name for name, value in metrics.items() if math.isnan(value)}


def test_what_is_not_given_leaves_only_its_own_metrics_undefined():
    actual, predicted, last = random_forecasts(np.random.default_rng(4))
    tests = {"dm_statistic", "dm_p_value"}
    assert names_of_nan(forecast_metrics(actual, predicted)) == {"mase", "directional_accuracy"} | tests
    assert names_of_nan(forecast_metrics(actual, predicted, last=last)) == {"mase"}
    assert names_of_nan(forecast_metrics(actual, predicted, last_scaled=last)) == {"mase", "directional_accuracy"}
    assert names_of_nan(forecast_metrics(actual, predicted, last=last, seasonal_mae=[1, 1, 1])) == set()
    scaled = {"actual_scaled": actual, "predicted_scaled": predicted}
    assert names_of_nan(forecast_metrics(actual, predicted, last=last, **scaled)) == {"mase"} | tests


def test_columns_without_a_scale_are_left_out_of_mase():
    assert by_hand(seasonal_mae=[0, 15])["mase"] == pytest.approx(30 / 4 / 15)
    assert math.isnan(by_hand(seasonal_mae=[0, 0])["mase"])


def test_constant_columns_are_left_out_of_r2():
    actual, predicted, _ = random_forecasts(np.random.default_rng(5))
    without = forecast_metrics(actual[..., :2], predicted[..., :2])["r2"]
    actual[..., 2] = 0.1  # whose rounded mean is another number
    assert forecast_metrics(actual, predicted)["r2"] == pytest.approx(without)
    assert math.isnan(forecast_metrics(actual[..., 2:], predicted[..., 2:])["r2"])


def test_r2_of_a_column_far_from_zero_with_one_outlier_first():
    rng = np.random.default_rng(6)
    actual = 1e6 + rng.standard_normal((50, 2, 1))
    actual[0, 0] = 0
    predicted = actual + 0.1
    assert forecast_metrics(actual, predicted)["r2"] == pytest.approx(r2_score(actual.ravel(), predicted.ravel()))


def test_one_zero_leaves_the_percentage_undefined():
    actual, predicted, _ = random_forecasts(np.random.default_rng(7))
    actual[3, 2, 1] = 0
    assert "mape" in names_of_nan(forecast_metrics(actual, predicted))
    predicted[3, 2, 1] = 0  # also where it is forecast exactly
    assert math.isnan(forecast_metrics(actual, predicted)["mape"])


def test_a_diverged_forecast_is_a_value_and_not_an_exception():
    actual, predicted, last = random_forecasts(np.random.default_rng(8))
    predicted[5, 1, 0] = math.nan
    diverged = forecast_metrics(actual, predicted, last=last, seasonal_mae=[1, 1, 1])
    assert names_of_nan(diverged) == set(FORECAST_METRIC_NAMES)
    predicted[5, 1, 0] = math.inf
    diverged = forecast_metrics(actual, predicted, last=last, seasonal_mae=[1, 1, 1])
    assert diverged["mse"] == math.inf
    assert diverged["r2"] == -math.inf
    assert math.isnan(diverged["dm_p_value"])
    assert np.isfinite(diverged["directional_accuracy"])


# What must not matter.


@pytest.mark.parametrize("block_values", [1, 15, 46, 10**9])
def test_the_size_of_blocks_does_not_matter(block_values, monkeypatch):
    arrays = random_forecasts(np.random.default_rng(9))
    expected = every_metric(*arrays)
    monkeypatch.setattr(forecast, "_BLOCK_VALUES", block_values)
    assert every_metric(*arrays) == pytest.approx(expected, rel=1e-11)


def every_metric(actual, predicted, last):
    return forecast_metrics(
        actual,
        predicted,
        actual_scaled=actual / 7,
        predicted_scaled=predicted / 7,
        last=last,
        last_scaled=last / 7,
        seasonal_mae=np.full(actual.shape[2], 2.5),
    )


def test_sums_are_in_float64_and_arrays_may_be_views():
    rng = np.random.default_rng(10)
    series = (1e4 + rng.standard_normal((3000, 2))).astype(np.float32)
    actual = np.lib.stride_tricks.sliding_window_view(series, 24, axis=0).transpose(0, 2, 1)  # [N, H, D]
    predicted = np.broadcast_to(np.float32(1e4), actual.shape)
    exact = every_metric(actual.astype(np.float64), predicted.astype(np.float64), series[:2977].astype(np.float64))
    expected_mse = np.square(actual.astype(np.float64) - 1e4).mean()
    computed = forecast_metrics(actual, predicted, last=series[:2977])
    assert computed["mse"] == pytest.approx(expected_mse, rel=1e-12)
    for name in ("rmse", "mae_original", "r2", "mape", "directional_accuracy"):
        assert computed[name] == pytest.approx(exact[name], rel=1e-12), name


def test_the_callers_arrays_are_never_written_to():
    arrays = random_forecasts(np.random.default_rng(11))
    kept = [array.copy() for array in arrays]
    every_metric(*arrays)
    horizon_metrics(*arrays[:2])
    for array, copy in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


# What is refused.


@pytest.mark.parametrize("compute", [forecast_metrics, horizon_metrics])
def test_shapes_that_do_not_match_are_refused(compute):
    with pytest.raises(ValueError, match=r"`actual` has shape \(2, 2\), but must have three axes"):
        compute(ACTUAL[0], PREDICTED[0])
    with pytest.raises(ValueError, match=r"`actual` has shape \(0, 2, 2\)"):
        compute(ACTUAL[:0], PREDICTED[:0])
    with pytest.raises(ValueError, match=r"`predicted` has shape \(2, 1, 2\), but must have that of `actual`"):
        compute(ACTUAL, PREDICTED[:, :1])
    with pytest.raises(ValueError, match=r"`predicted_scaled` has shape \(1, 2, 2\)"):
        compute(ACTUAL, PREDICTED, actual_scaled=ACTUAL, predicted_scaled=PREDICTED[:1])
    with pytest.raises(ValueError, match=r"`actual_scaled` has shape \(1, 2, 2\), but must have that of `actual`"):
        compute(ACTUAL, PREDICTED, actual_scaled=ACTUAL[:1], predicted_scaled=PREDICTED[:1])
    with pytest.raises(ValueError, match="`predicted_scaled` is None, but must be given where its partner is"):
        compute(ACTUAL, PREDICTED, actual_scaled=ACTUAL)


@pytest.mark.parametrize(
    ("name", "axes"), [("last", "origins and"), ("last_scaled", "origins and"), ("seasonal_mae", "t")]
)
def test_what_is_optional_must_match_too(name, axes):
    with pytest.raises(ValueError, match=rf"`{name}` has shape \(3,\), but must have \(2.*\), {axes}"):
        by_hand(**{name: np.ones(3)})


# Real data: what others and we ourselves have measured.


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs ETTh1 in {DATA}")
@pytest.mark.parametrize(("season", "mse", "mae"), [(1, 1.294, 0.713), (24, 0.512, 0.433)])
def test_naive_forecasts_of_etth1(season, mse, mae):
    origins, targets, mean, sd = etth1_test_part()
    steps = np.arange(96) % season - season  # before the origin
    values = etth1_values()
    predicted = values[origins[:, None] + steps]
    metrics = forecast_metrics(
        targets,
        predicted,
        actual_scaled=(targets - mean) / sd,
        predicted_scaled=(predicted - mean) / sd,
        last=values[origins - 1],
        last_scaled=(values[origins - 1] - mean) / sd,
    )
    assert metrics["mse"] == pytest.approx(mse, abs=0.002)
    assert metrics["mae"] == pytest.approx(mae, abs=0.002)
    if season == 1:
        assert metrics["directional_accuracy"] == 0.5
        assert math.isnan(metrics["dm_statistic"])
    else:
        assert metrics["directional_accuracy"] > 0.6
        assert metrics["dm_statistic"] < -5


@lru_cache
def etth1_values():
    return pd.read_parquet(DATA / "ett" / "ETTh1.parquet").drop(columns="timestamp").to_numpy(np.float64)


def etth1_test_part(horizon=96):
    """Cut every stride-1 test window of the 12/4/4-month split; what it looks back on may lie before the border."""
    values = etth1_values()
    origins = np.arange(11520, 14400 - horizon + 1)
    assert len(origins) == 2785
    targets = values[origins[:, None] + np.arange(horizon)]
    return origins, targets, values[:8640].mean(axis=0), values[:8640].std(axis=0)
