"""The way from the published configuration to the base, worked out by hand."""

from typing import Any

import pytest

from analysis.ablation.path import Path
from analysis.ablation.result import study_ablation
from analysis.records import read_records
from tests.analysis.ablation.conftest import TOWERS, AblationBuilder, MakeAblation, make_arm
from tests.analysis.conftest import hash_config

BASE = {**TOWERS, "clip": 5.0, "window": 32}
CLIPPED = {**TOWERS, "clip": 5.0}
WIDE = {**TOWERS, "window": 32}


def begin(make_ablation: MakeAblation) -> AblationBuilder:
    arm = make_arm("gate", "average", {**BASE, "gate": "average"})
    base = {
        "label": "search-0011 of toy",
        "config": BASE,
        "config_hash": hash_config(BASE),
        "is_published": False,
        "study": "/results/toy",
    }
    builder = make_ablation(arms=[arm], base=base, path={"from": TOWERS, "parameters": ["window", "clip"]})
    builder.frozen(BASE, scores(0.80))
    builder.frozen(TOWERS, scores(0.50), arm="published")
    builder.frozen(WIDE, scores(0.55), arm="path window")
    builder.frozen(CLIPPED, scores(0.70), arm="path clip")
    return builder


def scores(mean: float) -> list[tuple[float | None, float | None]]:
    return [(mean + noise + 0.05, mean + noise - 0.05) for noise in (-0.01, 0.0, 0.01)]


def order(builder: AblationBuilder) -> None:
    steps: list[tuple[str, dict[str, Any]]] = [("clip", CLIPPED), ("window", BASE)]
    path = [{"parameter": name, "config": config, "config_hash": hash_config(config)} for name, config in steps]
    builder.event("ordered", path=path)


def read_path(builder: AblationBuilder) -> Path:
    ablation = study_ablation(read_records(builder.write()))
    assert ablation is not None
    assert ablation.path is not None
    return ablation.path


def test_steps_stand_in_the_order_that_the_study_fixed(make_ablation: MakeAblation) -> None:
    builder = begin(make_ablation)
    order(builder)
    builder.look(3)
    path = read_path(builder)
    assert path.is_ordered
    assert [(step.parameter, step.before, step.after) for step in path.steps] == [
        ("clip", None, 5.0),
        ("window", 16, 32),
    ]
    assert path.start is not None
    assert path.start.mean == pytest.approx(0.50)
    assert path.total is not None
    assert path.total.mean == pytest.approx(0.30)


def test_a_step_gains_over_the_one_before_and_alone_over_the_published_one(make_ablation: MakeAblation) -> None:
    builder = begin(make_ablation)
    order(builder)
    builder.look(3)
    clip, window = read_path(builder).steps
    gains = [
        (step.score and step.score.mean, step.gain and step.gain.mean, step.alone and step.alone.mean)
        for step in (clip, window)
    ]
    assert gains == [pytest.approx((0.70, 0.20, 0.20)), pytest.approx((0.80, 0.10, 0.05))]


def test_before_the_order_is_fixed_only_single_changes_are_told(make_ablation: MakeAblation) -> None:
    path = read_path(begin(make_ablation))
    assert not path.is_ordered
    assert [step.parameter for step in path.steps] == ["window", "clip"]
    assert [step.alone and round(step.alone.mean, 9) for step in path.steps] == [0.05, 0.20]
    assert all(step.score is None and step.gain is None for step in path.steps)


def test_a_single_change_is_found_by_its_name_where_a_condition_changed_more(make_ablation: MakeAblation) -> None:
    builder = begin(make_ablation)
    settled = {**CLIPPED, "ratio": 0.0}
    builder.frozen(settled, scores(0.65), arm="path clip")  # as if the engine had settled it so; the later one counts
    steps = {step.parameter: step for step in read_path(builder).steps}
    assert steps["clip"].alone is not None
    assert steps["clip"].alone.mean == pytest.approx(0.15)
