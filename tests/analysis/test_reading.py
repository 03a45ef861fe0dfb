"""Tables of a study in every state, against the whole log added up."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis import load_metrics, load_trials
from analysis.reading import StudyFolder, load_tables, replay
from analysis.trial_table import METRIC_SCHEMA, to_metric_table, to_trial_table

WriteSegments = Callable[[Path], Path]
METRICS_KEY = ["event_seq", "series", "name"]


def expect(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the log alone adds up to."""
    study = StudyFolder(folder)
    rows = replay(study.study, study.events_after(-1))
    metrics = to_metric_table(rows.metric_rows).to_pandas()
    return to_trial_table(rows.rows.values(), rows.schema).to_pandas(), in_order(metrics)


def in_order(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics.sort_values(METRICS_KEY).reset_index(drop=True)


def check(folder: Path) -> None:
    trials, metrics = expect(folder)
    pd.testing.assert_frame_equal(load_trials(folder), trials, check_dtype=False)
    pd.testing.assert_frame_equal(in_order(load_metrics(folder)), metrics, check_dtype=False)


def drop_newest(folder: Path, *names: str) -> None:
    for name in names:
        sorted((folder / name).glob("*.parquet"))[-1].unlink()


@pytest.mark.parametrize("lost", [[], ["trials", "metrics"], ["metrics"]], ids=["all", "not the end", "died between"])
def test_segments_and_log_add_up_to_the_log(finished: Path, write_segments: WriteSegments, lost: list[str]) -> None:
    write_segments(finished)
    drop_newest(finished, *lost)
    check(finished)


def test_the_log_alone_is_enough(finished: Path) -> None:
    check(finished)


def test_metrics_of_some_trials(finished: Path, write_segments: WriteSegments) -> None:
    drop_newest(write_segments(finished), "trials", "metrics")
    _, expected = expect(finished)
    metrics = load_tables(StudyFolder(finished)).metrics
    for wanted in (["search-0001"], ["confirm-0008", "search-0001", "nobody"], ["baseline-0000"], []):
        found = in_order(metrics.of(wanted))
        here = expected[expected["trial_id"].isin(wanted)].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, here, check_dtype=False)


def test_only_groups_of_rows_that_may_hold_a_trial_are_read(finished: Path, write_segments: WriteSegments) -> None:
    folder = StudyFolder(write_segments(finished))
    names = folder.files("metrics", ".parquet")
    read = [len(folder.segment(f"metrics/{name}", METRIC_SCHEMA, wanted=["baseline-0003"])) for name in names]
    assert read[0] == 0
    assert read[-1] > 0


def test_metrics_stay_as_they_were_when_the_study_was_opened(finished: Path, write_segments: WriteSegments) -> None:
    path = finished / "events" / "log.jsonl"
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[:30]))
    expected = expect(finished)[1]
    metrics = load_tables(StudyFolder(finished)).metrics
    path.write_text(whole)
    write_segments(finished)
    pd.testing.assert_frame_equal(in_order(metrics.load()), expected, check_dtype=False)
