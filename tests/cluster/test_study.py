"""What a study begins with, as it follows from its question."""

from pathlib import Path

import pytest

from cluster.live_view import introduce
from cluster.plan import Plan
from cluster.resolution import ResolvedStudy, resolve
from cluster.study import StudySpec
from search_spaces.lightmmoe import CLIPS, PUBLISHED


def _resolve(**changes: object) -> ResolvedStudy:
    return resolve(StudySpec.from_dict({"space": "lightmmoe", "series": ["sample-1"], **changes}))


def _plan(**changes: object) -> Plan:
    return _resolve(**changes).plan


@pytest.mark.parametrize("objective", ["log_gap", "val_loss"])
def test_a_search_without_labels_says_what_it_can_hope_for(objective: str) -> None:
    lines = introduce(_resolve(objective=objective), Path("results/x"))
    assert any(f"{objective} sees no labels: on 13 servers" in line for line in lines)


def test_a_search_with_labels_has_nothing_to_warn_of() -> None:
    assert not any("sees no labels" in line for line in introduce(_resolve(), Path("results/x")))


def test_the_published_configuration_is_tried_with_every_clip() -> None:
    plan = _plan(trials=24)
    assert plan.listed[0] == plan.published == PUBLISHED
    assert [one["clip"] for one in plan.variants] == [clip for clip in CLIPS if clip is not None]
    assert plan.listed == (plan.published, *plan.variants)


def test_what_the_user_lists_comes_before_the_variants() -> None:
    mine = {"n_experts": 8}
    plan = _plan(trials=24, enqueue=[mine, {"clip": 5.0}])
    assert plan.listed[1] == {**PUBLISHED, **mine}
    assert plan.listed[2] in plan.variants
    assert len(plan.listed) == 8  # the clip that was listed comes once


@pytest.mark.parametrize("changes", [{"trials": 13}, {"trials": 24, "fixed": {"window": 32}}])
def test_no_variants_where_trials_are_few_or_the_published_model_is_not_searched(changes: dict[str, object]) -> None:
    plan = _plan(**changes)
    assert plan.variants == ()
    assert len(plan.listed) == 1
