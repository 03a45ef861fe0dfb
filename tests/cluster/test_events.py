import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.events import LOG_NAME, CorruptLogError, EventLog, StudyLockedError, read_events


def test_events_come_back_in_order(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append("a", {"x": 1, "nested": {"y": [1.5, None]}})
    log.append("b", {"trial": "söme"})
    log.close()
    reopened = EventLog(tmp_path)
    assert [(event.seq, event.kind, dict(event.fields)) for event in reopened.replay] == [
        (0, "a", {"x": 1, "nested": {"y": [1.5, None]}}),
        (1, "b", {"trial": "söme"}),
    ]
    assert reopened.append("c", {}).seq == 2
    reopened.close()


def test_an_event_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: a write is cut short, the next one fails."""
    log = EventLog(tmp_path)
    log.append("a", {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            log.append("b", {"text": "x" * 200})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.append("c", {})
    log.close()
    assert [(event.seq, event.kind) for event in read_events(tmp_path)] == [(0, "a"), (1, "c")]


@pytest.mark.parametrize("torn", [b'{"seq":1,"time":0,"ki', b'{"seq":1,"time":0,"kind":"b"}', b"\x00\x00\x00\n"])
def test_an_unfinished_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    log = EventLog(tmp_path)
    log.append("a", {})
    log.close()
    with (tmp_path / LOG_NAME).open("ab") as file:
        file.write(torn)
    assert len(read_events(tmp_path)) == 1  # a reader passes it over
    reopened = EventLog(tmp_path)  # a driver cuts it off and writes in its place
    reopened.append("b", {"whole": True})
    reopened.close()
    assert [event.kind for event in read_events(tmp_path)] == ["a", "b"]


def test_a_damaged_line_in_the_middle_is_not_passed_over(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for _ in range(3):
        log.append("a", {})
    log.close()
    lines = (tmp_path / LOG_NAME).read_bytes().split(b"\n")
    (tmp_path / LOG_NAME).write_bytes(b"\n".join([lines[0], lines[1][:10], lines[2], b""]))
    with pytest.raises(CorruptLogError, match="line 2"):
        EventLog(tmp_path)
    (tmp_path / LOG_NAME).write_bytes(b"\n".join([lines[0], lines[2], b""]))
    with pytest.raises(CorruptLogError, match="carries number 2"):
        read_events(tmp_path)


def test_only_one_driver_at_a_time(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    with pytest.raises(StudyLockedError, match=f"process {os.getpid()}"):
        EventLog(tmp_path)
    log.close()
    EventLog(tmp_path).close()


def test_a_killed_driver_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from cluster.events import EventLog\n"
        "log = EventLog(Path(sys.argv[1]))\n"
        "log.append('a', {})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -9
    log = EventLog(tmp_path)
    assert len(log.replay) == 1
    log.close()


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        log.append("a", {"value": float("nan")})
    log.append("a", {"value": None})
    log.close()
    assert len(read_events(tmp_path)) == 1
