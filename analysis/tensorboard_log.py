"""A study as TensorBoard reads it, live: ``tensorboard --logdir <study>/tensorboard``.

One small file describes the study, and every trial has a folder with one file, to which its events are appended. The
files are a view of the event log: after a crash they are compared with what the log says, and made anew where they
differ, so nothing is missing and nothing there twice.
"""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis.tensorboard_records import TrialRecords, study_records

FILE_NAME = "events.out.tfevents.ablatune"
"""The same in every folder; TensorBoard asks only for the middle part."""

LoggedEvent = tuple[int, float, str, Mapping[str, Any]]
"""Running number, time, kind and fields of an event."""


class TensorBoardLog:
    """Writes a study's events for TensorBoard; no file stays open between two events."""

    def __init__(self, folder: Path, study: Mapping[str, Any], past: Iterable[LoggedEvent] = ()) -> None:
        """Bring the files to what the log says so far; those that say it already are not touched.

        Args:
            folder: Where the files are.
            study: The content of ``study.json``.
            past: The events so far, of which any part may be in the files already.
        """
        self._folder = folder
        self._records = TrialRecords(study)
        self._failed = False
        contents = {"": bytearray(study_records(study))}
        for seq, time, kind, fields in past:
            if added := self._records.apply(seq, time, kind, fields):
                contents.setdefault(fields["trial"], bytearray()).extend(added)
        for name, content in contents.items():
            _make_right(folder / name / FILE_NAME, content)

    def apply(self, seq: int, time: float, kind: str, fields: Mapping[str, Any]) -> None:
        """Append an event to the file of its trial, where TensorBoard sees it at once.

        A disk that fails stops the view and not the study: a warning says so, and a resume makes the files right.
        """
        added = self._records.apply(seq, time, kind, fields)
        if not added or self._failed:
            return
        try:
            _append(self._folder / fields["trial"] / FILE_NAME, added)
        except OSError as error:
            self._failed = True  # a record may be torn now, and nothing behind it could be read
            warnings.warn(
                f"nothing more is written for TensorBoard: {error}; the study goes on, and resuming it makes the files "
                f"in {self._folder} complete",
                stacklevel=2,
            )


def _make_right(path: Path, content: bytes | bytearray) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _append(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
