"""What an ablation's result says about studies whose numbers were worked out by hand (see ``conftest.py``)."""

import math
from pathlib import Path

import pytest
from scipy import stats

from analysis.ablation.effects import ArmEffect
from analysis.ablation.result import Ablation, study_ablation
from analysis.records import read_records
from analysis.summary import summarize
from tests.analysis.ablation.conftest import (
    ARMS,
    AVERAGE,
    SCORES,
    SHARED,
    TOWERS,
    AblationBuilder,
    MakeAblation,
    declare,
    run_all,
)
from tests.analysis.conftest import FORECAST


def study(folder: Path) -> Ablation:
    ablation = study_ablation(read_records(folder))
    assert ablation is not None
    return ablation


def arms_of(ablation: Ablation) -> dict[str, ArmEffect]:
    return {arm.name: arm for arm in ablation.arms}


def words_of(ablation: Ablation) -> dict[str, str]:
    return {arm.name: arm.word for arm in ablation.arms}


def test_a_difference_is_arm_minus_base_within_blocks(ablated: Path) -> None:
    arm = arms_of(study(ablated))["gate=average"]
    assert arm.effect is not None
    # Means -0.10 and -0.09, both variances 0.0001 over five seeds: eight degrees of freedom.
    error = math.sqrt(2 * 0.0001 / 5) / 2
    half = stats.t.ppf(0.975, 8) * error
    assert arm.effect.interval.mean == pytest.approx(-0.095)
    assert arm.effect.interval.low == pytest.approx(-0.095 - half)
    assert arm.effect.p_value == pytest.approx(2 * stats.t.sf(0.095 / error, 8))
    assert (arm.effect.n_blocks, arm.effect.n_dropped, arm.n_seeds, arm.n_failed) == (10, 0, 5, 0)
    assert arm.score is not None
    assert arm.score.mean == pytest.approx((0.72 + 0.53) / 2)
    assert arm.by_series["a"].mean == pytest.approx(-0.10)
    assert arm.by_series["b"].mean == pytest.approx(-0.09)
    assert arm.base_is_better == 1.0
    assert arm.over_series is None  # two series


def test_verdicts_are_about_the_part(ablated: Path) -> None:
    assert words_of(study(ablated)) == {
        "gate=average": "helps",
        "gate=specific": "inconclusive",
        "towers=shared": "equivalent",
        "experts=1": "exploratory",
        "experts=2": "exploratory",
        "experts=8": "exploratory",
    }


def test_a_part_hurts_where_the_base_is_worse(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(AVERAGE["config"], SCORES["base"], arm="gate=average")
    builder.frozen(TOWERS, SCORES["gate=average"])
    builder.look(5)
    builder.finish()
    ablation = study(builder.write())
    assert words_of(ablation) == {"gate=average": "hurts"}
    assert ablation.arms[0].base_is_better == 0.0


def test_where_lower_is_better_an_arm_with_more_error_shows_that_the_part_helps(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE], study=FORECAST)
    builder.metrics = lambda **scores: {"mse": scores}  # type: ignore[method-assign]
    builder.frozen(TOWERS, SCORES["gate=average"])
    builder.frozen(AVERAGE["config"], SCORES["base"], arm="gate=average")
    builder.look(5)
    builder.finish()
    arm = study(builder.write()).arms[0]
    assert arm.difference is not None
    assert arm.difference.mean == pytest.approx(0.095)
    assert (arm.word, arm.base_is_better) == ("helps", 1.0)


def test_holm_corrects_component_arms_alone(ablated: Path) -> None:
    ablation = study(ablated)
    arm = arms_of(ablation)["gate=average"]
    assert arm.verdict is not None
    assert arm.effect is not None
    assert arm.effect.p_value is not None
    assert ablation.rules.n_family == 3
    assert arm.verdict.adjusted_p == pytest.approx(3 * arm.effect.p_value)
    assert arms_of(ablation)["experts=1"].verdict is None


def test_a_configuration_of_two_arms_is_one_member_of_the_family(make_ablation: MakeAblation) -> None:
    twin = {**AVERAGE, "name": "lightness=extreme", "factor": "lightness", "level": "extreme"}
    factors = [
        *declare()["factors"],
        {"name": "lightness", "kind": "component", "parameters": ["gate"], "base_level": "full"},
    ]
    builder = make_ablation(arms=[*ARMS, twin], factors=factors)
    builder.study["ablation"]["arms"] = ARMS
    run_all(builder)
    builder.study["ablation"]["arms"] = [*ARMS, twin]
    ablation = study(builder.write())
    first, second = arms_of(ablation)["gate=average"], arms_of(ablation)["lightness=extreme"]
    assert second.effect == first.effect
    assert second.verdict == first.verdict
    assert (first.same_as, second.same_as) == (None, "gate=average")
    assert ablation.rules.n_family == 3
    assert [arm.name for arm in ablation.judged("helps")] == ["gate=average"]


