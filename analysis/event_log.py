"""The event log as a judge reads it: every line, in order, or none."""

import json
from collections.abc import Iterator
from typing import Any

from analysis.reading import StudyFolder


def read_log(folder: StudyFolder) -> Iterator[dict[str, Any]]:
    """Iterate over the log's events, as :meth:`StudyFolder.events_after` does, but pass over nothing.

    Raises:
        ValueError: If a line before the last cannot be read, or one is missing.
    """
    number = 0
    for name in folder.files("events", ".jsonl"):
        lines = folder.read(f"events/{name}").split(b"\n")[:-1]
        for place, line in enumerate(lines):
            try:
                event = json.loads(line)
                found = event["seq"]
            except (ValueError, KeyError, TypeError) as error:
                if place == len(lines) - 1:
                    return  # the last line of a driver that died
                raise ValueError(f"line {place + 1} of events/{name} cannot be read: {error}; restore a copy") from None
            if found != number:
                raise ValueError(f"line {place + 1} of events/{name} carries number {found}; restore it from a copy")
            yield event
            number += 1
