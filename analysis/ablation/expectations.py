"""What a specification expected a change to cost, beside what it cost."""

from dataclasses import dataclass
from typing import Literal

from analysis.ablation.runs import Runs
from analysis.arms import Arm
from analysis.contenders import list_test_metrics
from analysis.intervals import Interval, paired_difference
from analysis.metric_catalogue import ADJUSTED, label_metric
from analysis.records import Records

Outcome = Literal["confirmed", "weaker", "refuted", "undecided"]

POINTS = 100
"""Specifications count scores in points of 100."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """One predicted change, and what was measured."""

    expected: float
    """On the scale of the metric, where the specification has points of 100."""
    metric: str
    """That the specification speaks of; not always the one that the parts are judged by."""
    label: str
    measured: Interval | None
    outcome: Outcome


def compare_with_expected(
    expected: float | None, arm: Arm | None, base: Arm | None, runs: Runs, region: float | None
) -> Expectation | None:
    """Set a predicted change beside the measured one; ``None`` where none was predicted."""
    if expected is None:
        return None
    metric = choose_expected_metric(runs.records)
    measured = None
    if arm is not None and base is not None:
        measured = paired_difference(runs.test(arm, metric), runs.test(base, metric))
    change = expected / POINTS
    return Expectation(
        expected=change,
        metric=metric,
        label=label_metric(metric),
        measured=measured,
        outcome=judge_expectation(change, measured, region),
    )


def choose_expected_metric(records: Records) -> str:
    """Choose the metric that predictions are about: F1 after point adjustment, as published tables have it."""
    metrics = list_test_metrics(records)
    return ADJUSTED if ADJUSTED in metrics else str(records.study["objective"]["primary_metric"])


def judge_expectation(expected: float, measured: Interval | None, region: float | None) -> Outcome:
    """Put a prediction's fate into a word.

    An interval so wide that it holds both the prediction and zero confirms nothing: it is ``undecided``.

    Args:
        expected: The predicted change.
        measured: The paired difference, arm minus base, of the same metric.
        region: Changes no larger than this are no change in practice; ``None`` where that is not known.

    Returns:
        ``confirmed`` where zero is excluded and the interval holds the prediction or lies beyond it; ``weaker`` where
        it lies between zero and the prediction; ``refuted`` where it lies on the other side of zero, or within the
        region while the prediction does not; else ``undecided``.
    """
    if measured is None or measured.low is None or measured.high is None:
        return "undecided"
    sign = -1.0 if expected < 0 else 1.0
    low, high = sorted((sign * measured.low, sign * measured.high))
    size = abs(expected)
    if region is not None and size > region and -region <= low and high <= region:
        return "refuted"
    if low > 0:
        return "confirmed" if high >= size else "weaker"
    return "refuted" if high < 0 else "undecided"
