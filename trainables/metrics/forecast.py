"""Forecasting metrics: errors on scaled and on original values, and how much better than naive forecasts they are.

Shapes: ``[N, H, D]`` = forecast origins in time order, horizon steps, target columns; ``[B, H, D]`` = a block of
origins.

Errors are compared with the literature on scaled values, where columns weigh alike, and with the world in original
units. The two pairs of arrays are given side by side, rather than one with a scale: a model of returns is scaled in
returns and judged in prices. Sums are over blocks of origins, in float64: a long test part never exists twice.

References:
    Hyndman and Koehler 2006, "Another look at measures of forecast accuracy", International Journal of Forecasting
    22(4): the mean absolute scaled error. We scale by the seasonal naive forecast, per column, and average the columns.
    ``diebold_mariano.py`` cites the test.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.metrics.diebold_mariano import DieboldMariano, diebold_mariano_test

FORECAST_METRIC_NAMES: tuple[str, ...] = (
    "mse",
    "mae",
    "rmse",
    "mae_original",
    "r2",
    "mape",
    "mase",
    "directional_accuracy",
    "dm_statistic",
    "dm_p_value",
)
"""The keys of ``forecast_metrics``, in order."""

_BLOCK_VALUES = 2**16  # half a megabyte: a few such arrays stay in a core's cache

_Array = NDArray[np.generic]
_Floats = NDArray[np.float64]


def forecast_metrics(
    actual: ArrayLike,
    predicted: ArrayLike,
    *,
    actual_scaled: ArrayLike | None = None,
    predicted_scaled: ArrayLike | None = None,
    last: ArrayLike | None = None,
    last_scaled: ArrayLike | None = None,
    seasonal_mae: ArrayLike | None = None,
) -> dict[str, float]:
    """Compute all metrics of one series' forecasts.

    What is undefined is NaN. A forecast that is NaN makes NaN of every metric that reads it.

    Args:
        actual: ``[N, H, D]``, in original units.
        predicted: ``[N, H, D]``, in original units.
        actual_scaled: ``[N, H, D]``, as the model sees them, as a rule z-scores of the train part. Without the scaled
            pair, ``actual`` and ``predicted`` are taken to be scaled, and ``last`` to be ``last_scaled``.
        predicted_scaled: ``[N, H, D]``; together with ``actual_scaled`` or not at all.
        last: ``[N, D]``, the last values known at each origin, in original units.
        last_scaled: ``[N, D]``, what the last-value forecast reads among the scaled values: for a model of values, the
            last of them; for a model of returns, the z-score of a return of 0.
        seasonal_mae: ``[D]``, mean absolute error of the seasonal naive forecast within the train part, in original
            units.

    Returns:
        The values under ``FORECAST_METRIC_NAMES``, over all origins, steps and columns:

        * ``mse`` and ``mae``, on scaled values.
        * ``rmse`` and ``mae_original``, in original units; the columns of the largest unit decide both.
        * ``r2``, 1 less the mean squared error relative to the column's variance over the evaluated targets, averaged
          over columns. Targets that overlap count as often as they are forecast. Constant columns are left out.
        * ``mape``, in percent. One actual value of 0 leaves it undefined.
        * ``mase``, the mean absolute error relative to ``seasonal_mae``, averaged over columns. Columns where that is 0
          are left out.
        * ``directional_accuracy``, the share of values whose change since ``last`` has the sign forecast. Unchanged
          actual values are left out; a forecast of no change counts half, so the last value itself scores 0.5. It must
          then equal ``last`` exactly, not but for what scaling and back has rounded.
        * ``dm_statistic`` and ``dm_p_value``, Diebold and Mariano's test of the squared scaled error, averaged over
          steps and columns, against that of the last-value forecast; negative where better. ``diebold_mariano.py`` says
          how far to trust it.

    Raises:
        ValueError: If shapes do not match, if one is empty, or if one of the scaled pair is missing.
    """
    pair = _check_pair(actual, predicted)
    scaled = _check_scaled_pair(actual_scaled, predicted_scaled, pair)
    n_origins, horizon, n_columns = pair.actual.shape
    if scaled is pair and last_scaled is None:
        last_scaled = last
    last_values = _check_optional("last", last, (n_origins, n_columns))
    last_scaled_values = _check_optional("last_scaled", last_scaled, (n_origins, n_columns))
    seasonal_errors = _check_optional("seasonal_mae", seasonal_mae, (n_columns,))

    with np.errstate(all="ignore"):  # a diverged model's infinities are in the values, and need no warning besides
        errors = _mean_errors(pair)
        scaled_errors = errors if scaled is pair else _mean_errors(scaled)
        test = _test_against_last(scaled, last_scaled_values, horizon)
        return {
            "mse": float(scaled_errors.squared.mean()),
            "mae": float(scaled_errors.absolute.mean()),
            "rmse": math.sqrt(errors.squared.mean()),
            "mae_original": float(errors.absolute.mean()),
            "r2": _r2(pair.actual, errors.squared.mean(axis=0)),
            "mape": _mape(pair),
            "mase": _mase(errors.absolute.mean(axis=0), seasonal_errors),
            "directional_accuracy": _directional_accuracy(pair, last_values),
            "dm_statistic": test.statistic,
            "dm_p_value": test.p_value,
        }


def horizon_metrics(
    actual: ArrayLike,
    predicted: ArrayLike,
    *,
    actual_scaled: ArrayLike | None = None,
    predicted_scaled: ArrayLike | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Compute the errors at each step of the horizon.

    Args:
        actual: As for ``forecast_metrics``.
        predicted: As for ``forecast_metrics``.
        actual_scaled: As for ``forecast_metrics``.
        predicted_scaled: As for ``forecast_metrics``.

    Returns:
        ``mse``, ``mae``, ``rmse`` and ``mae_original``, each ``[H]``. Their means over steps are the values of
        ``forecast_metrics``; that of ``rmse`` is so only in squares.

    Raises:
        ValueError: As ``forecast_metrics``.
    """
    pair = _check_pair(actual, predicted)
    scaled = _check_scaled_pair(actual_scaled, predicted_scaled, pair)
    with np.errstate(all="ignore"):
        errors = _mean_errors(pair)
        scaled_errors = errors if scaled is pair else _mean_errors(scaled)
        return {
            "mse": scaled_errors.squared.mean(axis=1),
            "mae": scaled_errors.absolute.mean(axis=1),
            "rmse": np.sqrt(errors.squared.mean(axis=1)),
            "mae_original": errors.absolute.mean(axis=1),
        }


