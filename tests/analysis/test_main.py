"""``python -m analysis`` as a person and as a script meet it: exit codes, one line for what is wrong, and processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.__main__ import main
from tests.conftest import ROOT

COMMANDS = ("report", "best", "diff", "audit", "compact", "tb-export")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "analysis", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


def test_a_whole_afternoon_in_processes(finished: Path, write_segments: Callable[[Path], Path]) -> None:
    folder = write_segments(finished)
    done = run("report", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Best configuration: search-0001")
    assert done.stdout.endswith(f"report: {folder}/report/report.html\n")
    done = run("audit", folder)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")
    done = run("compact", folder)
    assert done.returncode == 0
    assert done.stdout.count("segments merged into one") == 2
    assert run("audit", folder.as_uri()).returncode == 0
    (folder / "report" / "tables" / "trials.csv").write_text("trial_id\n")
    done = run("audit", folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert "report/tables/trials.csv, columns" in done.stdout


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"    {name}" in out for name in COMMANDS)
    assert "%%" not in out
    for name in COMMANDS:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        out = capsys.readouterr().out
        assert "the study's folder, such as results/smd-light" in " ".join(out.split())
        assert "%%" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("reprot", "x"), "invalid choice: 'reprot'"),
        (("best",), "the following arguments are required: STUDY; see python -m analysis best --help"),
        (("diff", "x"), "the following arguments are required: B"),
        *(((name, "nowhere"), "nowhere holds no study") for name in COMMANDS if name != "diff"),
        (("diff", "nowhere", "elsewhere"), "nowhere holds no study"),
        (("report", "s4://bucket/x"), "s4://bucket/x"),
        (("tb-export", "nowhere", "--to", "s3://bucket/x"), "is a URI"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.mark.parametrize("name", ["objectives", "columns", "rungs", "spec", "primary_metric", "confirm_top"])
def test_an_older_study_is_told_in_one_line(finished: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = finished / "study.json"
    study = json.loads(path.read_text())
    part = {"primary_metric": study["objective"], "confirm_top": study["spec"]}.get(name, study)
    del part[name]
    path.write_text(json.dumps(study))
    # Without the event that ends the study, its phase is a question of what was to be confirmed.
    assert main(["report", str(finished)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {finished}/study.json")
    assert f"has no entry `{name}`: another version of AblaTune made this study" in err
    assert err.count("\n") == 1
    assert not (finished / "report").exists()


def test_an_older_log_is_told_in_one_line(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = finished / "events" / "log.jsonl"
    path.write_text(path.read_text().replace('"gpus"', '"graphics_cards"'))
    for command in ("report", "best", "audit", "tb-export"):
        (finished / "report").mkdir(exist_ok=True)
        (finished / "report" / "summary.json").touch()
        assert main([command, str(finished)]) == 2
        err = capsys.readouterr().err
        assert "has no entry 'gpus'" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_broken_study_file_is_one_line(finished: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (finished / "study.json").write_text(content)
    assert main(["report", str(finished)]) == 2
    err = capsys.readouterr().err
    assert "study.json" in err
    assert err.count("\n") == 1


def test_a_disk_that_fails_is_one_line_and_exit_1(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finished / "tensorboard").write_text("in the way")
    assert main(["tb-export", str(finished)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
