"""Forecasting: split, scaling, objectives, metrics and naive baselines.

Every series has a train, a validation and a test part, in this order, and one scaler, fitted on the train part. Models
forecast a horizon of steps from every origin; forecasts of a part lie wholly within it, their windows may reach back.

``[N]`` origins, ``[H]`` horizon, ``[D]`` target columns.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import torch

from trainables.data.forecast_datasets import FORECAST_DATASETS, load_forecast_series
from trainables.data.forecast_series import ForecastSeries
from trainables.data.forecast_windows import ForecastWindows
from trainables.data.windows import as_tensor
from trainables.metrics import FORECAST_METRIC_NAMES, forecast_metrics, horizon_metrics
from trainables.models.base import ForecasterConfig, Model, ModelConfig, Sizes, TaskName, check_range
from trainables.seeding import derive_seed
from trainables.tasks.base import DataRequest, Objective, Outcome, StudyData, Workload
from trainables.tasks.forecasters import Forecaster, Forecasts, ModelForecaster, SeasonalNaive
from trainables.tasks.prepared_forecast import PreparedForecast

OBJECTIVES: dict[str, Objective] = {
    f"val_{metric}": Objective(
        name=f"val_{metric}",
        direction="minimize",
        primary_metric=metric,
        needs_labels=False,
        needs_incidents=False,
        epoch="best",
        description=f"mean {words} error of scaled values on the validation part, of the best epoch",
    )
    for metric, words in (("mse", "squared"), ("mae", "absolute"))
}
DEFAULT_OBJECTIVE = "val_mse"

PREDICTION_SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        ("origin", pa.int64()),  # first step of the forecast, as a row of the series
        ("step", pa.int64()),  # of the forecast, from 1
        ("time", pa.timestamp("s")),  # of that step; null where the data have no clock
        ("column", pa.string()),
        ("actual", pa.float64()),  # in original units, as is the next one
        ("predicted", pa.float64()),
    ]
)


class ForecastTask:
    """Forecasting some or all columns of a series from a window of all of them."""

    name: TaskName = "forecast"
    objectives: Mapping[str, Objective] = OBJECTIVES
    baselines: tuple[str, ...] = ("last_value", "seasonal_naive")
    validation_metric_names: tuple[str, ...] = tuple(OBJECTIVES)
    test_metric_names: tuple[str, ...] = FORECAST_METRIC_NAMES

    def open(self, request: DataRequest) -> StudyData:
        """Load, check, split and scale the data, once for a study."""
        _refuse_anomaly_options(request)
        series = load_forecast_series(
            request.data,
            root=request.root,
            names=request.series,
            timestamp=request.timestamp,
            target=request.target,
            difference=request.difference,
        )
        horizon = FORECAST_DATASETS[request.data].horizon if request.horizon is None else request.horizon
        return self.prepare(series, objective=request.objective, horizon=horizon)

    def prepare(self, series: Collection[ForecastSeries], *, objective: str | None, horizon: int) -> StudyData:
        """Split and scale.

        Raises:
            ValueError: If the objective is unknown, or a series too short for the horizon.
        """
        check_range("--horizon", horizon, 1, 100_000)
        chosen = objective or DEFAULT_OBJECTIVE
        if chosen not in OBJECTIVES:
            raise ValueError(f"there is no objective {chosen!r} for forecasting; known: {', '.join(OBJECTIVES)}")
        prepared = {one.name: PreparedForecast.of(one, horizon=horizon) for one in series}
        notes = [f"{one.name}: {note}" for one in series for note in one.notes]
        return StudyData(
            objective=OBJECTIVES[chosen],
            series=prepared,
            objective_series=tuple(prepared),
            test_series=tuple(prepared),
            notes=(_describe_horizon(horizon, list(prepared.values())), *notes),
            data_hash=f"{derive_seed(0, *(part for one in series for part in (one.name, one.content_hash()))):016x}",
        )

    def has_test_scores(self, data: StudyData) -> bool:
        """Tell whether any series will have metrics on its untouched part: all of them."""
        return bool(data.series)

    def sizes(self, series: PreparedForecast, config: ForecasterConfig) -> Sizes:
        """Return what a model must know of a series to be built.

        Raises:
            ValueError: If the train part is too short for the configuration.
        """
        return Sizes(
            n_features=len(series.columns),
            horizon=series.horizon,
            targets=series.targets,
            n_examples=len(series.training_origins(config.lookback)),
        )

    def examples(self, series: PreparedForecast, config: ForecasterConfig, device: torch.device) -> ForecastWindows:
        """Return the windows of the train part with what follows them."""
        return ForecastWindows(
            as_tensor(series.scaled).to(device),
            lookback=config.lookback,
            horizon=series.horizon,
            targets=series.targets,
            origins=series.training_origins(config.lookback),
        )

    def predictor(self, model: Model, config: ForecasterConfig, series: PreparedForecast) -> ModelForecaster:
        """Make a forecaster of a model that was trained on a series."""
        del series
        return ModelForecaster(model, lookback=config.lookback)

    def validate(
        self,
        predictor: Forecaster,
        series: PreparedForecast,
        *,
        config: ModelConfig | None,
        names: Collection[str],
        device: torch.device,
    ) -> dict[str, float]:
        """Compute the errors on the validation part: all of them cost as much as one."""
        del config, names
        origins = series.validation_origins
        if isinstance(predictor, ModelForecaster):
            squared, absolute = predictor.squared_and_absolute_error(series, origins, device)
        else:
            errors = predictor.forecast(series, origins, device).scaled - series.actual_scaled(origins)
            squared, absolute = float(np.square(errors).mean()), float(np.abs(errors).mean())
        return {"val_mse": squared, "val_mae": absolute}

    def test(
        self,
        predictor: Forecaster,
        series: PreparedForecast,
        *,
        config: ModelConfig | None,
        full: bool,
        device: torch.device,
    ) -> Outcome:
        """Open the test part: forecast from every origin in it, one step apart.

        Metrics at single steps of the horizon are ``test_mse_at_<step>`` and ``test_mae_at_<step>``.
        """
        del config, full
        origins = series.test_origins
        found = predictor.forecast(series, origins, device)
        actual, actual_scaled = series.actual(origins), series.actual_scaled(origins)
        metrics = forecast_metrics(
            actual,
            found.original,
            actual_scaled=actual_scaled,
            predicted_scaled=found.scaled,
            last=series.last(origins),
            last_scaled=series.last_scaled(origins),
            seasonal_mae=series.seasonal_mae,
        )
        by_step = horizon_metrics(actual, found.original, actual_scaled=actual_scaled, predicted_scaled=found.scaled)
        at_steps = {
            f"{name}_at_{step + 1:04d}": float(by_step[name][step])
            for name in ("mse", "mae")
            for step in range(series.horizon)
        }
        return Outcome(
            metrics={f"test_{name}": value for name, value in {**metrics, **at_steps}.items()},
            predictions=_to_table(series, origins, found),
        )

    def baseline(
        self, name: str, data: StudyData, *, seed: int, device: torch.device
    ) -> tuple[Mapping[str, object], Mapping[str, Forecaster]]:
        """Make a naive baseline; it has nothing to tune."""
        del seed, device
        forecaster = SeasonalNaive(last_value=name == "last_value")
        config: dict[str, object] = {} if forecaster.last_value else {"season": _seasons(list(data.series.values()))}
        return config, dict.fromkeys(data.series, forecaster)

    def workload(self, predictor: ModelForecaster, series: PreparedForecast, device: torch.device) -> Workload:
        """Return what a speed measurement times: from scaled windows to scaled forecasts."""
        origins = series.test_origins
        first = range(origins.start, origins.start + 1)
        return Workload(
            one=lambda: list(predictor.in_batches(series, first, device)),
            many=lambda: list(predictor.in_batches(series, origins, device)),
            n_many=len(origins),
        )


def _refuse_anomaly_options(request: DataRequest) -> None:
    for flag, given in (
        ("--label-column", request.label_column is not None),
        ("--labelled-by", request.labelled_by is not None),
        ("--full-test", request.full_test),
    ):
        if given:
            raise ValueError(
                f"`{flag}` is given, but forecasting knows no labels and always states its metrics on the whole test "
                "part; leave it out"
            )


def _describe_horizon(horizon: int, series: list[PreparedForecast]) -> str:
    how = {one.difference for one in series}
    trained = "log returns" if how == {"log_return"} else "values" if how == {"none"} else "log returns or values"
    steps = "1 step" if horizon == 1 else f"{horizon} steps"
    return (
        f"The horizon is {steps}; models are trained on {trained}, standardised by the train part; "
        f"the season of the seasonal naive forecast is {_seasons(series)}"
    )


def _seasons(series: list[PreparedForecast]) -> str:
    found = {one.name: "1 step" if one.season == 1 else f"{one.season} steps" for one in series}
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return ", ".join(f"{steps} on {name}" for name, steps in found.items())


def _to_table(series: PreparedForecast, origins: range, found: Forecasts) -> pa.Table:
    """Keep forecasts that do not overlap: from every ``H``-th origin, so that each step is forecast once."""
    kept = np.arange(0, len(origins), series.horizon)
    starts = np.asarray(origins)[kept]
    n_origins, horizon, n_targets = len(kept), series.horizon, len(series.targets)
    steps = starts[:, None] + np.arange(horizon)
    shape = (n_origins, horizon, n_targets)

    def spread(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, shape).ravel()

    times = None if series.timestamps is None else pa.array(spread(series.timestamps[steps][:, :, None]))
    names = np.array([series.columns[column] for column in series.targets], dtype=object)
    columns = [
        pa.array([series.name] * (n_origins * horizon * n_targets)),
        pa.array(spread(starts[:, None, None])),
        pa.array(spread((np.arange(horizon) + 1)[None, :, None])),
        times if times is not None else pa.nulls(n_origins * horizon * n_targets, pa.timestamp("s")),
        pa.array(spread(names[None, None, :])),
        pa.array(spread(series.original[steps])),
        pa.array(np.asarray(found.original[kept], dtype=np.float64).ravel()),
    ]
    return pa.table(columns, schema=PREDICTION_SCHEMA)
