"""Two studies side by side; a paired difference only where there are pairs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from analysis.study_diff import compare_studies
from tests.analysis.conftest import GOOD, OTHER, PUBLISHED, StudyBuilder, one_metric

Make = Callable[..., StudyBuilder]
Confirm = Callable[..., Path]


@pytest.fixture
def confirm(make_study: Make) -> Confirm:
    """A study that confirmed one configuration, with its score on either series seed by seed."""

    def make(name: str, config: dict[str, Any], scores: list[tuple[float, float]], **changes: Any) -> Path:
        study = make_study(name, **changes)
        study.search(config, [0.6, 0.7, 0.8])
        trials = [study.confirm(config, block, {"a": 0.7, "b": 0.7}) for block in range(len(scores))]
        study.select(config)
        for trial, (a, b) in zip(trials, scores, strict=True):
            study.test(trial, one_metric(a=a, b=b), config=config)
        return study.write()

    return make


ONE, OTHER_SCORES = [(0.80, 0.60), (0.82, 0.64), (0.84, 0.62)], [(0.78, 0.57), (0.79, 0.61), (0.80, 0.59)]


def test_the_same_data_and_seeds_are_paired(confirm: Confirm) -> None:
    diff = compare_studies(confirm("one", GOOD, ONE), confirm("two", OTHER, OTHER_SCORES))
    difference, _ = diff.pair()
    assert difference is not None
    # a: 0.02, 0.03, 0.04; b: 0.03, 0.03, 0.03.
    assert difference.mean == pytest.approx(0.03)
    assert difference.n_blocks == 6
    assert diff.sentences()[-1].startswith("event_f1_pa_log, A minus B, seed by seed: +0.030 [+0.0")
    assert diff.differing == {}


@pytest.mark.parametrize(
    ("changes", "n_seeds", "why"),
    [
        ({"data_hash": "0ther"}, 3, "the data differ"),
        ({"test_series": ["a"]}, 3, "the test series differ"),
        ({}, 2, "the seeds differ"),
    ],
)
def test_nothing_is_tested_where_there_are_no_pairs(
    confirm: Confirm, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], n_seeds: int, why: str
) -> None:
    one, two = confirm("one", GOOD, ONE), confirm("two", OTHER, OTHER_SCORES[:n_seeds], **changes)
    assert main(["diff", str(one), str(two)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"A: {one}", f"B: {two}"]
    assert lines[-1] == f"not tested: {why}; each interval speaks for its own study alone"
    assert not any("seed by seed" in line for line in lines)
    assert any(line.startswith("test event_f1_pa_log  ") and line.count("[") == 2 for line in lines)


def test_what_differs_in_the_question(confirm: Confirm, make_study: Make, capsys: pytest.CaptureFixture[str]) -> None:
    one = confirm("one", GOOD, ONE)
    changes = {
        "space_hash": "0ther",
        "code": {"git_commit": "decaf", "git_dirty": True, "hash": "50ce"},
        "versions": {"python": "3.12.1", "torch": "2.13.0"},
    }
    other = make_study("two", **changes)
    other.study["spec"] = {**other.study["spec"], "max_epochs": 9, "ranges": {"window": "8,16"}}
    other.search(PUBLISHED, [0.3], "running")
    assert main(["diff", str(one), str(other.write())]) == 0
    out = capsys.readouterr().out
    rows = {" ".join(line.split()) for line in out.splitlines()}
    assert {"max_epochs 3 9", "space_hash 5face 0ther", "git_commit c0ffee decaf", "git_dirty False True"} <= rows
    assert {"ranges none window=8,16", "version of python 3.11.7 3.12.1", "label search-0000 -"} <= rows
    assert "the same in both: space, data, data_hash" in out
    assert out.endswith("not tested: not both have a result; each interval speaks for its own study alone\n")
