"""Holds every row of a study's segments against what the event log adds up to.

A row of ``trials/`` is the state of one trial right after one event, a row of ``metrics/`` a value that one event
brought. So the number of that event, which every row carries, says what the row must be; that of a trial's row must
belong to that trial.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.event_log import read_log
from analysis.findings import Findings
from analysis.reading import StudyFolder, apply_event
from analysis.trial_table import METRIC_SCHEMA, TrialRows, to_metric_table, to_trial_table, trial_schema

_ROWS_AT_ONCE = 10_000
"""As Python objects; tables take a tenth of the memory."""


def audit_segments(folder: StudyFolder) -> Findings:
    """Compare all segments with the log, value by value, and name what is in none though it should be.

    Raises:
        ValueError: If the log, or a segment, cannot be read.
    """
    trials = _read_segments(folder, "trials", trial_schema(folder.study["columns"]))
    metrics = _read_segments(folder, "metrics", METRIC_SCHEMA)
    expected = _replay(folder, _events_of(trials), newest=max(_events_of(trials), default=-1))
    findings = Findings()
    for segments, should_be in ((trials, expected.trials), (metrics, expected.metrics)):
        for name, table in segments.items():
            _compare_segment(findings, name, table, should_be)
    _find_missing(findings, trials, expected.latest)
    _find_missing(findings, metrics, _events_before(expected.metrics, max(_events_of(metrics), default=-1)))
    return findings


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    """What the log adds up to, in the order of its events."""

    trials: pa.Table
    """Trials' states right after the events that the segments name."""
    metrics: pa.Table
    latest: Mapping[int, str]
    """Event to trial, of each trial's last state that the segments should have."""


def _read_segments(folder: StudyFolder, name: str, schema: pa.Schema) -> dict[str, pa.Table]:
    return {f"{name}/{file}": folder.segment(f"{name}/{file}", schema) for file in folder.files(name, ".parquet")}


def _events_of(segments: Mapping[str, pa.Table]) -> set[int]:
    return {seq for table in segments.values() for seq in table["event_seq"].to_pylist()}


def _events_before(table: pa.Table, newest: int) -> dict[int, str]:
    """List the events of a table up to one, each with its trial."""
    table = table.filter(pc.less_equal(table["event_seq"], newest))
    return dict(zip(table["event_seq"].to_pylist(), table["trial_id"].to_pylist(), strict=True))


def _replay(folder: StudyFolder, wanted: Collection[int], newest: int) -> _Expected:
    rows = TrialRows(folder.study)
    states: list[dict[str, Any]] = []
    trials, metrics = [to_trial_table([], rows.schema)], [to_metric_table([])]
    latest: dict[str, int] = {}
    for event in read_log(folder):
        apply_event(rows, event)
        for trial in rows.changed:
            if event["seq"] in wanted:
                states.append(dict(rows.rows[trial]))
            if event["seq"] <= newest:
                latest[trial] = event["seq"]
        rows.changed.clear()
        if len(states) >= _ROWS_AT_ONCE:
            trials.append(to_trial_table(states, rows.schema))
            states.clear()
        if len(rows.metric_rows) >= _ROWS_AT_ONCE:
            metrics.append(to_metric_table(rows.metric_rows))
            rows.metric_rows.clear()
    return _Expected(
        trials=pa.concat_tables([*trials, to_trial_table(states, rows.schema)]),
        metrics=pa.concat_tables([*metrics, to_metric_table(rows.metric_rows)]),
        latest={seq: trial for trial, seq in latest.items()},
    )


def _compare_segment(findings: Findings, name: str, table: pa.Table, expected: pa.Table) -> None:
    """Compare a segment with the rows of the events that it names."""
    table = table.sort_by("event_seq")  # stable; trials are written in the order in which they first changed
    should_be = expected.filter(pc.is_in(expected["event_seq"], value_set=pc.unique(table["event_seq"])))
    if not table["event_seq"].equals(should_be["event_seq"]):
        _compare_whole_rows(findings, name, table, should_be)
        return
    for column in table.column_names:
        written, recomputed = table[column], should_be[column]
        if pa.types.is_integer(written.type) or pa.types.is_floating(written.type):
            findings.n_numbers += len(written) - written.null_count
        if not written.equals(recomputed):
            _compare_column(findings, f"{name}, column {column}", written, recomputed, should_be)


def _compare_column(
    findings: Findings, place: str, written: pa.ChunkedArray, recomputed: pa.ChunkedArray, rows: pa.Table
) -> None:
    for index, (one, other) in enumerate(zip(written.to_pylist(), recomputed.to_pylist(), strict=True)):
        if one != other:
            findings.add(f"{place}, {_describe(rows.slice(index, 1).to_pylist()[0])}", one, other)


def _compare_whole_rows(findings: Findings, name: str, table: pa.Table, should_be: pa.Table) -> None:
    """Find the rows that only one side has, where the two do not name the same events equally often."""
    written, recomputed = _count_rows(table), _count_rows(should_be)
    for row in written - recomputed:
        described = _describe(dict(zip(table.column_names, row, strict=True)))
        findings.mismatches.append(f"{name}, {described}: no event adds up to this row")
    for row in recomputed - written:
        described = _describe(dict(zip(table.column_names, row, strict=True)))
        findings.mismatches.append(f"{name}, {described}: this row is missing")


def _count_rows(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _describe(row: Mapping[str, Any]) -> str:
    """Name a row as a person finds it."""
    parts = [f"trial {row['trial_id']}"]
    if "step" in row:
        parts += [f"series {row['series'] or '(mean)'}", f"step {row['step']}", str(row["name"])]
    return ", ".join([*parts, f"event {row['event_seq']}"])


def _find_missing(findings: Findings, segments: Mapping[str, pa.Table], should_be: Mapping[int, str]) -> None:
    """Name events whose rows are in no segment though later ones are."""
    folder = next(iter(segments), "").partition("/")[0]
    for seq in sorted(should_be.keys() - _events_of(segments)):
        findings.mismatches.append(f"{folder}/, trial {should_be[seq]}, event {seq}: this row is in no segment")
