"""The event log as columns: what trials reported, by the million, and the few events about the study as they stand.

Reports are most of a log. A JSON reader in C++ takes the entries that count out of them, block by block, a third of the
time and a tenth of the memory of Python objects.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray

from analysis.log_lines import read_blocks
from analysis.reading import StudyFolder

_SCHEMA = pa.schema(
    [
        ("time", pa.float64()),
        ("kind", pa.string()),
        ("trial", pa.string()),
        ("stage", pa.string()),
        ("epoch", pa.int64()),
        ("value", pa.float64()),
        ("train_s", pa.float64()),
    ]
)
_OF_REPORTS = ("epoch", "value", "train_s")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LogColumns:
    """A log whose ``N`` lines are known by their places, from 0; ``A`` trials were asked for, ``R`` reports came."""

    times: NDArray[np.float64]
    """``[N]``, seconds since 1970."""
    study_events: tuple[tuple[int, Mapping[str, Any]], ...]
    """Events that concern no trial, each with its place."""
    asked: pa.Table
    """``[A]`` rows of place, trial and stage."""
    reports: pa.Table
    """``[R]`` rows of place, trial, epoch, value and train_s."""


def read_log_columns(folder: StudyFolder) -> LogColumns:
    """Read a study's log up to its last whole line, or up to the first that cannot be read."""
    times: list[NDArray[np.float64]] = [np.empty(0)]
    found: dict[str, list[pa.Table]] = {"asked": [], "reported": []}
    study_events: list[tuple[int, Mapping[str, Any]]] = []
    place = 0
    for block in _read_all_blocks(folder):
        table, n_lines = _parse(block), block.count(b"\n")
        table = table.append_column("place", pa.array(np.arange(place, place + len(table))))
        times.append(table["time"].to_numpy())
        for kind, parts in found.items():
            parts.append(table.filter(pc.equal(table["kind"], kind)))
        about_study = table.filter(pc.is_null(table["trial"]))["place"].to_pylist()
        lines = block.split(b"\n") if about_study else []
        study_events += [(one, json.loads(lines[one - place])) for one in about_study]
        place += len(table)
        if len(table) < n_lines:
            break
    empty = _SCHEMA.append(pa.field("place", pa.int64())).empty_table()
    asked, reports = (pa.concat_tables([empty, *parts]) for parts in found.values())
    return LogColumns(
        times=np.concatenate(times),
        study_events=tuple(study_events),
        asked=asked.select(["place", "trial", "stage"]),
        reports=reports.select(["place", "trial", *_OF_REPORTS]),
    )


def _read_all_blocks(folder: StudyFolder) -> Iterable[bytes]:
    for name in folder.files("events", ".jsonl"):
        with folder.filesystem.open_input_stream(str(folder.root / "events" / name)) as stream:
            yield from read_blocks(stream)


def _parse(block: bytes) -> pa.Table:
    """Parse whole lines; fewer rows than lines come back where one cannot be read."""
    reading = pyarrow.json.ReadOptions(block_size=max(1 << 20, len(block) // 2))
    parsing = pyarrow.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore")
    try:
        table = pyarrow.json.read_json(io.BytesIO(block), read_options=reading, parse_options=parsing)
    except pa.ArrowInvalid:
        return _parse_slowly(block)
    return table if len(table) == block.count(b"\n") else _parse_slowly(block)


def _parse_slowly(block: bytes) -> pa.Table:
    """Parse line by line, up to the first that cannot be read, and whatever other kinds of events mean by a name."""
    rows = []
    for line in block[:-1].split(b"\n"):
        try:
            event = json.loads(line)
        except ValueError:
            break  # the last line of a driver that died
        names = ("time", "kind", "trial", "stage", *(_OF_REPORTS if event["kind"] == "reported" else ()))
        rows.append({name: event.get(name) for name in names})
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
