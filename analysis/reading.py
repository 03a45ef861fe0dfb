"""Reading a study's tables, whatever state its folder is in: finished, running, killed."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.log_lines import read_lines_after
from analysis.segments import drop_repeated, read_segment, select_trials
from analysis.trial_table import MEASURING, METRIC_SCHEMA, TrialRows, to_metric_table, to_trial_table, trial_schema

_MOST_LISTINGS = 5
"""So often a folder is listed anew because a segment went away while it was read."""
_EVENT_ALONE = pa.schema([("event_seq", pa.int64())])


class StudyFolder:
    """A study's folder on a local disk or behind any ``pyarrow.fs`` URI, for reading."""

    def __init__(self, path_or_uri: str | Any) -> None:
        """Open a study.

        Raises:
            ValueError: If there is no study, or its ``study.json`` cannot be read.
        """
        text = str(path_or_uri)
        self.filesystem, root = pafs.FileSystem.from_uri(text) if "://" in text else (pafs.LocalFileSystem(), text)
        self.root = PurePosixPath(root)
        if self.filesystem.get_file_info(str(self.root / "study.json")).type != pafs.FileType.File:
            raise ValueError(f"{text} holds no study (no study.json in it); give the folder of a study")
        self.study = self._read_study(text)

    def read(self, name: str) -> bytes:
        """Read a file of the study."""
        with self.filesystem.open_input_stream(str(self.root / name)) as stream:
            return bytes(stream.read())

    def files(self, folder: str, suffix: str) -> list[str]:
        """List the names of a folder's files with a suffix, in order."""
        selector = pafs.FileSelector(str(self.root / folder), allow_not_found=True)
        found = [info.base_name for info in self.filesystem.get_file_info(selector)]
        return sorted(name for name in found if name.endswith(suffix))

    def table(self, folder: str, schema: pa.Schema, *, trial_ids: Collection[str] | None = None) -> pa.Table:
        """Read all segments of a folder as one table, also while they are merged.

        A merge that is under way, or was killed, leaves rows in the merged segment and in an older one; what belongs
        to one event is always in one segment, so of each event the newest segment that has it counts.

        Args:
            folder: Name of the folder.
            schema: The columns to read.
            trial_ids: Read the rows of these alone; ``None`` for all.

        Raises:
            ValueError: If a segment cannot be read.
        """
        wanted = None if trial_ids is None else sorted(trial_ids)
        for _ in range(_MOST_LISTINGS - 1):
            try:
                return self._table(folder, schema, wanted)
            except FileNotFoundError:
                continue  # merged into a newer one since the folder was listed
        return self._table(folder, schema, wanted)

    def newest_event(self, folder: str) -> int:
        """Return the newest event of which a folder's segments have rows; -1 where there is none."""
        for name in reversed(self.files(folder, ".parquet")):
            table = self.segment(f"{folder}/{name}", _EVENT_ALONE)
            if len(table):
                return int(pc.max(table["event_seq"]).as_py())
        return -1

    def events_after(self, seq: int) -> Iterator[dict[str, Any]]:
        """Iterate over the log's whole events that are newer than a number, as they stand in the file."""
        for name in self.files("events", ".jsonl"):
            with self.filesystem.open_input_file(str(self.root / "events" / name)) as file:
                for line in read_lines_after(file, seq):
                    try:
                        event = json.loads(line)
                    except ValueError:
                        return  # the last line of a driver that died
                    if event["seq"] > seq:
                        yield event

    def predictions(self, trial_id: str, columns: Sequence[str]) -> pd.DataFrame | None:
        """Read columns of what a trial predicted; ``None`` where nothing, or other columns, were written.

        Raises:
            ValueError: If the file cannot be read.
        """
        path = str(self.root / "predictions" / f"{trial_id}.parquet")
        if self.filesystem.get_file_info(path).type != pafs.FileType.File:
            return None
        try:
            with self.filesystem.open_input_file(path) as file, pq.ParquetFile(file) as parquet:
                known = set(columns) <= set(parquet.schema_arrow.names)
                table: pd.DataFrame | None = parquet.read(columns=list(columns)).to_pandas() if known else None
                return table
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path} cannot be read: {error}; move it away, and its figures are left out") from error

    def segment(self, name: str, schema: pa.Schema, *, wanted: Sequence[str] | None = None) -> pa.Table:
        """Read one segment as it is.

        Args:
            name: Its path within the study.
            schema: The columns to read.
            wanted: Trials, in order; only groups of rows that may hold one of them are read. ``None`` for all.

        Raises:
            FileNotFoundError: If it is not there any more.
            ValueError: If it cannot be read.
        """
        try:
            with self.filesystem.open_input_file(str(self.root / name)) as file, pq.ParquetFile(file) as parquet:
                return read_segment(parquet, schema, wanted)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ValueError(
                f"{self.root / name} cannot be read: {error}; move it away and resume the study"
            ) from error

    def _table(self, folder: str, schema: pa.Schema, wanted: Sequence[str] | None) -> pa.Table:
        names = [f"{folder}/{name}" for name in self.files(folder, ".parquet")]
        tables = [select_trials(self.segment(name, schema, wanted=wanted), wanted) for name in names]
        return pa.concat_tables([schema.empty_table(), *drop_repeated(tables)])

    def _read_study(self, text: str) -> dict[str, Any]:
        try:
            content = json.loads(self.read("study.json"))
        except ValueError as error:
            raise ValueError(f"{text}/study.json cannot be read: {error}; restore a copy of it") from error
        if not isinstance(content, dict):
            raise ValueError(f"{text}/study.json holds no study; give the folder of a study")
        where = f"{text}/study.json"
        parts = {name: _Entries(one, f"{where}: {name}") for name, one in content.items() if name in _NESTED}
        return _Entries(content | parts, where)