class _Pair(NamedTuple):
    """Targets and their forecasts, both ``[N, H, D]`` and of any number type."""

    actual: _Array
    predicted: _Array


def _check_pair(actual: ArrayLike, predicted: ArrayLike, suffix: str = "") -> _Pair:
    pair = _Pair(np.asarray(actual), np.asarray(predicted))
    if pair.actual.ndim != 3 or pair.actual.size == 0:
        raise ValueError(
            f"`actual{suffix}` has shape {pair.actual.shape}, but must have three axes, origins, horizon steps and "
            "target columns, and none of length 0; a single target still has a last axis, of length 1"
        )
    if pair.predicted.shape != pair.actual.shape:
        raise ValueError(
            f"`predicted{suffix}` has shape {pair.predicted.shape}, but must have that of `actual{suffix}`, "
            f"{pair.actual.shape}; forecast every target once from every origin"
        )
    return pair


def _check_scaled_pair(actual_scaled: ArrayLike | None, predicted_scaled: ArrayLike | None, pair: _Pair) -> _Pair:
    """Return the scaled pair, which is the original ``pair`` itself where none is given."""
    if actual_scaled is None and predicted_scaled is None:
        return pair
    if actual_scaled is None or predicted_scaled is None:
        missing = "actual_scaled" if actual_scaled is None else "predicted_scaled"
        raise ValueError(
            f"`{missing}` is None, but must be given where its partner is; leave both out where `actual` and "
            "`predicted` are scaled values already"
        )
    scaled = _check_pair(actual_scaled, predicted_scaled, "_scaled")
    if scaled.actual.shape != pair.actual.shape:
        raise ValueError(
            f"`actual_scaled` has shape {scaled.actual.shape}, but must have that of `actual`, {pair.actual.shape}; "
            "give the same targets in both units"
        )
    return scaled


