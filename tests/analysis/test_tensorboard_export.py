"""TensorBoard's files made anew are those that the driver wrote, byte for byte."""

import json
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.tensorboard_log import FILE_NAME, TensorBoardLog
from cluster.events import read_events


@pytest.fixture
def live(finished: Path) -> Path:
    """A study with the files that a driver writes event by event."""
    log = TensorBoardLog(finished / "tensorboard", json.loads((finished / "study.json").read_text()))
    for event in read_events(finished / "events"):
        log.apply(event.seq, event.time, event.kind, event.fields)
    return finished


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_driver_s_bytes(live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = contents(live / "tensorboard")
    assert len(written) > 15
    assert main(["tb-export", str(live), "--to", str(tmp_path / "view")]) == 0
    assert contents(tmp_path / "view") == written
    out = capsys.readouterr().out
    assert out == f"{len(written)} files; look at them with: tensorboard --logdir {tmp_path / 'view'}\n"
    assert main(["tb-export", live.as_uri(), "--to", str(tmp_path / "again")]) == 0
    assert contents(tmp_path / "again") == written


def test_the_study_s_own_files_are_made_right(live: Path) -> None:
    written = contents(live / "tensorboard")
    own = live / "tensorboard"
    (own / FILE_NAME).unlink()
    (own / "search-0000" / FILE_NAME).write_bytes(b"torn")
    right = own / "search-0001" / FILE_NAME
    touched = right.stat().st_mtime_ns
    assert main(["tb-export", str(live)]) == 0
    assert contents(own) == written
    assert right.stat().st_mtime_ns == touched


def test_a_uri_needs_a_place_to_write_to(live: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tb-export", live.as_uri()]) == 2
    assert "give --to DIR" in capsys.readouterr().err
