"""The winner in a few lines, and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from tests.analysis.conftest import PUBLISHED, StudyBuilder


def test_label_scores_and_command(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", str(finished)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Best configuration: search-0001")
    spaced = " ".join(out.split())
    # All worked out by hand in test_summary.py.
    assert "test event_f1_pa_log 0.720 [" in spaced
    assert "minus that of the published configuration (published), higher is better: +0.160 [" in spaced
    assert "minus that of the best baseline (sum of squared z), higher is better: +0.170 [" in spaced
    assert "\npython launch.py --space toy --data smd" in out


def test_json_is_one_line_with_all_digits(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", str(finished), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    best: dict[str, Any] = json.loads(out)
    assert (best["study"], best["label"], best["is_fixed"], best["n_seeds"]) == ("toy", "search-0001", True, 3)
    assert best["scores"]["test event_f1_pa_log"]["mean"] == pytest.approx(0.72)
    assert best["scores"]["test event_f1_pa_log"]["low"] < 0.72
    assert best["config"]["window"] == 32
    assert best["trials"] == ["confirm-0000", "confirm-0003", "confirm-0006"]
    assert best["command"].startswith("python launch.py ")


def test_no_winner_yet_is_exit_1(make_study: Callable[..., StudyBuilder], capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study()
    study.search(PUBLISHED, [0.3], "running")
    folder = str(study.write())
    assert main(["best", folder]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: No result yet: none of 1 trial has reached full fidelity so far.\n"
    assert main(["best", folder, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["label"] is None
