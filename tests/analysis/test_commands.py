"""Commands to copy: a shell reads them back word by word, and a study made of them runs the same configuration."""

import shlex
from typing import Any

import pytest

import launch
from analysis.commands import reproduce_command, study_command
from cluster.resolution import resolve
from cluster.study import StudySpec
from search_spaces.lightmmoe import PUBLISHED

SPEC: dict[str, Any] = {
    "space": "lightmmoe",
    "data": "sample",
    "data_root": None,
    "series": ["sample-1"],
    "labelled_by": "time",
    "max_epochs": 3,
    "seed": 11,
    "confirm_seeds": 4,
    "full_test": True,
}


def describe(spec: dict[str, Any]) -> dict[str, Any]:
    """The entries of ``study.json`` that a command is made of."""
    resolved = resolve(StudySpec.from_dict(spec))
    return {
        "spec": StudySpec.from_dict(spec).to_dict(),
        "objective": {"name": resolved.data.objective.name},
        "parameters": [{"name": parameter.name} for parameter in resolved.restricted.parameters],
        "fixed": {name: resolved.plan.listed[0][name] for name in resolved.restricted.fixed},
        "published": dict(resolved.plan.published),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window": 32, "learning_rate": 0.00054867066208852135, "weight_decay": 3.65e-06, "clip": 5.0},
        {"n_experts": 1},
        {"gate": "specific", "sg_ratio_learned": False, "scaling": "twice"},
        {"expert_kind": "none"},
    ],
)
def test_a_study_made_of_the_command_runs_the_same_configuration(changes: dict[str, Any]) -> None:
    spec = {**SPEC, "fixed": {"scaling": changes["scaling"]} if "scaling" in changes else {}}
    config = {**PUBLISHED, **changes}
    command = reproduce_command(describe(spec), config)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["python", "launch.py"]
    again = StudySpec.from_dict(launch.read_settings(words[2:]))
    plan = resolve(again).plan
    assert plan.hash_config(plan.listed[0]) == plan.hash_config(config)
    assert resolve(again).restricted.parameters == ()
    assert (again.seed, again.confirm_seeds, again.confirm_top, again.trials) == (11, 4, 1, 1)
    assert (again.series, again.full_test, again.max_epochs) == (("sample-1",), True, 3)


def test_what_a_shell_would_read_is_quoted() -> None:
    study = {
        "spec": {**SPEC, "data_root": "my data/$HOME", "series": ["a b", "c;d"], "label_column": "it's", "seed": 1},
        "objective": {"name": "log_gap"},
        "parameters": [{"name": "gate"}],
        "fixed": {},
        "published": {"gate": "mixed"},
    }
    words = shlex.split(reproduce_command(study, {"gate": "a `b`"}).replace("\\\n", " "))
    given = dict(zip(words[2::2], words[3::2], strict=False))
    assert given["--data-root"] == "my data/$HOME"
    assert given["--series"] == "a b,c;d"
    assert given["--label-column"] == "it's"
    assert "gate=a `b`" in words


def test_lines_stay_narrow() -> None:
    study = {**describe(SPEC), "command": None}
    assert all(len(line) < 110 for line in reproduce_command(study, PUBLISHED).splitlines())


def test_the_study_s_own_command() -> None:
    assert study_command({"command": ["launch.py", "--name", "a b"]}) == "python launch.py --name 'a b'"
    assert study_command({"command": None}) == study_command({}) == ""
