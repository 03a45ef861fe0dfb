"""Intervals over the test part: whose they are, that rows share their draws, and that they cover what they should."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.contenders import compare
from analysis.records import read_records
from analysis.report import write_report
from analysis.sampled_test_part import SampledPart, sample_test_part
from trainables.metrics import best_event_f1

N_STEPS = 2000


def draw_labels(seed: int) -> np.ndarray:
    labels = np.zeros(N_STEPS, dtype=bool)
    for start in range(100, N_STEPS, 200):
        labels[start + seed : start + seed + 20] = True
    return labels


@pytest.fixture
def detected(make_study: Callable[..., Any], configs: dict[str, Any]) -> Path:
    """The good configuration sees most events, the published one half of them, the baseline sees what the good does."""
    study = make_study()
    generator = np.random.default_rng(0)
    shares = {"good": 0.8, "published": 0.5}
    drawn = {name: {series: generator.random(10) < share for series in "ab"} for name, share in shares.items()}

    def test(seen: dict[str, np.ndarray]) -> tuple[dict[str, dict[str, float]], pd.DataFrame]:
        tables, metrics = [], {"event_f1_pa_log": {}, "event_f1_pa_log_threshold": {}}
        for place, series in enumerate("ab"):
            labels, scores = draw_labels(place), np.random.default_rng(place).random(N_STEPS)
            for event in np.flatnonzero(seen[series]):
                scores[100 + 200 * event + place + 5] = 5 + event
            scores = scores.astype(np.float32).astype(float)
            found = best_event_f1(scores, labels)
            metrics["event_f1_pa_log"][series], metrics["event_f1_pa_log_threshold"][series] = found
            table = pd.DataFrame({"series": series, "step": range(N_STEPS), "label": labels, "untouched": True})
            tables.append(table.assign(score=scores.astype(np.float32)))
        return metrics, pd.concat(tables)

    for block in range(2):
        for name, seen in drawn.items():
            metrics, table = test(seen)
            study.predict(study.confirm(configs[name], block, {"a": 0.5, "b": 0.5}, metrics), table)
    study.select(configs["good"])
    metrics, table = test(drawn["good"])
    study.predict(study.baseline("sum_of_squares", 0, metrics), table)
    return study.write()


def sample(folder: Path) -> SampledPart | None:
    records = read_records(folder)
    comparison = compare(records)
    assert comparison is not None
    return sample_test_part(records, comparison)


def test_rows_share_their_draws(detected: Path) -> None:
    sampling = sample(detected)
    assert sampling is not None
    assert (sampling.units, sampling.n_units, sampling.n_series) == ("events", 20, 2)
    best, published, baseline = sampling.rows
    assert (best.label, published.label, baseline.label) == ("confirm-0000", "published", "sum of squared z")
    assert best.low < best.score < best.high
    assert best.difference is None
    assert (baseline.score, baseline.difference) == (best.score, 0.0)
    assert (baseline.difference_low, baseline.difference_high) == (0.0, 0.0)  # it found the very same events
    assert published.difference is not None
    assert published.difference < 0


def test_the_report_shows_them(detected: Path) -> None:
    report = write_report(detected)
    folder = report.html.parent
    assert "Another stretch of the same series" in report.html.read_text()
    assert (
        "20 labelled events of 2 series and blocks of normal time are drawn anew" in (folder / "report.md").read_text()
    )
    with (folder / "tables" / "test_sampling.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["low"]) for row in rows] == [row["low"] for row in report.summary["test_sampling"]["rows"]]
    assert write_report(detected).summary == report.summary


def test_without_predictions_there_is_none(finished: Path) -> None:
    assert sample(finished) is None
    assert "test_sampling" not in {path.stem for path in (write_report(finished).html.parent / "tables").iterdir()}


@pytest.mark.slow
def test_the_interval_over_events_covers_what_it_should() -> None:
    """300 test parts of 30 events, of which 0.7 are found: F1 is 2r / (r + 1) for a recall of r.

    The percentile interval covers about 93 % here; fewer than 87 % in 300 would come by chance with odds below 1e-4.
    """
    from analysis.detector_units import Detections

    generator, truth, covered = np.random.default_rng(4), 2 * 0.7 / 1.7, 0
    for _ in range(300):
        hits = (generator.random((1, 30)) < 0.7).astype(float)
        drawn = Detections(hits=hits, weights=np.ones(30), false_alarms=np.zeros((1, 50))).resample(generator, 1000)
        low, high = np.percentile(drawn, [2.5, 97.5])
        covered += low <= truth <= high
    assert covered / 300 > 0.87
