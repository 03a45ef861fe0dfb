"""Reading a study's tables, whatever state its folder is in: finished, running, killed."""

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.trial_table import METRIC_SCHEMA, TrialRows, to_metric_table, to_trial_table, trial_schema


class StudyFolder:
    """A study's folder on a local disk or behind any ``pyarrow.fs`` URI, for reading."""

    def __init__(self, path_or_uri: str | Any) -> None:
        """Open a study.

        Raises:
            ValueError: If there is no study.
        """
        text = str(path_or_uri)
        self.filesystem, root = pafs.FileSystem.from_uri(text) if "://" in text else (pafs.LocalFileSystem(), text)
        self.root = PurePosixPath(root)
        if self.filesystem.get_file_info(str(self.root / "study.json")).type != pafs.FileType.File:
            raise ValueError(f"{text} holds no study (no study.json in it); give the folder of a study")
        self.study: dict[str, Any] = json.loads(self.read("study.json"))

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
        """Read all segments of a folder as one table.

        Raises:
            ValueError: If a segment cannot be read.
        """
        tables = [self._segment(f"{folder}/{name}", schema) for name in self.files(folder, ".parquet")]
        return pa.concat_tables([schema.empty_table(), *tables])

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

    def _segment(self, name: str, schema: pa.Schema) -> pa.Table:
        try:
            with self.filesystem.open_input_file(str(self.root / name)) as file, pq.ParquetFile(file) as parquet:
                # One thread: segments are small, and handing them to a pool costs more than reading them.
                return parquet.read(columns=schema.names, use_threads=False).cast(schema)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ValueError(
                f"{self.root / name} cannot be read: {error}; move it away and resume the study"
            ) from error


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
    newest = max((row["event_seq"] for row in latest.values()), default=-1)
    for event in folder.events_after(newest):
        rows.apply(event["seq"], event["time"], event["kind"], event)
    seen = set(metrics.column("event_seq").to_pylist())
    tail = to_metric_table([row for row in rows.metric_rows if row[-1] not in seen])
    return to_trial_table(rows.rows.values(), schema).to_pandas(), pa.concat_tables([metrics, tail]).to_pandas()