def _check_optional(name: str, values: ArrayLike | None, shape: tuple[int, ...]) -> _Array | None:
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != shape:
        axes = "origins and target columns" if len(shape) == 2 else "target columns"
        raise ValueError(
            f"`{name}` has shape {array.shape}, but must have {shape}, {axes} of `actual`; give one value for each, "
            "or leave it out"
        )
    return array


def _blocks(*arrays: _Array) -> Iterator[tuple[_Floats, ...]]:
    """Yield the arrays in blocks of origins, in float64; the first array's values decide the size of a block."""
    n_origins = len(arrays[0])
    size = max(1, _BLOCK_VALUES * n_origins // arrays[0].size)
    for start in range(0, n_origins, size):
        yield tuple(np.asarray(array[start : start + size], dtype=np.float64) for array in arrays)


class _MeanErrors(NamedTuple):
    """Means over origins, ``[H, D]``."""

    squared: _Floats
    absolute: _Floats


def _mean_errors(pair: _Pair) -> _MeanErrors:
    squared, absolute = np.zeros(pair.actual.shape[1:]), np.zeros(pair.actual.shape[1:])
    for actual, predicted in _blocks(*pair):
        errors = actual - predicted
        squared += np.square(errors).sum(axis=0)
        absolute += np.abs(errors).sum(axis=0)
    return _MeanErrors(squared / len(pair.actual), absolute / len(pair.actual))


def _r2(actual: _Array, squared_errors: _Floats) -> float:
    """Average over the columns that vary; ``squared_errors [D]`` are means."""
    n_values = actual.shape[0] * actual.shape[1]
    means, varies = np.zeros(actual.shape[2]), np.zeros(actual.shape[2], dtype=np.bool_)
    for (block,) in _blocks(actual):
        means += block.sum(axis=(0, 1)) / n_values
        # By comparison: the squares about a rounded mean are rarely exactly 0.
        varies |= (block != np.asarray(actual[0, 0], dtype=np.float64)).any(axis=(0, 1))
    variances = sum(np.square(block - means).sum(axis=(0, 1)) for (block,) in _blocks(actual)) / n_values
    return _mean_or_nan(1 - squared_errors[varies] / variances[varies])


def _mape(pair: _Pair) -> float:
    total = 0.0
    for actual, predicted in _blocks(*pair):
        if not actual.all():
            return math.nan
        total += float(np.abs((actual - predicted) / actual).sum())
    return 100 * total / pair.actual.size


def _mase(absolute_errors: _Floats, seasonal_mae: _Array | None) -> float:
    """Average over columns; both arguments are ``[D]``."""
    if seasonal_mae is None:
        return math.nan
    scales = seasonal_mae.astype(np.float64)
    return _mean_or_nan(absolute_errors[scales != 0] / scales[scales != 0])


def _directional_accuracy(pair: _Pair, last: _Array | None) -> float:
    """Count agreement of signs as 1, opposite signs as -1, and half a hit as 0; then map -1 to 1 onto 0 to 1."""
    if last is None:
        return math.nan
    n_moved, agreement = 0, 0.0
    for actual, predicted, known in _blocks(*pair, last):
        moves = np.sign(actual - known[:, None])
        agreement += float(np.sum(moves * np.sign(predicted - known[:, None])))
        n_moved += int(np.count_nonzero(moves))
    return (1 + agreement / n_moved) / 2 if n_moved else math.nan


def _test_against_last(scaled: _Pair, last_scaled: _Array | None, horizon: int) -> DieboldMariano:
    if last_scaled is None:
        return DieboldMariano(math.nan, math.nan)
    repeated = np.broadcast_to(last_scaled[:, None], scaled.actual.shape)
    return diebold_mariano_test(
        _squared_losses(scaled), _squared_losses(_Pair(scaled.actual, repeated)), horizon=horizon
    )


def _squared_losses(pair: _Pair) -> _Floats:
    """Return the mean squared error of each origin, ``[N]``."""
    losses = [np.square(actual - predicted).mean(axis=(1, 2)) for actual, predicted in _blocks(*pair)]
    return np.concatenate(losses)


def _mean_or_nan(values: _Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