def test_the_blocks_of_a_failed_run_are_dropped_from_its_own_arm_alone(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE, SHARED])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], [*SCORES["gate=average"][:4], (None, None)], arm="gate=average")
    builder.frozen(SHARED["config"], SCORES["towers=shared"], arm="towers=shared")
    builder.look(5)
    builder.finish()
    arms = arms_of(study(builder.write()))
    effect = arms["gate=average"].effect
    assert effect is not None
    assert (effect.n_blocks, effect.n_dropped) == (8, 2)
    # Four seeds: a -0.09, -0.10, -0.11, -0.09; b -0.08, -0.10, -0.09, -0.08.
    assert effect.interval.mean == pytest.approx((-0.39 / 4 - 0.35 / 4) / 2)
    assert (arms["gate=average"].n_seeds, arms["gate=average"].n_failed) == (4, 1)
    assert arms["gate=average"].errors == ("RuntimeError: out of memory",)
    assert arms["towers=shared"].effect is not None
    assert arms["towers=shared"].effect.n_blocks == 10


def test_an_arm_that_always_fails_is_not_judged(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE, SHARED])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], [(None, None)] * 5, arm="gate=average")
    builder.frozen(SHARED["config"], SCORES["towers=shared"], arm="towers=shared")
    builder.look(5)
    builder.finish()
    arms = arms_of(study(builder.write()))
    assert arms["gate=average"].effect is None
    assert words_of(study(builder.folder)) == {"gate=average": "unjudged", "towers=shared": "equivalent"}
    assert arms["gate=average"].n_failed == 5


def test_without_test_labels_arms_are_compared_on_the_objective(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"], tested=False)
    builder.frozen(AVERAGE["config"], SCORES["gate=average"], arm="gate=average", tested=False)
    builder.look(5)
    builder.finish()
    ablation = study(builder.write())
    assert (ablation.yardstick.on_test, ablation.yardstick.name) == (False, "labelled_event_f1")
    assert ablation.base.score is not None
    assert ablation.base.score.mean == pytest.approx(0.70)  # objectives are 0.02 below the test scores
    assert ablation.arms[0].difference is not None
    assert ablation.arms[0].difference.mean == pytest.approx(-0.095)
    assert ablation.shown == ()


def test_before_the_first_look_nothing_is_judged(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], SCORES["gate=average"][:4], arm="gate=average")
    builder.event("test_opened")
    ablation = study(builder.write())
    assert words_of(ablation) == {"gate=average": "unjudged"}
    assert ablation.arms[0].difference is not None
    assert ablation.arms[0].difference.n_blocks == 8
    assert ablation.arms[0].smallest_detectable is None


def look_twice(builder: AblationBuilder, *, seeds: int = 3) -> AblationBuilder:
    """Look after five seeds, add the same three again, and perhaps look again."""
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], SCORES["gate=average"], arm="gate=average")
    builder.event("test_opened")
    builder.look(5)
    builder.finish()
    builder.event("budget", trials=0, seeds=8)
    builder.frozen(TOWERS, SCORES["base"][:seeds], first=5)
    builder.frozen(AVERAGE["config"], SCORES["gate=average"][:seeds], arm="gate=average", first=5)
    return builder


def test_blocks_that_ran_after_a_look_wait_for_the_next(make_ablation: MakeAblation) -> None:
    ablation = study(look_twice(make_ablation(arms=[AVERAGE]), seeds=2).write())
    assert ablation.arms[0].effect is not None
    assert ablation.arms[0].effect.n_blocks == 10
    assert (ablation.rules.look.number, ablation.rules.look.spendable) == (1, pytest.approx(0.03))
    assert ablation.waiting == 4
    assert ablation.base.n_seeds == 5


def test_the_second_look_sees_all_blocks_and_spends_less(make_ablation: MakeAblation) -> None:
    builder = look_twice(make_ablation(arms=[AVERAGE]))
    builder.look(8, 2)
    builder.finish()
    ablation = study(builder.write())
    assert ablation.arms[0].effect is not None
    assert ablation.arms[0].effect.n_blocks == 16
    assert (ablation.rules.look.number, ablation.rules.look.spendable) == (2, pytest.approx(0.01))
    assert (ablation.waiting, ablation.rules.look.left) == (0, 1)


