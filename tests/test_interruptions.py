"""The command line when its user, or whoever reads its output, leaves early: real processes, real signals."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    # Where pytest itself runs in the background, SIGINT is ignored, and its children would inherit that.
    start = "import signal, sys, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    study = ["--space", "lightmmoe", "--series", "sample-1", "--results", str(folder), "--name", "s"]
    command = [sys.executable, "-c", start, str(ROOT / "launch.py"), *study, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_workers_start_names_the_way_back(tmp_path: Path, sent: signal.Signals) -> None:
    process = _start(tmp_path)
    assert process.stdout is not None
    while "search 0/40" not in process.stdout.readline():
        pass
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1] == f"interrupted; go on with: python launch.py --resume {tmp_path / 's'}"
    assert "Traceback" not in err


def test_an_interrupt_before_anything_began(tmp_path: Path) -> None:
    process = _start(tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.2)  # it is importing
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_study_goes_on_when_nobody_reads_its_output(tmp_path: Path) -> None:
    process = _start(tmp_path, "--trials", "2", "--max-epochs", "1", "--confirm-top", "0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("study ")
    process.stdout.close()  # as "| head -1" does
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (tmp_path / "s" / "report" / "report.html").exists()
