"""Merges the segments of a study into one for its trials and one for its metrics, whenever this process dies.

The merged segment takes the name and the place of the newest one in a single step; only then do the older ones go. A
crash in between leaves rows in two segments, which readers tell by their event (:meth:`StudyFolder.table`) and which
the next merge removes. The driver reads off the newest name what is written already, so the name must stay.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.reading import StudyFolder
from analysis.study_lock import hold_study
from analysis.trial_table import METRIC_SCHEMA, trial_schema


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What became of one folder of segments."""

    folder: str
    n_rows: int
    superseded: tuple[Path, ...]
    """Segments whose rows are all in the newest one now."""


def compact_study(folder: Path) -> list[Merged]:
    """Merge the segments of trials and those of metrics; the rows stay what they are.

    Raises:
        ValueError: If there is no study, a driver works on it, or a segment cannot be read; nothing is changed then.
        OSError: If the disk fails; every row is still there.
    """
    study = StudyFolder(folder)
    with hold_study(folder):
        merged = [merge_segments(study, name) for name in ("trials", "metrics")]
        for one in merged:
            remove_superseded(one)
    return merged


def merge_segments(study: StudyFolder, name: str) -> Merged:
    """Write all rows of a folder over its newest segment; the older segments stay, for the caller to remove.

    Raises:
        ValueError: If a segment cannot be read, or has other columns than its study.
    """
    schema = METRIC_SCHEMA if name == "metrics" else trial_schema(study.study["columns"])
    segments = [Path(study.root / name / file) for file in study.files(name, ".parquet")]
    table = study.table(name, schema)
    if len(segments) > 1:
        for segment in segments:
            _check_columns(segment, schema)
        _replace_file(segments[-1], table.replace_schema_metadata(pq.read_schema(segments[-1]).metadata))
    return Merged(folder=name, n_rows=len(table), superseded=tuple(segments[:-1]))


def remove_superseded(merged: Merged) -> None:
    """Remove the segments whose rows were merged into the newest one."""
    for segment in merged.superseded:
        segment.unlink()
        _sync_folder(segment.parent)


def _check_columns(segment: Path, schema: pa.Schema) -> None:
    """Refuse what a merge would lose."""
    extra = set(pq.read_schema(segment).names) - set(schema.names)
    if extra:
        raise ValueError(
            f"{segment} has columns that study.json does not list ({', '.join(sorted(extra))}) and that a merge would "
            "lose; leave this study as it is"
        )


def _replace_file(path: Path, table: pa.Table) -> None:
    """Write a segment whole or not at all; unfinished it lies outside the folder that readers take in whole."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    staging = path.parent.parent / ".staging"
    staging.mkdir(exist_ok=True)
    temporary = staging / f"{path.parent.name}-{path.name}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        _check_content(temporary, table)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk, half a file is in the way
        raise
    _sync_folder(path.parent)


def _check_content(path: Path, table: pa.Table) -> None:
    """Trust no disk with the only copy of rows before they were read back."""
    if not pq.ParquetFile(path).read().equals(table):
        raise OSError(f"{path} does not read back as it was written; nothing was changed")


def _sync_folder(folder: Path) -> None:
    """Make names themselves survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
