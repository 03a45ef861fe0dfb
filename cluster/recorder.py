"""Writes what the events add up to as Parquet segments: few files, each whole, none ever changed."""

import io
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.trial_table import TrialRows, to_metric_table, to_trial_table
from cluster.events import Event
from cluster.state import StudyState
from trainables.whole_files import replace_file

MOST_METRIC_ROWS = 20_000
SHORTEST_WAIT_S = 5.0
"""At first a reader waits this long for news; later a tenth of the study's time, so files stay few."""


class SegmentWriter:
    """Collects rows and writes them from time to time; what is not written yet is in the log."""

    def __init__(self, folder: Path, rows: TrialRows) -> None:
        """Continue behind the segments that are there.

        Args:
            folder: The study's.
            rows: The fold whose rows are written.
        """
        self._folder, self._rows = folder, rows
        self._written = {name: _newest_event(folder / name) for name in ("trials", "metrics")}
        self._began = self._last_flush = time.monotonic()

    def apply(self, event: Event, state: StudyState) -> None:
        """Take an event in, and write if it is time."""
        del state
        self._rows.apply(event.seq, event.time, event.kind, event.fields)
        now = time.monotonic()
        wait = max(SHORTEST_WAIT_S, (now - self._began) / 10)
        due = now - self._last_flush >= wait or len(self._rows.metric_rows) >= MOST_METRIC_ROWS
        if due or event.kind == "finished":
            self.flush()

    def replay(self, event: Event) -> None:
        """Take in an event from before this driver, which may or may not be in a segment."""
        self._rows.apply(event.seq, event.time, event.kind, event.fields)

    def flush(self) -> None:
        """Write every row that has changed since it was last written."""
        rows = [self._rows.rows[name] for name in self._rows.changed]
        rows = [row for row in rows if row["event_seq"] > self._written["trials"]]
        if rows:
            newest = max(row["event_seq"] for row in rows)
            self._write("trials", newest, to_trial_table(rows, self._rows.schema))
        metrics = [row for row in self._rows.metric_rows if row[-1] > self._written["metrics"]]
        if metrics:
            self._write("metrics", metrics[-1][-1], to_metric_table(metrics))
        self._rows.changed.clear()
        self._rows.metric_rows.clear()
        self._last_flush = time.monotonic()

    def close(self) -> None:
        """Write what is left."""
        self.flush()

    def _write(self, name: str, newest: int, table: pa.Table) -> None:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        replace_file(self._folder / name / f"{newest:012d}.parquet", buffer.getvalue())
        self._written[name] = newest


def _newest_event(folder: Path) -> int:
    """Read off the names of the segments which event is in one; -1 where there is none."""
    return max((int(path.stem) for path in folder.glob("*.parquet")), default=-1)
