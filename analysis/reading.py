"""Reading a study's tables, whatever state its folder is in: finished, running, killed."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.trial_table import MEASURING, METRIC_SCHEMA, TrialRows, to_metric_table, to_trial_table, trial_schema

_MOST_LISTINGS = 5
"""So often a folder is listed anew because a segment went away while it was read."""


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

    def table(self, folder: str, schema: pa.Schema) -> pa.Table:
        """Read all segments of a folder as one table, also while they are merged.

        A merge that is under way, or was killed, leaves rows in the merged segment and in an older one; what belongs
        to one event is always in one segment, so of each event the newest segment that has it counts.

        Raises:
            ValueError: If a segment cannot be read.
        """
        for _ in range(_MOST_LISTINGS - 1):
            try:
                return self._table(folder, schema)
            except FileNotFoundError:
                continue  # merged into a newer one since the folder was listed
        return self._table(folder, schema)

    def events_after(self, seq: int) -> Iterator[dict[str, Any]]:
        """Iterate over the log's whole events that are newer than a number, as they stand in the file."""
        for name in self.files("events", ".jsonl"):
            for line in self.read(f"events/{name}").split(b"\n")[:-1]:
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

    def segment(self, name: str, schema: pa.Schema) -> pa.Table:
        """Read one segment as it is.

        Args:
            name: Its path within the study.
            schema: The columns to read.

        Raises:
            FileNotFoundError: If it is not there any more.
            ValueError: If it cannot be read.
        """
        try:
            with self.filesystem.open_input_file(str(self.root / name)) as file, pq.ParquetFile(file) as parquet:
                # One thread: segments are small, and handing them to a pool costs more than reading them.
                return parquet.read(columns=schema.names, use_threads=False).cast(schema)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ValueError(
                f"{self.root / name} cannot be read: {error}; move it away and resume the study"
            ) from error

    def _table(self, folder: str, schema: pa.Schema) -> pa.Table:
        tables = [self.segment(f"{folder}/{name}", schema) for name in self.files(folder, ".parquet")]
        return pa.concat_tables([schema.empty_table(), *_drop_repeated(tables)])

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
    return load_tables(StudyFolder(path_or_uri))[0]


def load_metrics(path_or_uri: str | Any) -> pd.DataFrame:
    """Load every recorded value of every metric, long form: one row per trial, series, step and name.

    Args:
        path_or_uri: The study's folder.

    Raises:
        ValueError: If there is no study, or a segment cannot be read.
    """
    return load_tables(StudyFolder(path_or_uri))[1]


def load_tables(folder: StudyFolder) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Load trials and metrics in one go: the segments, and what the events that are newer than them add.

    Raises:
        ValueError: If a segment cannot be read.
    """
    schema = trial_schema(folder.study["columns"])
    trials = folder.table("trials", schema)
    metrics = folder.table("metrics", METRIC_SCHEMA)
    latest = {row["trial_id"]: row for row in sorted(trials.to_pylist(), key=lambda row: row["event_seq"])}
    rows = TrialRows(folder.study)
    rows.rows = {name: latest[name] for name in sorted(latest, key=lambda name: latest[name]["created_at"])}
    seen = set(metrics.column("event_seq").to_pylist())
    rows = _catch_up(folder, rows, seen)
    tail = to_metric_table([row for row in rows.metric_rows if row[-1] not in seen])
    return to_trial_table(rows.rows.values(), schema).to_pandas(), pa.concat_tables([metrics, tail]).to_pandas()


def _catch_up(folder: StudyFolder, rows: TrialRows, seen: Collection[int]) -> TrialRows:
    """Add to rows from the segments what the log knows beyond them.

    Trials are written before metrics, so a driver that dies between the two leaves metrics that are older than the
    newest row and in no segment. Those come from going through the whole log once more.

    Args:
        folder: The study's.
        rows: The latest row of each trial.
        seen: Events whose metrics are in a segment.
    """
    newest = max((row["event_seq"] for row in rows.rows.values()), default=-1)
    for event in folder.events_after(min(newest, max(seen, default=-1))):
        if event["seq"] > newest:
            apply_event(rows, event)
        elif event["kind"] in MEASURING and event["seq"] not in seen:
            return replay(folder.study, folder.events_after(-1))
    return rows


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


def _drop_repeated(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Drop from each table, in order of time, the rows of events that a later one has too."""
    kept: list[pa.Table] = []
    oldest: int | None = None
    for table in reversed(tables):
        if len(table) == 0:
            continue
        first, last = pc.min_max(table["event_seq"]).as_py().values()
        if oldest is not None and last >= oldest:
            known = pa.chunked_array([chunk for later in kept for chunk in later["event_seq"].chunks], type=pa.int64())
            kept.append(table.filter(pc.invert(pc.is_in(table["event_seq"], value_set=known))))
        else:
            kept.append(table)
        oldest = first if oldest is None else min(first, oldest)
    return kept[::-1]
