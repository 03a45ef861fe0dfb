"""A log as columns, against the events themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import log_columns
from analysis.log_columns import LogColumns, read_log_columns
from analysis.reading import StudyFolder
from analysis.records import read_records


def read(folder: Path) -> LogColumns:
    return read_log_columns(StudyFolder(folder))


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events" / "log.jsonl").read_text().splitlines()]


def check(columns: LogColumns, events: list[dict[str, Any]]) -> None:
    assert columns.times.tolist() == [event["time"] for event in events]
    of_study = [(place, event) for place, event in enumerate(events) if "trial" not in event]
    assert list(columns.study_events) == of_study
    for kind, table, names in (
        ("asked", columns.asked, ("trial", "stage")),
        ("reported", columns.reports, ("trial", "epoch", "value", "train_s")),
    ):
        expected = [
            {"place": place, **{name: event[name] for name in names}}
            for place, event in enumerate(events)
            if event["kind"] == kind
        ]
        assert table.to_pylist() == expected


def test_columns_are_what_the_events_say(finished: Path) -> None:
    check(read(finished), events_of(finished))


def test_blocks_join_without_a_seam(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_columns, "read_blocks", lambda stream: log_columns_blocks(stream, 2000))
    check(read(finished), events_of(finished))


def log_columns_blocks(stream: Any, size: int) -> Any:
    from analysis.log_lines import read_blocks

    return read_blocks(stream, size)


def test_it_ends_where_a_line_is_torn(finished: Path) -> None:
    path, events = finished / "events" / "log.jsonl", events_of(finished)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:40]) + '{"seq":40,"ti\n')
    check(read(finished), events[:40])
    path.write_text("".join(lines[:40]) + '{"seq":40,"ti')
    check(read(finished), events[:40])


def test_another_kind_may_mean_something_else_by_a_name(finished: Path) -> None:
    events = events_of(finished)
    other = {"seq": len(events), "time": 5000.0, "kind": "noted", "trial": "search-0000", "value": {"a": [1]}}
    path = finished / "events" / "log.jsonl"
    path.write_text(path.read_text() + json.dumps(other) + "\n")
    check(read(finished), [*events, other])


def test_without_an_event_there_is_nothing(make_study: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_study().write(lines=0)
    columns = read(folder)
    assert (len(columns.times), len(columns.asked), len(columns.reports)) == (0, 0, 0)
    log = read_records(folder).log
    assert (log.sessions, len(log.reports.epochs), log.is_over) == ([], 0, False)


def test_sessions_leave_out_the_time_between_them(make_study: Callable[..., Any], configs: dict[str, Any]) -> None:
    """Events come a second apart: session, budget, asked, started, then reported and decided in turns."""
    study = make_study()
    study.search(configs["published"], [0.1, 0.2], "running")
    study.wait(500.0)
    study.event("session", changed=["code"])
    study.search(configs["good"], [0.3, 0.4, 0.5])
    log = read_records(study.write()).log
    assert [(session.changed, session.seconds) for session in log.sessions] == [((), 7.0), (("code",), 8.0)]
    assert log.reports.trial_ids == ("search-0000", "search-0001")
    assert log.reports.trials.tolist() == [0, 0, 1, 1, 1]
    assert log.reports.wall_s.tolist() == [4.0, 6.0, 7 + 3.0, 7 + 5.0, 7 + 7.0]
    np.testing.assert_array_equal(log.reports.values, [0.1, 0.2, 0.3, 0.4, 0.5])
