"""What a study begins with, as it follows from its question."""

import pytest

from cluster.plan import Plan
from cluster.study import StudySpec, resolve
from search_spaces.lightmmoe import CLIPS, PUBLISHED


def _plan(**changes: object) -> Plan:
    return resolve(StudySpec.from_dict({"space": "lightmmoe", "series": ["sample-1"], **changes})).plan


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
