"""Watching a study: a live view in a terminal, plain lines elsewhere, TensorBoard always."""

import sys
from pathlib import Path
from typing import Any

from analysis.tensorboard_log import TensorBoardLog
from cluster.engine import Observer
from cluster.events import Event
from cluster.live_view import PlainView, TerminalView
from cluster.resolution import ResolvedStudy
from cluster.state import StudyState


class Watch:
    """Passes events on to a view and to TensorBoard."""

    def __init__(self, view: PlainView | TerminalView, tensorboard: TensorBoardLog) -> None:
        self._view, self._tensorboard = view, tensorboard

    def apply(self, event: Event, state: StudyState) -> None:
        """Take an event in."""
        self._tensorboard.apply(event.seq, event.time, event.kind, event.fields)
        self._view.apply(event, state)

    def close(self) -> None:
        """End of the driver."""
        self._view.close()


def make_watchers(
    resolved: ResolvedStudy, study: dict[str, Any], folder: Path, replay: list[Event]
) -> tuple[Observer, ...]:
    """Make what ``launch.py`` lets watch a study."""
    past = ((event.seq, event.time, event.kind, event.fields) for event in replay)
    tensorboard = TensorBoardLog(folder / "tensorboard", study, past)
    view = TerminalView(resolved, folder) if sys.stdout.isatty() else PlainView(resolved, folder)
    return (Watch(view, tensorboard),)