def load_study(path_or_uri: str | Any) -> dict[str, Any]:
    """Load ``study.json``: the question, the data's identity, versions and hardware."""
    return StudyFolder(path_or_uri).study


def load_trials(path_or_uri: str | Any) -> pd.DataFrame:
    """Load one row per trial, in the order in which they were asked, also while the study runs or after a kill.

    Args:
        path_or_uri: The study's folder.

    Raises:
        ValueError: If there is no study, or a segment cannot be read.
    """
    trials: pd.DataFrame = load_tables(StudyFolder(path_or_uri)).trials.to_pandas()
    return trials


def load_metrics(path_or_uri: str | Any) -> pd.DataFrame:
    """Load every recorded value of every metric, long form: one row per trial, series, step and name.

    Args:
        path_or_uri: The study's folder.

    Raises:
        ValueError: If there is no study, or a segment cannot be read.
    """
    return load_tables(StudyFolder(path_or_uri)).metrics.load()


class Metrics:
    """Values of metrics as they were when a study was opened; read when asked for, since few are and millions lie."""

    def __init__(self, folder: StudyFolder, tail: pa.Table, newest: int) -> None:
        """Remember what segments alone do not tell.

        Args:
            folder: The study's.
            tail: Rows that were in no segment.
            newest: The newest event of then; what segments got since is passed over.
        """
        self._folder, self._tail, self._newest = folder, tail, newest
        self._known: set[str] = set()
        self._rows = METRIC_SCHEMA.empty_table()

    def load(self) -> pd.DataFrame:
        """Load all rows."""
        rows: pd.DataFrame = self._read(None).to_pandas()
        return rows

    def of(self, trial_ids: Collection[str]) -> pd.DataFrame:
        """Load the rows of some trials."""
        if missing := set(trial_ids) - self._known:
            self._rows = pa.concat_tables([self._rows, self._read(missing)])
            self._known |= missing
        rows: pd.DataFrame = select_trials(self._rows, trial_ids).to_pandas()
        return rows

    def _read(self, trial_ids: Collection[str] | None) -> pa.Table:
        table = self._folder.table("metrics", METRIC_SCHEMA, trial_ids=trial_ids)
        table = table.filter(pc.less_equal(table["event_seq"], self._newest))
        return pa.concat_tables(drop_repeated([table, select_trials(self._tail, trial_ids)]) or [table])


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """A study's tables: what is in segments, and what the events that are newer than them add."""

    trials: pa.Table
    """One row per trial, in the order in which they were asked."""
    metrics: Metrics


