"""What becomes of a specification's predictions."""

from pathlib import Path

import pytest

from analysis.ablation.expectations import judge_expectation
from analysis.ablation.result import study_ablation
from analysis.intervals import Interval
from analysis.records import read_records


def over(low: float | None, high: float | None) -> Interval:
    mean = 0.0 if low is None or high is None else (low + high) / 2
    return Interval(mean=mean, low=low, high=high, n_blocks=10, n_series=2)


@pytest.mark.parametrize(
    ("expected", "low", "high", "outcome"),
    [
        (-0.09, -0.10, -0.08, "confirmed"),
        (-0.09, -0.20, -0.15, "confirmed"),  # beyond what was expected, on its side
        (-0.09, -0.05, -0.02, "weaker"),
        (-0.09, 0.02, 0.05, "refuted"),
        (-0.09, -0.005, 0.005, "refuted"),  # too small to matter
        (-0.09, -0.008, -0.002, "refuted"),  # told from zero, but too small to matter
        (-0.09, -0.05, 0.02, "undecided"),
        (-0.09, -0.15, 0.02, "undecided"),  # holds both zero and the prediction
        (0.03, 0.02, 0.04, "confirmed"),
        (0.03, 0.011, 0.02, "weaker"),
        (0.03, -0.04, -0.02, "refuted"),
        (-0.005, -0.008, -0.002, "confirmed"),  # a small change, predicted as such
        (-0.09, None, None, "undecided"),
    ],
)
def test_outcomes(expected: float, low: float | None, high: float | None, outcome: str) -> None:
    assert judge_expectation(expected, over(low, high), region=0.01) == outcome


def test_without_a_region_nothing_is_too_small() -> None:
    assert judge_expectation(-0.09, over(-0.008, -0.002), region=None) == "weaker"
    assert judge_expectation(-0.09, over(-0.005, 0.005), region=None) == "undecided"


def test_predictions_are_about_adjusted_f1(ablated: Path) -> None:
    ablation = study_ablation(read_records(ablated))
    assert ablation is not None
    found = {arm.name: arm.expectation for arm in ablation.arms}
    average = found["gate=average"]
    assert average is not None
    assert (average.expected, average.metric, average.outcome) == (pytest.approx(-0.09), "point_f1_pa", "confirmed")
    assert average.measured is not None
    assert average.measured.mean == pytest.approx(-0.095)
    specific = found["gate=specific"]
    assert specific is not None
    assert specific.outcome == "undecided"
    assert found["towers=shared"] is None
