"""Merging segments changes no row, whenever it is killed, and stays out of a driver's way."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis import load_metrics, load_trials
from analysis.__main__ import main
from analysis.compaction import compact_study, merge_segments, remove_superseded
from analysis.reading import StudyFolder
from analysis.segment_audit import audit_segments
from analysis.study_lock import hold_study
from analysis.trial_table import TrialRows
from cluster.events import EventLog, StudyLockedError, read_events
from cluster.recorder import SegmentWriter


@pytest.fixture
def folder(finished: Path, write_segments: Callable[[Path], Path]) -> Path:
    """A study with many segments."""
    write_segments(finished)
    assert all(len(segments(finished, name)) > 4 for name in ("trials", "metrics"))
    return finished


def segments(folder: Path, name: str) -> list[Path]:
    return sorted((folder / name).glob("*.parquet"))


def load(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return load_trials(folder), load_metrics(folder)


def assert_same(folder: Path, before: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    for one, other in zip(load(folder), before, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert audit_segments(StudyFolder(folder)).mismatches == []


def test_many_segments_become_one_each_with_the_same_rows(folder: Path) -> None:
    before, newest = load(folder), {name: segments(folder, name)[-1] for name in ("trials", "metrics")}
    raw = pd.read_parquet(folder / "metrics")
    merged = compact_study(folder)
    assert {name: segments(folder, name) for name in newest} == {name: [path] for name, path in newest.items()}
    assert_same(folder, before)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "metrics"), raw)
    assert [one.n_rows for one in merged] == [len(pq.read_table(folder / name)) for name in ("trials", "metrics")]
    assert pq.read_schema(newest["trials"]).metadata[b"lake_format"] == b"1"
    again = compact_study(folder)
    assert [one.superseded for one in again] == [(), ()]
    assert_same(folder, before)


@pytest.mark.parametrize("name", ["trials", "metrics"])
@pytest.mark.parametrize("n_removed", [0, 1, 3])
def test_killed_between_any_two_steps(folder: Path, name: str, n_removed: int) -> None:
    before = load(folder)
    merged = merge_segments(StudyFolder(folder), name)
    for segment in merged.superseded[:n_removed]:
        segment.unlink()
    assert_same(folder, before)
    compact_study(folder)
    assert len(segments(folder, name)) == 1
    assert_same(folder, before)


def test_killed_while_it_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(folder)
    files = [path.name for path in segments(folder, "trials")]

    def die(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        merge_segments(StudyFolder(folder), "trials")
    monkeypatch.undo()
    assert [path.name for path in segments(folder, "trials")] == files
    assert_same(folder, before)
    compact_study(folder)
    assert_same(folder, before)


def test_a_driver_goes_on_behind_a_merged_segment(folder: Path) -> None:
    """Also one that finds the remains of a merge that was killed."""
    events = read_events(folder / "events")
    for path in [*segments(folder, "trials"), *segments(folder, "metrics")]:
        path.unlink()
    study = json.loads((folder / "study.json").read_text())
    writer = SegmentWriter(folder, TrialRows(study))
    for event in events[: len(events) // 2]:
        writer.replay(event)
        writer.flush()
    merge_segments(StudyFolder(folder), "trials")
    remove_superseded(merge_segments(StudyFolder(folder), "metrics"))
    resumed = SegmentWriter(folder, TrialRows(study))
    for event in events:
        resumed.replay(event)
    resumed.close()
    before = load(folder)
    assert len(before[1].drop_duplicates(["event_seq", "series", "name"])) == len(before[1])
    assert_same(folder, before)
    compact_study(folder)
    assert_same(folder, before)


def test_a_reader_whose_segments_are_merged_under_its_hands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(folder)
    listed: dict[str, list[str]] = {}
    files = StudyFolder.files

    def list_early(self: StudyFolder, name: str, suffix: str) -> list[str]:
        if name in ("trials", "metrics") and name not in listed:
            listed[name] = files(self, name, suffix)
            remove_superseded(merge_segments(StudyFolder(folder), name))
            return listed[name]
        return files(self, name, suffix)

    monkeypatch.setattr(StudyFolder, "files", list_early)
    assert_same(folder, before)


def test_a_driver_that_died_between_trials_and_metrics_lost_nothing(folder: Path) -> None:
    before = load(folder)
    segments(folder, "metrics")[-1].unlink()
    assert_same(folder, before)


def test_refused_while_a_driver_works(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = segments(folder, "trials")
    log = EventLog(folder / "events")
    try:
        assert main(["compact", str(folder)]) == 2
        assert main(["tb-export", str(folder)]) == 2
    finally:
        log.close()
    err = capsys.readouterr().err
    assert err.count("is being worked on by process") == err.count("\n") == 2
    assert segments(folder, "trials") == files
    assert main(["compact", str(folder)]) == 0
    with hold_study(folder), pytest.raises(StudyLockedError, match="is being worked on by process"):
        EventLog(folder / "events")
    EventLog(folder / "events").close()


def test_what_it_cannot_read_or_would_lose_it_leaves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = segments(folder, "trials")[0]
    content = first.read_bytes()
    table = pq.read_table(first)
    pq.write_table(table.append_column("note", table["trial_id"]), first)
    assert main(["compact", str(folder)]) == 2
    assert "columns that study.json does not list (note)" in capsys.readouterr().err
    first.write_bytes(content[:-20])
    files = segments(folder, "trials")
    assert main(["compact", str(folder)]) == 2
    assert f"{first} cannot be read" in capsys.readouterr().err
    assert segments(folder, "trials") == files
    assert main(["compact", "file:///tmp"]) == 2
    assert "is a URI" in capsys.readouterr().err
