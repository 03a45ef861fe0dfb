"""What an ablation runs, as it follows from its question: on the built-in sample and the families' own factors."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.ablation import Ablation
from cluster.base_study import inherit
from cluster.events import EventLog
from cluster.region import Region, parse_region
from cluster.resolution import ResolvedStudy, resolve
from cluster.study import StudySpec
from search_spaces.lightmmoe import PUBLISHED


def _resolve(**changes: object) -> ResolvedStudy:
    return resolve(StudySpec.from_dict({"space": "lightmmoe", "series": ["sample-1"], "ablate": ["all"], **changes}))


def _ablation(**changes: object) -> Ablation:
    ablation = _resolve(**changes).ablation
    assert ablation is not None
    return ablation


def test_every_configuration_is_run_once_the_base_first() -> None:
    plan = _ablation(factorial=["gate", "towers"]).plan
    assert plan.frozen[0].config == PUBLISHED
    configs = [json.dumps(arm.config) for arm in plan.frozen]
    assert len(set(configs)) == len(configs)
    names = [arm.name for arm in plan.frozen]
    assert "gate=average" in names
    assert "gate=average towers=separate" not in names  # the same configuration
    assert "gate=average towers=shared" in names


@pytest.mark.parametrize(
    ("space", "series", "arm"),
    [
        ("lightmmoe", "sample-1", "experts=1 widened"),
        ("lightmmoe", "sample-1", "towers=shared widened"),
        ("m2moep", "workload-1", "experts=1 widened"),
    ],
)
def test_widened_arms_have_the_size_of_the_base(space: str, series: str, arm: str) -> None:
    """Within two per cent: a width is a whole number."""
    ablation = _ablation(space=space, series=None, data=None, ablate=[arm.partition("=")[0]])
    assert ablation.n_params[arm] == pytest.approx(ablation.n_params["base"], rel=0.02)


def test_components_alone_are_tuned_again() -> None:
    plan = _ablation(ablate=["gate", "n_kernels"], retune=4, searches=2).plan
    assert [arm.name for arm in plan.retuned] == ["base", "gate=average", "gate=specific", "gate=shared"]
    assert plan.retuned[1].fixed == ("gate",)
    assert (plan.retune_trials, plan.searches) == (4, 2)


def test_a_search_of_an_arm_leaves_its_part_alone() -> None:
    resolved = _resolve(ablate=["experts"], retune=2, ranges={"n_experts": "2..4"})
    assert resolved.ablation is not None
    alone = next(arm for arm in resolved.ablation.plan.retuned if arm.name == "experts=1")
    restricted = resolved.restrict_to(alone)
    assert restricted.fixed["n_experts"] == 1
    assert "n_experts" not in {parameter.name for parameter in restricted.searched}


def test_what_is_set_belongs_to_the_base() -> None:
    ablation = _ablation(fixed={"clip": 10.0}, ablate=["clip"])
    assert ablation.base.label == "published, clip 10"
    assert not ablation.base.is_published
    assert "clip=10" not in [arm.name for arm in ablation.arms]
    assert "clip=none" in [arm.name for arm in ablation.arms]
    assert {arm.expected for arm in ablation.arms} == {None}


def test_the_path_lists_what_differs() -> None:
    ablation = _ablation(fixed={"clip": 10.0, "window": 32}, ablate=[], path=True)
    assert ablation.plan.path == ("window", "clip")
    assert ablation.plan.path_singles["clip"] == {**PUBLISHED, "clip": 10.0}
    with pytest.raises(ValueError, match="the base is the published one"):
        _ablation(path=True)


def test_the_description_is_plain_and_names_what_an_arm_is_worth_knowing_by() -> None:
    described = _resolve(ablate=["gate", "n_kernels"], factorial=["gate", "towers"]).describe_ablation()
    assert described is not None
    assert json.loads(json.dumps(described)) == described
    average = next(arm for arm in described["arms"] if arm["name"] == "gate=average")
    assert (average["expected"], average["kind"], average["value"]) == (-9, "component", None)
    assert 0.9 < average["size_ratio"] < 1
    assert next(arm for arm in described["arms"] if arm["name"] == "n_kernels=32")["value"] == 32
    kernels = next(factor for factor in described["factors"] if factor["name"] == "n_kernels")
    assert (kernels["base_level"], kernels["base_value"]) == ("8", 8)
    assert len(described["factorial"]["cells"]) == 8
    assert described["base"]["config_hash"] in {cell["config_hash"] for cell in described["factorial"]["cells"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ablate": ["gates"]}, "names 'gates', but the space's factors are"),
        ({"trials": 5}, "`--trials` is for a search"),
        ({"check_objective": 5}, "`--check-objective` is for a search"),
        ({"factorial": ["gate"]}, "`--factorial` takes two or more different factors"),
        ({"factorial": ["gate", "gate"]}, "`--factorial` takes two or more different factors"),
        ({"region": "wide"}, "`--region` is 'wide', but must be a positive number"),
        ({"region": "-1%"}, "`--region` is '-1%', but must be a positive number"),
        ({"seeds": 0}, "`--seeds` is 0"),
        ({"ablate": [], "retune": 4}, "`--retune` is for ablations, but nothing is ablated"),
        ({"ablate": [], "from_study": "x"}, "`--from` is for ablations, but nothing is ablated"),
    ],
)
def test_a_wrong_question_is_refused_in_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _resolve(**changes)


def test_an_arm_that_the_series_is_too_short_for_is_refused_by_name(tmp_path: Path) -> None:
    rows = [f"2026-01-01 {hour // 60:02d}:{hour % 60:02d},{hour % 7}" for hour in range(400)]
    (tmp_path / "load.csv").write_text("\n".join(["time,load", *rows]))
    question = {"space": "dlinear", "data": "csv", "data_root": str(tmp_path), "timestamp": "time", "horizon": 24}
    with pytest.raises(ValueError, match="the arm with lookback at 336 cannot be run: .* name the factors to keep"):
        resolve(StudySpec.from_dict({**question, "ablate": ["lookback"]}))


@pytest.mark.parametrize(
    ("text", "maximize", "expected"),
    [
        (None, True, Region(value=0.01, relative=False)),
        (None, False, Region(value=0.01, relative=True)),
        ("0.5", False, Region(value=0.5, relative=False)),
        (" 2% ", True, Region(value=0.02, relative=True)),
    ],
)
def test_regions_are_read(text: str | None, maximize: bool, expected: Region) -> None:
    assert parse_region(text, maximize=maximize) == expected


def _finished_search(folder: Path, **changes: Any) -> None:
    """Write what a search leaves of its winner: a question, and the events that name it."""
    spec = StudySpec(space="lightmmoe", series=("sample-2",), max_epochs=2, fixed={"window": 8}).to_dict()
    study = {"format": 1, "space": "lightmmoe", "spec": spec, "published": PUBLISHED, **changes}
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps(study))
    log = EventLog(folder / "events")
    config = {**PUBLISHED, "window": 8, "n_experts": 2}
    log.append("asked", {"trial": "search-0007", "config": config, "config_hash": "beef"})
    log.append("selected", {"config_hash": "beef"})
    log.close()


def test_the_winner_of_a_study_is_the_base_and_its_settings_are_taken_over(tmp_path: Path) -> None:
    _finished_search(tmp_path / "found")
    spec = StudySpec(space="lightmmoe", ablate=("gate",), from_study=str(tmp_path / "found"), max_epochs=4)
    resolved = resolve(spec)
    assert resolved.ablation is not None
    assert resolved.ablation.base.label == "search-0007 of found"
    assert resolved.ablation.base.config["n_experts"] == 2
    assert list(resolved.data.series) == ["sample-2"]
    assert resolved.spec.max_epochs == 4  # what the user says wins


def test_a_study_without_a_winner_is_no_base(tmp_path: Path) -> None:
    _finished_search(tmp_path / "found")
    (tmp_path / "found" / "events" / "log.jsonl").unlink()
    spec = StudySpec(space="lightmmoe", ablate=("gate",), from_study=str(tmp_path / "found"))
    with pytest.raises(ValueError, match="has no winner yet"):
        resolve(spec)


def test_a_study_of_another_space_or_an_ablation_is_no_base(tmp_path: Path) -> None:
    _finished_search(tmp_path / "found")
    with pytest.raises(ValueError, match="a study of the space 'lightmmoe', but `--space` is 'dlinear'"):
        inherit(StudySpec(space="dlinear", ablate=("all",), from_study=str(tmp_path / "found")))
    _finished_search(tmp_path / "arms", ablation={"base": {}})
    with pytest.raises(ValueError, match="itself an ablation"):
        inherit(StudySpec(space="lightmmoe", ablate=("all",), from_study=str(tmp_path / "arms")))
