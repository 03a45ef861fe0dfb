"""Metrics on arrays alone: anomaly scores against labels."""

from trainables.metrics.anomaly import (
    METRIC_NAMES,
    anomaly_metrics,
    average_precision,
    best_event_f1,
    f1_at_threshold,
)
from trainables.metrics.segments import find_segments, grow_segments

__all__ = [
    "METRIC_NAMES",
    "anomaly_metrics",
    "average_precision",
    "best_event_f1",
    "f1_at_threshold",
    "find_segments",
    "grow_segments",
]
