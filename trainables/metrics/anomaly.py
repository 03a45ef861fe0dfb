"""Anomaly metrics: the EasyTSAD family, value for value, from one sort of the scores.

Shapes: ``[M]`` = scores; ``[N]`` = labels, of which the last ``M`` count; ``[S]`` = anomaly segments in time order;
``[I]`` = items, the things to be found, by falling score.

The metrics differ in what they look for (``items.py``) and in what each find weighs (``segments.py``); a normal point
always weighs 1. Three decisions make them both exact and fast:

* One stable sort, highest score first, serves them all.
* An F1 can only fall while normal points are added, so its first maximum is at an item: the walk stops nowhere else.
* Areas, and the F1 without point adjustment, take equal scores together, as a threshold does. The adjusted F1s do not:
  their best cut may end inside a block of equal scores, where no threshold cuts. That flatters or hurts coarse scores,
  but is what is published; ``f1_at_threshold`` is free of it.

References:
    Si et al., "TimeSeriesBench: An Industrial-Grade Benchmark for Time Series Anomaly Detection Models", ISSRE 2024;
    values as its package EasyTSAD 0.3.0.2 computes them, written anew from a description of their behaviour. Departure:
    EasyTSAD's pipeline subtracts the lowest score first. Thresholds here are on the scale of the given scores, and
    scores that such a subtraction would round to the same number stay apart.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.metrics.items import Items, Ranking, View, point_items, rank_points, segment_items, view_items
from trainables.metrics.segments import (
    Weighting,
    find_segments,
    grow_segments,
    weigh_by_binary_logarithm,
    weigh_by_length,
    weigh_by_logarithm,
    weigh_by_root,
    weigh_equally,
)

_F1_METRICS: dict[str, tuple[View, Weighting]] = {
    "point_f1_pa": ("segments", weigh_by_length),
    "point_kth_f1_pa_k1": ("first_1", weigh_by_length),
    "point_kth_f1_pa_k10": ("first_10", weigh_by_length),
    "event_f1_pa_log": ("segments", weigh_by_logarithm),
    "event_f1_pa_squeeze": ("segments", weigh_equally),
    "event_f1_pa_sqrt": ("segments", weigh_by_root),
    "event_f1_pa_raw": ("segments", weigh_by_length),
    "event_f1_pa_log_base2": ("segments", weigh_by_binary_logarithm),
    "event_kth_f1_pa_k10_log": ("first_10", weigh_by_logarithm),
    "event_kth_f1_pa_k10_squeeze": ("first_10", weigh_equally),
    "event_kth_f1_pa_k10_raw": ("first_10", weigh_by_length),
}
# The event areas overlook a segment of one point at the very end of the series, but for those of the first k points.
_PRECISION_RECALL_AREAS: dict[str, tuple[View, Weighting]] = {
    "point_auprc": ("points", weigh_equally),
    "point_auprc_pa": ("segments", weigh_by_length),
    "event_auprc_pa_log": ("segments_but_final_point", weigh_by_logarithm),
    "event_auprc_pa_squeeze": ("segments_but_final_point", weigh_equally),
    "event_auprc_pa_raw": ("segments_but_final_point", weigh_by_length),
    "event_kth_auprc_pa_k10_log": ("first_10", weigh_by_logarithm),
    "event_kth_auprc_pa_k10_squeeze": ("first_10", weigh_equally),
}
_ROC_AREAS: dict[str, tuple[View, Weighting]] = {
    "point_auroc": ("points", weigh_equally),
    "point_auroc_pa": ("segments", weigh_by_length),
    "event_auroc_pa_log": ("segments_but_final_point", weigh_by_logarithm),
    "event_auroc_pa_squeeze": ("segments_but_final_point", weigh_equally),
    "event_auroc_pa_raw": ("segments_but_final_point", weigh_by_length),
}
_F1S_AT_THRESHOLD: dict[str, Weighting] = {
    "point_f1_pa": weigh_by_length,
    "event_f1_pa_log": weigh_by_logarithm,
    "event_f1_pa_squeeze": weigh_equally,
}

METRIC_NAMES: tuple[str, ...] = (
    "point_f1",
    "point_f1_precision",
    "point_f1_recall",
    *(
        f"{name}{part}"
        for name in ("point_f1_nan_safe", *_F1_METRICS)
        for part in ("", "_precision", "_recall", "_threshold")
    ),
    *_PRECISION_RECALL_AREAS,
    *_ROC_AREAS,
    "event_detect",
)
"""The keys of ``anomaly_metrics``, in order."""


def anomaly_metrics(scores: ArrayLike, labels: ArrayLike, *, margin: tuple[int, int] = (0, 5)) -> dict[str, float]:
    """Compute the whole family for one series.

    Every F1 is the best over all thresholds, **chosen on these very labels**: report it on another part of the data
    than the one it is tuned on, or fix the threshold beforehand (``f1_at_threshold``).

    Args:
        scores: ``[M]``, finite, the higher the more anomalous.
        labels: ``[N]``, anomalous where above 0.5, ``N >= M``. The first ``N - M`` are dropped: a model that reads a
            window has no scores for its first points.
        margin: Points by which every segment first grows to the left and to the right, see ``grow_segments``; (0, 5) as
            published. Where only the first ``k`` points of a segment count, the left margin is added to ``k``.

    Returns:
        The values under ``METRIC_NAMES``: F1s as ``<name>``, ``<name>_precision``, ``<name>_recall`` and
        ``<name>_threshold``, the lowest score called anomalous; areas as ``<name>``; and ``event_detect``, 1 if the
        first of the highest scores is anomalous.

        ``point_f1`` has no threshold, and is NaN with precision and recall 0 where none of the highest scores is
        anomalous; ``point_f1_nan_safe`` is the same maximum, but always a number. Without anomalies all values are 0,
        but for these two: recall 1, at the lowest score as threshold. Without normal points the ROC areas are 0.

    Raises:
        ValueError: If there are no scores or fewer labels than scores, if one of them is not a finite number, or if a
            margin is negative.
    """
    ranking = _rank_series(scores, labels, margin)
    items = view_items(ranking, left_margin=margin[0])
    metrics = _point_f1(ranking, items["points"])
    for name, (view, weigh) in _F1_METRICS.items():
        metrics |= _best_f1(items[view], weigh).named(name)
    for name, (view, weigh) in _PRECISION_RECALL_AREAS.items():
        metrics[name] = _precision_recall_area(items[view], weigh)
    for name, (view, weigh) in _ROC_AREAS.items():
        metrics[name] = _roc_area(items[view], weigh, n_normals=int(ranking.normals_before[-1]))
    metrics["event_detect"] = float(ranking.normals_before[1] == 0)
    return metrics


def best_event_f1(scores: ArrayLike, labels: ArrayLike, *, margin: tuple[int, int] = (0, 5)) -> tuple[float, float]:
    """Compute ``event_f1_pa_log`` and its threshold alone, cheap enough for every epoch.

    Args:
        scores: As for ``anomaly_metrics``.
        labels: As for ``anomaly_metrics``.
        margin: As for ``anomaly_metrics``.

    Returns:
        The F1 and its threshold, the lowest score called anomalous.

    Raises:
        ValueError: As ``anomaly_metrics``.
    """
    ranking = _rank_series(scores, labels, margin)
    best = _best_f1(segment_items(ranking, ranking.starts, ranking.stops), weigh_by_logarithm)
    return best.f1, best.threshold


def f1_at_threshold(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, margin: tuple[int, int] = (0, 5)
) -> dict[str, float]:
    """Compute the F1s where each score of at least ``threshold`` is called anomalous; the labels choose nothing.

    Args:
        scores: As for ``anomaly_metrics``.
        labels: As for ``anomaly_metrics``.
        threshold: On the scale of the scores; infinity calls nothing anomalous.
        margin: As for ``anomaly_metrics``.

    Returns:
        ``point_f1``, ``point_f1_pa``, ``event_f1_pa_log`` and ``event_f1_pa_squeeze``, each also with ``_precision``
        and ``_recall``; 0 where nothing is found.

    Raises:
        ValueError: As ``anomaly_metrics``, or if the threshold is NaN.
    """
    if np.isnan(threshold):
        raise ValueError(
            f"`threshold` is {threshold}, but must be a number on the scale of the scores; "
            "fit it on finite scores, or use infinity to call nothing anomalous"
        )
    values, anomalous = _check_series(scores, labels)
    starts, stops = find_segments(grow_segments(anomalous, margin))
    called_before = np.append(0, np.cumsum(values >= threshold))
    called = called_before[stops] - called_before[starts]  # [S]
    weights = [weigh(stops - starts) for weigh in _F1S_AT_THRESHOLD.values()]
    f1, precision, recall = _f1_of(
        found=np.array([called.sum(), *(w[called > 0].sum() for w in weights)]),
        n_false=called_before[-1] - called.sum(),
        total=np.array([(stops - starts).sum(), *(w.sum() for w in weights)]),
    )
    metrics: dict[str, float] = {}
    for i, name in enumerate(("point_f1", *_F1S_AT_THRESHOLD)):
        metrics |= {name: float(f1[i]), f"{name}_precision": float(precision[i]), f"{name}_recall": float(recall[i])}
    return metrics


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Compute the area under the precision-recall curve of single points: precision, averaged over steps of recall.

    Args:
        scores: As for ``anomaly_metrics``.
        labels: As for ``anomaly_metrics``, but taken as they are, without a margin.

    Returns:
        0 to 1; 0 without anomalies.

    Raises:
        ValueError: As ``anomaly_metrics``.
    """
    ranking = _rank_series(scores, labels, margin=(0, 0))
    return _precision_recall_area(point_items(ranking), weigh_equally)