def load_tables(folder: StudyFolder) -> Tables:
    """Load a study's tables.

    Raises:
        ValueError: If a segment cannot be read.
    """
    schema = trial_schema(folder.study["columns"])
    trials = _keep_latest(folder.table("trials", schema))
    rows, is_whole = _catch_up(folder, trials)
    if rows.rows:
        known = schema.empty_table() if is_whole else select_trials(trials, rows.rows, but=True)
        trials = _keep_latest(pa.concat_tables([known, to_trial_table(rows.rows.values(), schema)]))
    tail = to_metric_table(rows.metric_rows)
    newest = max((pc.max(table["event_seq"]).as_py() for table in (trials, tail) if len(table)), default=-1)
    return Tables(trials=trials, metrics=Metrics(folder, tail, max(newest, folder.newest_event("metrics"))))


def _keep_latest(trials: pa.Table) -> pa.Table:
    """Keep the latest row of each trial, in the order in which trials were asked."""
    names = pc.dictionary_encode(trials["trial_id"].combine_chunks()).indices.to_numpy()
    events = trials["event_seq"].to_numpy()
    latest = np.full(names.max(initial=-1) + 1, -1)
    np.maximum.at(latest, names, events)
    kept = np.flatnonzero(latest[names] == events)
    created = trials["created_at"].cast(pa.int64()).to_numpy()[kept]
    return trials.take(pa.array(kept[np.lexsort((events[kept], created))]))


def _catch_up(folder: StudyFolder, trials: pa.Table) -> tuple[TrialRows, bool]:
    """Add up what the log knows beyond the segments.

    Trials are written before metrics, so a driver that dies between the two leaves metrics that are older than the
    newest row and in no segment. Those come from going through the whole log once more.

    Args:
        folder: The study's.
        trials: The latest row of each trial in segments.

    Returns:
        The rows of trials that changed since, and whether these are all.
    """
    newest = pc.max(trials["event_seq"]).as_py() if len(trials) else -1
    events = list(folder.events_after(min(newest, folder.newest_event("metrics"))))
    if any(event["kind"] in MEASURING and event["seq"] <= newest for event in events):
        return replay(folder.study, folder.events_after(-1)), True
    events = [event for event in events if event["seq"] > newest]
    rows = TrialRows(folder.study)
    changed = select_trials(trials, {event["trial"] for event in events if "trial" in event})
    rows.rows = {row["trial_id"]: row for row in changed.to_pylist()}
    for event in events:
        apply_event(rows, event)
    return rows, False


def replay(study: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> TrialRows:
    """Add up events from the first one on."""
    rows = TrialRows(study)
    for event in events:
        apply_event(rows, event)
    return rows


def apply_event(rows: TrialRows, event: Mapping[str, Any]) -> None:
    """Take one event in.

    Raises:
        ValueError: If it lacks what this version needs.
    """
    try:
        rows.apply(event["seq"], event["time"], event["kind"], event)
    except KeyError as error:
        raise ValueError(
            f"event {event['seq']} of the study ({event['kind']}) has no entry {error}: another version of AblaTune "
            "wrote it; look at the study with the code of the commit that study.json names"
        ) from error


_NESTED = ("spec", "objective")


class _Entries(dict[str, Any]):
    """Entries of a ``study.json``; one that an older version did not write yet is told as such where it is needed."""

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        super().__init__(content)
        self._where = where

    def __missing__(self, name: str) -> NoReturn:
        raise ValueError(
            f"{self._where} has no entry `{name}`: another version of AblaTune made this study; look at it with "
            "the code of the commit that its entry `code` names"
        )
