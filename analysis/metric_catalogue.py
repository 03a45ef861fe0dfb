"""What the metrics and baselines are called in a report, what they mean, and which way is better.

A name that is not listed here still works: it is shown as it is, and higher counts as better unless it is an error.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric as a report shows it."""

    label: str
    definition: str


METRICS: dict[str, Metric] = {
    "event_f1_pa_log": Metric(
        label="event F1 (log)",
        definition="Best F1 over all thresholds after point adjustment, where an event of t steps weighs "
        "floor(log3(t + 3)), so that one long event does not decide the score.",
    ),
    "event_f1_pa_squeeze": Metric(
        label="event F1 (squeeze)", definition="The same, but every event weighs 1, however long it is."
    ),
    "point_f1_nan_safe": Metric(
        label="point F1",
        definition="Best F1 over all thresholds on single steps, without point adjustment; 0/0 counts as 0.",
    ),
    "point_f1_pa": Metric(
        label="F1-PA",
        definition="Best F1 on single steps after point adjustment: one hit anywhere in an event counts as finding all "
        "of its steps. It flatters: random scores do well on it.",
    ),
    "point_auprc": Metric(
        label="AUPRC", definition="Average precision on single steps, without point adjustment; needs no threshold."
    ),
    "point_auroc": Metric(
        label="AUROC",
        definition="Chance that an anomalous step scores higher than a normal one, without point adjustment.",
    ),
    "fixed_threshold_event_f1_pa_log": Metric(
        label="event F1 (log), fixed threshold",
        definition="Event F1 (log) at the threshold that was fixed before the test part was opened: the best one on "
        "the labelled part, or without one the 99.9 % quantile of the validation scores. What one would get in use.",
    ),
    "fixed_threshold_point_f1": Metric(
        label="point F1, fixed threshold", definition="Point F1 at the threshold that was fixed beforehand."
    ),
    "fixed_threshold_point_f1_pa": Metric(
        label="F1-PA, fixed threshold", definition="F1-PA at the threshold that was fixed beforehand."
    ),
    "fixed_threshold_event_f1_pa_squeeze": Metric(
        label="event F1 (squeeze), fixed threshold",
        definition="Event F1 (squeeze) at the threshold that was fixed beforehand.",
    ),
    "mse": Metric(
        label="MSE",
        definition="Mean squared error over origins, steps of the horizon and target columns, of values standardised "
        "by the train part (for prices: of standardised log returns), as published tables have it.",
    ),
    "mae": Metric(label="MAE", definition="Mean absolute error of the same standardised values."),
    "rmse": Metric(
        label="RMSE, original units",
        definition="Root of the mean squared error in the data's own units, over all target columns together: the "
        "column with the largest unit decides.",
    ),
    "mae_original": Metric(label="MAE, original units", definition="Mean absolute error in the data's own units."),
    "r2": Metric(
        label="R²",
        definition="1 minus the squared error relative to that of the column's mean over the test part, in the data's "
        "own units, averaged over columns. On prices it is near 1 for the last value too.",
    ),
    "mape": Metric(label="MAPE, %", definition="Mean absolute percentage error; undefined where an actual value is 0."),
    "mase": Metric(
        label="MASE",
        definition="Mean absolute error relative to that of the seasonal naive forecast within the train part "
        "(Hyndman and Koehler 2006), averaged over columns.",
    ),
    "directional_accuracy": Metric(
        label="directional accuracy",
        definition="Share of forecasts that say rightly whether the value will be above or below the last known one; "
        "a forecast of no change counts half.",
    ),
    "dm_statistic": Metric(
        label="DM statistic",
        definition="Diebold-Mariano statistic of the squared error against that of the last value; negative is better, "
        "beyond -2 hardly by chance. With forecasts of several steps, which overlap, it says so too often (11 % "
        "instead of 5 %).",
    ),
    "dm_p_value": Metric(
        label="DM p value",
        definition="Its two-sided p value (Harvey, Leybourne and Newbold 1997); a hint alone where several steps are "
        "forecast.",
    ),
}

SHOWN = (
    "event_f1_pa_log",
    "event_f1_pa_squeeze",
    "point_f1_nan_safe",
    "point_f1_pa",
    "point_auprc",
    "point_auroc",
    "fixed_threshold_event_f1_pa_log",
    "mse",
    "mae",
    "rmse",
    "r2",
    "mase",
    "directional_accuracy",
    "dm_statistic",
)
"""Metrics that stand in the tables; every other one is in the CSV files."""

FIXED_THRESHOLD = "fixed_threshold_"
"""Prefix of the twin of a best-over-thresholds metric whose threshold was fixed beforehand."""
ADJUSTED = "point_f1_pa"
"""The metric beside which random scores always stand."""

BASELINES = {
    "sum_of_squares": "sum of squared z",
    "random": "random scores",
    "last_value": "last value",
    "seasonal_naive": "seasonal naive",
}
LAST_VALUE = "last_value"
"""The baseline that forecasts no change, against which errors are put."""
RANDOM = "random"
"""The baseline that draws its scores, once per seed; others have no seed."""

_ERRORS = ("mse", "mae", "rmse", "mae_original", "mape", "smape", "mase", "loss", "crps", "dm_statistic")


def label_metric(name: str) -> str:
    """Return what a report calls a metric."""
    return METRICS[name].label if name in METRICS else name


def label_baseline(arm: str) -> str:
    """Return what a report calls an untrained baseline."""
    return BASELINES.get(arm, arm)


def higher_is_better(name: str) -> bool:
    """Tell which way a test metric is better; errors and losses are known by the end of their names."""
    return not name.endswith(_ERRORS)


def choose_shown(names: Collection[str], most: int = 8) -> tuple[str, ...]:
    """Choose the metrics that stand in the tables, of those that a study has.

    Args:
        names: Without their prefix, in the order of the study's columns.
        most: So many, where the study has none of :data:`SHOWN`.
    """
    listed = tuple(name for name in SHOWN if name in names)
    return listed or tuple(name for name in names if not name.endswith(("_precision", "_recall", "_threshold")))[:most]


def is_best_over_thresholds(name: str) -> bool:
    """Tell whether a metric chose its threshold on the labels that it is computed from."""
    return "_f1" in f"_{name}" and not name.startswith(FIXED_THRESHOLD)
