"""Judging a detector without labels: the standardised log gap, and the loss relative to the last value.

``[V]`` = steps of the validation part; ``[V, D]`` with features.
"""

import numpy as np
from numpy.typing import NDArray

from trainables.tasks.incidents import InjectedIncidents

_QUIET_AFTER = 32
"""Steps that are left out at the start of the part and after each incident, while a window still holds it."""

COMMON_CLIP = 5.0
"""The bound under which losses of configurations with different clips are compared."""


def log_gap(scores: NDArray[np.float64], incidents: InjectedIncidents) -> float:
    """Distance between the scores of injected incidents and of quiet steps, on a log scale, in standard deviations.

    Args:
        scores: ``[V]``, non-negative, of the injected part.
        incidents: What was injected.

    Returns:
        The mean over incidents of their highest log score, minus the mean log score of quiet steps, over the standard
        deviation of the latter. It needs no threshold, does not saturate when every incident is found, and does not
        change when scores are scaled or raised to a power. 0 where quiet steps all score the same.
    """
    log_scores = np.log(scores + 1e-9)
    quiet = log_scores[_quiet_steps(incidents)]
    spread = float(quiet.std())
    if spread < 1e-9:  # equal scores, but for rounding
        return 0.0
    bounds = np.stack([incidents.starts, incidents.stops], axis=1).ravel()
    # reduceat folds [start, stop) at even places and the gaps between at odd ones; a last stop at the end has no gap.
    peaks = np.maximum.reduceat(log_scores, bounds[bounds < len(log_scores)])[::2]
    return float((peaks.mean() - quiet.mean()) / spread)


def relative_loss(predicted: NDArray[np.float32], actual: NDArray[np.float32], previous: NDArray[np.float32]) -> float:
    """Mean squared error over that of predicting the last value, all three under one common clip.

    Losses under different clips cannot be compared as they are: a tight clip makes every series easy to predict.

    Args:
        predicted: ``[V, D]``, standardised.
        actual: ``[V, D]``, standardised, unclipped.
        previous: ``[V, D]``, the step before each of ``actual``.
    """
    predicted, actual, previous = (np.clip(part, -COMMON_CLIP, COMMON_CLIP) for part in (predicted, actual, previous))
    reference = float(np.mean(np.square(actual - previous, dtype=np.float64)))
    error = float(np.mean(np.square(actual - predicted, dtype=np.float64)))
    return error / max(reference, 1e-12)


def _quiet_steps(incidents: InjectedIncidents) -> NDArray[np.bool_]:
    quiet = ~incidents.labels()
    quiet[:_QUIET_AFTER] = False
    for stop in incidents.stops:
        quiet[stop : stop + _QUIET_AFTER] = False
    return quiet
