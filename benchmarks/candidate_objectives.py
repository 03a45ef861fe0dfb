"""What could be searched for: every candidate objective as a function of one run's recorded scores.

All are turned so that higher is better. ``[N]`` = test steps from the first scored one, ``[V]`` = validation steps.
Definitions without a source here are those of the project's task or of ``docs/objectives.md``.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from recorded_runs import inject_all, prepare
from scipy.stats import kurtosis

from trainables.data.windows import CONTEXT
from trainables.metrics import anomaly_metrics, average_precision, best_event_f1, find_segments, grow_segments
from trainables.tasks.anomaly import MARGIN
from trainables.tasks.incidents import InjectedIncidents
from trainables.tasks.label_free import log_gap
from trainables.tasks.labelled_part import FEWEST_EVENTS, cut_in_normal_gap

Scores = NDArray[np.float32]
Arrays = Mapping[str, NDArray[np.float32]]

TEST_METRICS = ("event_f1_pa_log", "event_f1_pa_squeeze", "point_f1_pa", "point_auprc")


def divide_test(name: str) -> tuple[range, range]:
    """Return the labelled and the untouched steps as a study does under ``--labelled-by time``."""
    series = prepare(name)
    assert series.labels is not None
    cut = cut_in_normal_gap(series.labels)
    before, after = (len(find_segments(part)[0]) for part in (series.labels[CONTEXT:cut], series.labels[cut:]))
    if min(before, after) >= FEWEST_EVENTS:
        return range(CONTEXT, cut), range(cut, len(series.labels))
    return range(0), range(CONTEXT, len(series.labels))


def first_events(name: str) -> list[range]:
    """Return the steps up to the middle of the gap after the first, second, ... event of the labelled part."""
    labelled, _ = divide_test(name)
    labels = prepare(name).labels
    assert labels is not None
    starts, stops = find_segments(labels[: labelled.stop])
    ends = np.append(starts[1:], labelled.stop)
    return [range(CONTEXT, int(stop + end) // 2) for stop, end in zip(stops, ends, strict=True)]


def judge_untouched(arrays: Arrays, name: str) -> dict[str, float]:
    """Compute the test metrics on the untouched part."""
    _, untouched = divide_test(name)
    scores, labels = _cut(arrays["test"], name, untouched)
    found = anomaly_metrics(scores, labels, margin=MARGIN)
    return {metric: found[metric] for metric in TEST_METRICS}


def judge_by_labels(arrays: Arrays, name: str, steps: range) -> dict[str, float]:
    """Compute every objective that uses the labels of the given steps."""
    scores, labels = _cut(arrays["test"], name, steps)
    found = anomaly_metrics(scores, labels, margin=MARGIN)
    return {
        "labelled_event_f1": found["event_f1_pa_log"],
        "labelled_event_f1_squeeze": found["event_f1_pa_squeeze"],
        "labelled_f1_pa": found["point_f1_pa"],
        "labelled_auprc": found["point_auprc"],
        "labelled_event_auprc": found["event_auprc_pa_log"],
        "labelled_event_auprc_squeeze": found["event_auprc_pa_squeeze"],
        "labelled_log_gap": _labelled_log_gap(scores, labels),
        "labelled_f1_and_auprc": (found["event_f1_pa_log"] + found["point_auprc"]) / 2,
        "labelled_f1_and_event_auprc": (found["event_f1_pa_log"] + found["event_auprc_pa_log"]) / 2,
    }


def judge_without_labels(arrays: Arrays, name: str) -> dict[str, float]:
    """Compute every objective that uses no label."""
    values: dict[str, float] = {}
    for kind, incidents in inject_all(name).items():
        scores = arrays[f"injected_{kind}"].astype(np.float64)
        labels = incidents.labels()
        values[f"log_gap_{kind}"] = log_gap(scores, incidents)
        values[f"event_f1_{kind}"] = best_event_f1(scores, labels, margin=MARGIN)[0]
        values[f"auprc_{kind}"] = average_precision(scores, grow_segments(labels, MARGIN))
    values["log_gap"] = (values["log_gap_incidents_3"] + values["log_gap_incidents_8"]) / 2
    incidents = inject_all(name)["incidents_3"]
    values["log_gap_step_mean"] = _step_mean_gap(arrays["injected_incidents_3"], incidents)
    return values | _judge_tail(arrays["test"]) | _judge_predictions(arrays)


def _judge_tail(test: Scores) -> dict[str, float]:
    """Describe the unlabelled test scores: the heavier their tail, the better, is the idea."""
    scores = test.astype(np.float64)
    log_scores = np.log(scores + 1e-9)
    above = scores > np.quantile(scores, 0.99)
    starts, stops = find_segments(above)
    top = np.sort(log_scores)[-max(10, len(scores) // 100) :]
    centred = log_scores - log_scores.mean()
    return {
        "tail_run_length": float((stops - starts).mean()) if len(starts) else 0.0,
        "tail_kurtosis": float(kurtosis(log_scores)),
        "tail_index": float((top - top[0]).mean()),
        "tail_ratio": float(np.quantile(log_scores, 0.999) - np.median(log_scores)),
        "tail_autocorrelation": float((centred[1:] * centred[:-1]).mean() / max(centred.var(), 1e-12)),
        "tail_otsu": _otsu(log_scores),
    }


def _otsu(values: NDArray[np.float64]) -> float:
    """Share of the variance that the best cut in two explains (Otsu 1979)."""
    ordered = np.sort(values)
    n, total = len(ordered), ordered.sum()
    below = np.arange(1, n)
    sums = np.cumsum(ordered)[:-1]
    between = (total * below / n - sums) ** 2 / (below * (n - below))
    return float(between.max() / max(ordered.var(), 1e-12))


def _judge_predictions(arrays: Arrays) -> dict[str, float]:
    if "relative_loss" not in arrays:
        return {}
    validation = np.log(arrays["validation"].astype(np.float64) + 1e-9)
    uniform = np.log(arrays["uniform_targets"].astype(np.float64) + 1e-9)
    wrong = np.log(arrays["wrong_time"].astype(np.float64) + 1e-9)
    quantiles = np.quantile(validation, np.linspace(0.9, 0.999, 20))
    spread = max(float(validation.std()), 1e-9)
    return {
        "val_loss": -float(arrays["relative_loss"]),
        "val_loss_log_ratio": -float(arrays["log_ratio_loss"]),
        "val_loss_own_clip": -float(arrays["own_loss"]),
        "mass_volume": -float(np.mean([(uniform <= quantile).mean() for quantile in quantiles])),
        "wrong_time": float((wrong.mean() - validation.mean()) / spread),
    }


def _labelled_log_gap(scores: Scores, labels: NDArray[np.bool_]) -> float:
    """Standardised log gap with the labelled events in place of the injected ones."""
    log_scores = np.log(scores.astype(np.float64) + 1e-9)
    grown = grow_segments(labels, (0, 32))
    spread = float(log_scores[~grown].std())
    if spread < 1e-9:
        return 0.0
    peaks = [log_scores[start:stop].max() for start, stop in zip(*find_segments(labels), strict=True)]
    return float((np.mean(peaks) - log_scores[~grown].mean()) / spread)


def _step_mean_gap(scores: Scores, incidents: InjectedIncidents) -> float:
    log_scores = np.log(scores.astype(np.float64) + 1e-9)
    inside = incidents.labels()
    quiet = ~grow_segments(inside, (0, 32))
    quiet[:32] = False
    return float((log_scores[inside].mean() - log_scores[quiet].mean()) / max(float(log_scores[quiet].std()), 1e-9))


def _cut(test: Scores, name: str, steps: range) -> tuple[Scores, NDArray[np.bool_]]:
    labels = prepare(name).labels
    assert labels is not None
    return test[steps.start - CONTEXT : steps.stop - CONTEXT], labels[steps.start : steps.stop]