def _rank_series(scores: ArrayLike, labels: ArrayLike, margin: tuple[int, int]) -> Ranking:
    values, anomalous = _check_series(scores, labels)
    return rank_points(values, grow_segments(anomalous, margin))


def _check_series(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the scores and the labels that go with them, both ``[M]``."""
    values, marks = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if values.ndim != 1 or marks.ndim != 1:
        raise ValueError(
            f"`scores` has shape {values.shape} and `labels` {marks.shape}, but both must have one axis, time; "
            "give one series at a time"
        )
    if not 0 < len(values) <= len(marks):
        raise ValueError(
            f"there are {len(values)} scores for {len(marks)} labels, but at least one score and no more scores than "
            "labels are needed; score the points that are labelled, the first ones may be left out"
        )
    _check_finite("scores", values, way_out="find what produced them, a diverged model or a division by 0")
    _check_finite("labels", marks, way_out="label every point 0 or 1")
    return values, marks[len(marks) - len(values) :] > 0.5


def _check_finite(name: str, values: NDArray[np.generic], *, way_out: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        first = int(np.argmin(finite))
        raise ValueError(
            f"`{name}` holds {int((~finite).sum())} values that are NaN or infinite, the first is {values[first]} at "
            f"index {first}, but all must be finite numbers; {way_out}"
        )


class _BestF1(NamedTuple):
    """The highest F1 over all thresholds, and where it is reached."""

    f1: float
    precision: float
    recall: float
    threshold: float

    def named(self, name: str) -> dict[str, float]:
        return {
            name: self.f1,
            f"{name}_precision": self.precision,
            f"{name}_recall": self.recall,
            f"{name}_threshold": self.threshold,
        }


def _point_f1(ranking: Ranking, points: Items) -> dict[str, float]:
    """Return the F1 without point adjustment twice: as published, and with 0/0 counted as 0."""
    best = _best_point_f1(points, lowest_score=-float(ranking.negated_scores[-1]))
    # The original divides 0 by 0 at thresholds above the first anomalous point, and takes the NaN for the maximum.
    is_nan = len(points.scores) > 0 and points.normals_above[0] > 0
    f1, precision, recall = (np.nan, 0.0, 0.0) if is_nan else best[:3]
    return {
        "point_f1": f1,
        "point_f1_precision": precision,
        "point_f1_recall": recall,
        **best.named("point_f1_nan_safe"),
    }


def _best_point_f1(points: Items, *, lowest_score: float) -> _BestF1:
    """Return the best over distinct scores; of equally good ones the lowest, as on a curve by rising threshold."""
    if not len(points.scores):
        return _BestF1(f1=0.0, precision=0.0, recall=1.0, threshold=lowest_score)
    found = points.last_equal + 1
    precision = found / (found + points.normals_not_below)
    recall = found / len(found)
    f1 = 2 * precision * recall / (precision + recall)
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    return _BestF1(
        f1=float(f1[best]),
        precision=float(precision[best]),
        recall=float(recall[best]),
        threshold=float(points.scores[best]),
    )


def _best_f1(items: Items, weigh: Weighting) -> _BestF1:
    """Return the first strict maximum of the walk that takes one item or normal point at a time."""
    if not len(items.scores):
        return _BestF1(f1=0.0, precision=0.0, recall=0.0, threshold=0.0)
    found = np.cumsum(weigh(items.lengths))
    f1, precision, recall = _f1_of(found, items.normals_before, found[-1])
    best = int(np.argmax(f1))
    return _BestF1(
        f1=float(f1[best]),
        precision=float(precision[best]),
        recall=float(recall[best]),
        threshold=float(items.scores[best]),
    )


def _f1_of(
    found: NDArray[np.float64], n_false: NDArray[np.intp], total: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return F1, precision and recall in the original's arithmetic, where a tiny number keeps 0/0 at 0."""
    tiny = 1e-15
    precision = found / (found + n_false + tiny)
    recall = found / (total + tiny)
    return 2 * precision * recall / (precision + recall + tiny), precision, recall


def _precision_recall_area(items: Items, weigh: Weighting) -> float:
    """Return the average precision, which moves only where an item is found."""
    weights = weigh(items.lengths)
    if not len(weights):
        return 0.0
    found = np.cumsum(weights)[items.last_equal]
    return float(np.sum(weights * found / (found + items.normals_not_below)) / np.sum(weights))


def _roc_area(items: Items, weigh: Weighting, *, n_normals: int) -> float:
    """Return the chance that an item scores higher than a normal point, a tie counting half (Mann-Whitney)."""
    weights = weigh(items.lengths)
    if not len(weights) or n_normals == 0:
        return 0.0
    beaten = n_normals - (items.normals_above + items.normals_not_below) / 2
    return float(np.sum(weights * beaten) / (np.sum(weights) * n_normals))
