"""What a search for anomaly detectors can optimise, and which objective is the default.

What each is worth was measured (``benchmarks/objective_validity.py``, docs/objectives.md); one that does not rank
detectors is not offered. ``val_loss`` ranks weakly, and is there for series that no incident fits in.
"""

from trainables.tasks.base import Evidence, Objective
from trainables.tasks.labelled_part import FEWEST_EVENTS

GAP_WEIGHT = 0.1
"""Event F1 that one standard deviation of the log gap is worth on a series without labels. It was fixed on the first
half of the recorded runs; half and twice as much rank the same (docs/objectives.md)."""
EVENTS_THAT_HALVE = FEWEST_EVENTS
"""Labelled events at which a series' log gap is worth half as much: the more its labels say, the less it has to add.
Without that the sum ranked worse than the labels alone on six machines with 40 events (docs/objectives.md)."""

MEASURED_ON = "13 servers of SMD and ASD"
"""Where the evidence comes from: ``benchmarks/objective_runs.parquet``, which a test compares it with."""

OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective(
            name="labelled_event_f1_and_log_gap",
            direction="maximize",
            primary_metric="event_f1_pa_log",
            needs_labels=True,
            needs_incidents=True,
            description="best event F1 (log weights) on the labelled part of the test split, where a series has one, "
            "plus the log gap, which counts the less, the more events are labelled",
            evidence=Evidence(setting=MEASURED_ON, within_series=(0.49, 0.34, 0.61), over_fleet=(0.75, 0.4, 0.88)),
        ),
        Objective(
            name="labelled_event_f1",
            direction="maximize",
            primary_metric="event_f1_pa_log",
            needs_labels=True,
            needs_incidents=False,
            description="best event F1 (log weights) on the labelled part of the test split",
            evidence=Evidence(setting=MEASURED_ON, within_series=(0.5, 0.34, 0.64), over_fleet=(0.71, 0.35, 0.84)),
        ),
        Objective(
            name="labelled_auprc",
            direction="maximize",
            primary_metric="point_auprc",
            needs_labels=True,
            needs_incidents=False,
            description="average precision on the labelled part of the test split",
            evidence=Evidence(setting=MEASURED_ON, within_series=(0.56, 0.4, 0.69), over_fleet=(0.89, 0.52, 0.89)),
        ),
        Objective(
            name="log_gap",
            direction="maximize",
            primary_metric="event_f1_pa_log",
            needs_labels=False,
            needs_incidents=True,
            description="standardised log gap between injected incidents and quiet validation steps",
            evidence=Evidence(setting=MEASURED_ON, within_series=(0.47, 0.32, 0.59), over_fleet=(0.72, 0.37, 0.87)),
        ),
        Objective(
            name="val_loss",
            direction="minimize",
            primary_metric="event_f1_pa_log",
            needs_labels=False,
            needs_incidents=False,
            description="validation loss relative to predicting the last value, under one common clip",
            evidence=Evidence(setting=MEASURED_ON, within_series=(0.22, 0.05, 0.39), over_fleet=(0.35, 0.01, 0.6)),
        ),
    )
}
DEFAULT_OBJECTIVE = "labelled_event_f1_and_log_gap"
DEFAULT_OBJECTIVE_WITHOUT_LABELS = "log_gap"


def choose_objective(name: str | None, *, labelled: bool) -> Objective:
    """Return an objective by its name, or the default one.

    Args:
        name: The objective; ``None`` leaves the choice.
        labelled: Whether any series has labels.

    Raises:
        ValueError: If there is no such objective.
    """
    if name is None:
        return OBJECTIVES[DEFAULT_OBJECTIVE if labelled else DEFAULT_OBJECTIVE_WITHOUT_LABELS]
    if name not in OBJECTIVES:
        raise ValueError(f"there is no objective {name!r} for anomaly detection; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def add_log_gap(event_f1: float | None, log_gap: float, *, n_events: int) -> float:
    """Put what labels say and what injected incidents say about one series into one number.

    A mean over series then weighs the log gap the more, the fewer events are labelled.

    Args:
        event_f1: On the labelled part; ``None`` where the series has none.
        log_gap: On the validation part.
        n_events: Labelled events of the series that the objective sees.
    """
    return (event_f1 or 0.0) + gap_weight(n_events) * log_gap


def gap_weight(n_events: int) -> float:
    """Return what one standard deviation of a series' log gap is worth, given how many of its events are labelled."""
    return GAP_WEIGHT / (1 + n_events / EVENTS_THAT_HALVE)
