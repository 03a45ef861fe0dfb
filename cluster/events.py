"""The event log: an append-only file that is the truth about a study.

One event is one line of JSON with a running number. An event that was appended is on disk before anything acts on it,
so a driver that dies at any moment can be replaced by one that replays the log.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

LOG_NAME = "log.jsonl"


class StudyLockedError(ValueError):
    """Another driver works on the study."""


class CorruptLogError(ValueError):
    """A line in the middle of the log cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened to a study."""

    seq: int
    """Running number, from 0."""
    time: float
    """Seconds since 1970 on the driver's clock; recorded, never decided upon."""
    kind: str
    fields: Mapping[str, Any]

    def to_line(self) -> str:
        """Write the event as a line of JSON; a value that is NaN or infinite is a bug and refused."""
        head = {"seq": self.seq, "time": self.time, "kind": self.kind}
        assert head.keys().isdisjoint(self.fields)
        content = {**head, **self.fields}
        return json.dumps(content, allow_nan=False, separators=(",", ":")) + "\n"


class EventLog:
    """The log of one study, open for appending; exactly one driver has it open at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or create the log in a folder, and cut off a last line that a dying driver left unfinished.

        Raises:
            StudyLockedError: If another driver has it open.
            CorruptLogError: If a line before the last cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "lock")
        try:
            scanned = _scan(folder / LOG_NAME)
        except CorruptLogError:
            self._lock.close()
            raise
        self.replay = scanned.events
        """The events that were there, for the caller to apply."""
        self._next_seq = len(scanned.events)
        # Without a buffer: what could not be written must not come back with a later line.
        self._file = (folder / LOG_NAME).open("ab", buffering=0)
        self._n_bytes = scanned.n_bytes
        self._file.truncate(self._n_bytes)
        os.fsync(self._file.fileno())

    def append(self, kind: str, fields: Mapping[str, Any]) -> Event:
        """Append an event and return once it is on disk.

        Raises:
            OSError: If it cannot be written, as on a full disk; the log then ends with the event before.
        """
        event = Event(seq=self._next_seq, time=time.time(), kind=kind, fields=fields)
        line = event.to_line().encode()
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self._n_bytes)
            raise
        self._n_bytes += len(line)
        self._next_seq += 1
        return event

    def close(self) -> None:
        """Close the log and let the next driver in."""
        self._file.close()
        self._lock.close()


def read_events(folder: Path) -> list[Event]:
    """Read the whole events of a log, also while its driver appends to it; an unfinished last line is left out.

    Raises:
        CorruptLogError: If a line before the last cannot be read.
    """
    return _scan(folder / LOG_NAME).events


class _Scan(NamedTuple):
    events: list[Event]
    n_bytes: int
    """Length of the whole lines."""


def _scan(path: Path) -> _Scan:
    if not path.exists():
        return _Scan([], 0)
    lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line break is an unfinished line or nothing
    events, n_bytes = [], 0
    for seq, line in enumerate(lines):
        try:
            event = _parse(line)
        except (ValueError, KeyError, AttributeError) as error:
            if seq == len(lines) - 1:
                break  # torn by a crash of the machine: the break reached the disk, what stands before it did not
            raise CorruptLogError(f"line {seq + 1} of {path} cannot be read: {error}; restore a copy") from None
        if event.seq != seq:
            raise CorruptLogError(f"line {seq + 1} of {path} carries number {event.seq}; restore it from a copy")
        events.append(event)
        n_bytes += len(line) + 1
    return _Scan(events, n_bytes)


def _parse(line: bytes) -> Event:
    fields = json.loads(line)
    return Event(seq=fields.pop("seq"), time=fields.pop("time"), kind=fields.pop("kind"), fields=fields)


def _lock(path: Path) -> IO[str]:
    """Lock a file until it is closed; the system frees it when its process dies, however it dies."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "another process"
        file.close()
        raise StudyLockedError(
            f"the study in {path.parent.parent} is being worked on by {owner}; wait for it to end, or stop it first"
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}")
    file.flush()
    return file