def test_a_look_that_was_not_declared_judges_nothing(make_ablation: MakeAblation) -> None:
    builder = look_twice(make_ablation(arms=[AVERAGE], looks=1))
    builder.look(8, 2)
    builder.finish()
    ablation = study(builder.write())
    assert ablation.rules.look.is_beyond
    assert words_of(ablation) == {"gate=average": "unjudged"}


def test_a_relative_region_counts_in_units_of_the_base(make_ablation: MakeAblation) -> None:
    builder = run_all(make_ablation(region={"value": 0.05, "relative": True}))
    ablation = study(builder.write())
    assert ablation.rules.region == pytest.approx(0.05 * 0.72)
    assert words_of(ablation)["gate=specific"] == "equivalent"  # -0.011 [-0.027, +0.005] is within 0.036


def test_other_metrics_have_differences_without_verdicts(ablated: Path) -> None:
    ablation = study(ablated)
    assert ablation.shown == ("point_f1_pa", "point_auprc", "fixed_threshold_event_f1_pa_log")
    differences = arms_of(ablation)["gate=average"].other_metrics
    assert differences["point_auprc"].mean == pytest.approx(-0.0475)  # half of the primary metric
    assert "event_f1_pa_log" not in differences


def test_seeds_to_decide_are_told_for_inconclusive_parts_alone(ablated: Path) -> None:
    found = {arm.name: arm.seeds_to_decide for arm in study(ablated).arms}
    assert found.pop("gate=specific") is not None
    assert set(found.values()) == {None}


def test_five_series_allow_an_interval_over_series(make_ablation: MakeAblation) -> None:
    names = ["a", "b", "c", "d", "e"]
    entries = {"series": names, "test_series": names, "objective_series": ["a", "b"]}
    builder = make_ablation(arms=[AVERAGE], study=entries)
    shifts = dict(zip(names, (-0.10, -0.08, -0.09, -0.11, -0.07), strict=True))
    builder.metrics = lambda **scores: {"event_f1_pa_log": dict.fromkeys(names, scores["a"])}  # type: ignore[method-assign]
    builder.frozen(TOWERS, SCORES["base"])
    builder.metrics = lambda **scores: {  # type: ignore[method-assign]
        "event_f1_pa_log": {name: scores["a"] + shift for name, shift in shifts.items()}
    }
    builder.frozen(AVERAGE["config"], SCORES["base"], arm="gate=average")
    builder.look(5)
    builder.finish()
    arm = study(builder.write()).arms[0]
    assert arm.over_series is not None
    half = stats.t.ppf(0.975, 4) * math.sqrt(0.00025 / 5)  # over five series: the variance of their means is 0.00025
    assert arm.over_series.low == pytest.approx(-0.09 - half)


def test_the_study_of_a_search_is_no_ablation(finished: Path) -> None:
    assert study_ablation(read_records(finished)) is None
    assert summarize(read_records(finished)).ablation is None


def test_the_base_stands_beside_baselines_in_the_comparison(ablated: Path) -> None:
    comparison = summarize(read_records(ablated)).comparison
    assert comparison is not None
    assert [row.label for row in comparison.rows] == ["published", "sum of squared z"]
    assert (comparison.best.is_published, comparison.is_fixed) == (True, True)
    assert comparison.best.score == study(ablated).base.score


def test_phases(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], SCORES["gate=average"], arm="gate=average")
    builder.event("test_opened")
    builder.look(5)
    builder.finish()
    folder = builder.write()
    lines = (folder / "events" / "log.jsonl").read_text().splitlines(keepends=True)
    found = []
    for number in (3, 60, len(lines) - 1, len(lines)):
        (folder / "events" / "log.jsonl").write_text("".join(lines[:number]))
        found.append(summarize(read_records(folder)).phase)
    assert found == ["ablation", "ablation", "test", "finished"]


def test_a_base_that_never_completes_has_failed(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, [(None, None)] * 2)
    builder.frozen(AVERAGE["config"], SCORES["gate=average"][:2], arm="gate=average")
    builder.look(2)
    builder.finish()
    records = read_records(builder.write())
    summary = summarize(records)
    assert (summary.phase, summary.comparison) == ("failed", None)
    assert summary.ablation is not None
    assert summary.ablation.arms[0].effect is None
