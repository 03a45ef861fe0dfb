"""Metrics on arrays alone: anomaly scores against labels, forecasts against what came."""

from trainables.metrics.anomaly import (
    METRIC_NAMES,
    anomaly_metrics,
    average_precision,
    best_event_f1,
    f1_at_threshold,
)
from trainables.metrics.diebold_mariano import DieboldMariano, diebold_mariano_test
from trainables.metrics.forecast import FORECAST_METRIC_NAMES, forecast_metrics, horizon_metrics
from trainables.metrics.segments import find_segments, grow_segments

__all__ = [
    "FORECAST_METRIC_NAMES",
    "METRIC_NAMES",
    "DieboldMariano",
    "anomaly_metrics",
    "average_precision",
    "best_event_f1",
    "diebold_mariano_test",
    "f1_at_threshold",
    "find_segments",
    "forecast_metrics",
    "grow_segments",
    "horizon_metrics",
]
