"""Events and time blocks of a detector, against scores worked by hand and against the metric's own code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.detector_units import METRIC, Detections, grow_events, read_detections
from analysis.records import Records, read_records

LABELS = np.zeros(60, dtype=bool)
LABELS[10:13] = LABELS[30:40] = True
SCORES = np.full(60, 0.1)
SCORES[14] = 0.9  # after the first event's end, within its margin
SCORES[[50, 51]] = 0.8


def write(make_study: Callable[..., Any], configs: dict[str, Any], *, score: float, threshold: float = 0.5) -> Records:
    study = make_study(test_series=["a"])
    metrics = {METRIC: {"a": score}, f"{METRIC}_threshold": {"a": threshold}}
    trial = study.confirm(configs["good"], 0, {"a": 0.5, "b": 0.5}, metrics)
    table = pd.DataFrame({"series": "a", "step": range(60), "label": LABELS, "untouched": True})
    table["score"] = SCORES.astype(np.float32)
    study.predict(trial, table)
    return read_records(study.write())


def test_events_grow_as_the_metric_s_own_code_lets_them() -> None:
    """Over 200 drawn label rows; nothing random is left once the seed is fixed."""
    from trainables.metrics.segments import find_segments, grow_segments

    generator = np.random.default_rng(0)
    for _ in range(200):
        labels = generator.random(80) < generator.choice([0.02, 0.2, 0.7])
        starts, stops = find_segments(grow_segments(labels, (0, 5)))
        assert grow_events(labels) == list(zip(starts.tolist(), stops.tolist(), strict=True))


def test_what_was_found(make_study: Callable[..., Any], configs: dict[str, Any]) -> None:
    """Events of 8 and 15 steps weigh 2 each; one is found, with two false alarms: 2 * 2 / (2 + 2 + 4)."""
    found = read_detections(write(make_study, configs, score=0.5), ["confirm-0000"])["a"]
    assert found.hits.tolist() == [[1.0, 0.0]]
    assert found.weights.tolist() == [2.0, 2.0]
    assert found.false_alarms.sum() == 2
    assert found.score == 0.5
    assert found.shape == (2, 50)


def test_the_score_is_that_of_the_metric_s_own_code(make_study: Callable[..., Any], configs: dict[str, Any]) -> None:
    from trainables.metrics import best_event_f1

    score, threshold = best_event_f1(SCORES, LABELS)
    records = write(make_study, configs, score=score, threshold=threshold)
    assert read_detections(records, ["confirm-0000"])["a"].score == pytest.approx(score, abs=1e-12)


def test_a_score_that_does_not_come_out_is_left_out(make_study: Callable[..., Any], configs: dict[str, Any]) -> None:
    assert read_detections(write(make_study, configs, score=0.6), ["confirm-0000"]) == {}


def test_a_trial_without_predictions_is_left_out(finished: Path) -> None:
    assert read_detections(read_records(finished), ["confirm-0000"]) == {}


def test_resamples_are_those_of_events_drawn_one_by_one() -> None:
    """Against plain loops. Means of 20,000 draws differ by more than 0.01 with odds of less than 1 in 10,000."""
    hits, weights, alarms = np.array([[1.0, 0, 1, 1]]), np.array([1.0, 2, 3, 2]), np.array([[0.0, 3, 0]])
    found = Detections(hits=hits, weights=weights, false_alarms=alarms)
    drawn = found.resample(np.random.default_rng(1), 20_000)
    generator, plain = np.random.default_rng(2), []
    for _ in range(20_000):
        events, blocks = generator.integers(4, size=4), generator.integers(3, size=3)
        true = (hits[0] * weights)[events].sum()
        plain.append(2 * true / (true + alarms[0][blocks].sum() + weights[events].sum()))
    assert drawn.mean() == pytest.approx(np.mean(plain), abs=0.01)
    assert np.percentile(drawn, [5, 50, 95]) == pytest.approx(np.percentile(plain, [5, 50, 95]), abs=0.03)


def test_seeds_are_averaged_within_a_resample() -> None:
    both = Detections(hits=np.array([[1.0, 1], [0, 0]]), weights=np.ones(2), false_alarms=np.zeros((2, 3)))
    assert both.score == 0.5
    assert both.resample(np.random.default_rng(0), 100).tolist() == [0.5] * 100
