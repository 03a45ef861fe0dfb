"""Threats to an ablation: each where it applies, and nowhere else."""

from pathlib import Path
from typing import Any

from analysis.records import read_records
from analysis.summary import summarize
from analysis.threats import find_threats
from tests.analysis.ablation.conftest import (
    AVERAGE,
    SCORES,
    SHARED,
    TOWERS,
    AblationBuilder,
    MakeAblation,
    declare,
    run_all,
)


def titles(folder: Path) -> list[str]:
    return [threat.title for threat in find_threats(summarize(read_records(folder)))]


def texts(folder: Path) -> dict[str, str]:
    return {threat.title: threat.text for threat in find_threats(summarize(read_records(folder)))}


def whole(make_ablation: MakeAblation, **changes: Any) -> Path:
    return run_all(make_ablation(**changes)).write()


def test_a_plain_ablation_has_those_that_follow_from_its_design(ablated: Path) -> None:
    assert titles(ablated) == [
        "Arms differ in size",
        "Nothing was tuned anew",
        "One part at a time",
        "The threshold was chosen on the test labels",
        "Few series",
        "The intervals cover training seeds alone",
    ]
    assert "towers=shared × 0.8" in texts(ablated)["Arms differ in size"]
    assert "experts" not in texts(ablated)["Arms differ in size"]  # a curve of sizes is meant to differ


def test_arms_of_the_same_size_are_no_threat(make_ablation: MakeAblation) -> None:
    assert "Arms differ in size" not in titles(whole(make_ablation, arms=[AVERAGE, {**SHARED, "size_ratio": 1.04}]))


def test_one_factor_alone_cannot_be_backed_up_by_another(make_ablation: MakeAblation) -> None:
    assert "One part at a time" not in titles(whole(make_ablation, arms=[AVERAGE]))


def test_few_blocks_are_those_that_no_sign_flip_could_judge(make_ablation: MakeAblation) -> None:
    few = texts(run_all(make_ablation(arms=[AVERAGE]), seeds=3).write())["Few blocks"]
    assert few.startswith("6 blocks and 1 test: a test without assumptions (sign flips) could not go below p = 0.031")


def test_failed_and_dropped_blocks_are_named(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], [*SCORES["gate=average"][:4], (None, None)], arm="gate=average")
    builder.look(5)
    builder.finish()
    found = texts(builder.write())
    assert found["Seeds failed"].startswith("gate=average: 1 of 5.")
    assert "gate=average: 2 blocks" in found["Blocks were left out"]


def looked(make_ablation: MakeAblation, **changes: Any) -> AblationBuilder:
    builder = run_all(make_ablation(arms=[AVERAGE], **changes))
    builder.look(5, 2)
    builder.finish()
    return builder


def test_a_second_look_is_paid_for(make_ablation: MakeAblation) -> None:
    found = texts(looked(make_ablation).write())["Seeds were added after a look"]
    assert found.startswith(
        "This is look 2 of 3 declared. Verdicts pay for it: this look may spend 0.01 of alpha 0.05."
    )


def test_a_look_too_many_is_the_gravest(make_ablation: MakeAblation) -> None:
    assert titles(looked(make_ablation, looks=1).write())[0] == "More looks than declared"


def test_a_base_that_a_search_chose_flatters_its_parts(make_ablation: MakeAblation) -> None:
    base = {**declare()["base"], "label": "search-0001 of toy", "is_published": False, "study": "/results/toy"}
    found = titles(whole(make_ablation, base=base))
    assert "The base was chosen on the same data" in found
    assert "Nothing was tuned anew" not in found


def retuned(make_ablation: MakeAblation, *, searches: int, trials_of_arm: int = 2) -> Path:
    builder = make_ablation(arms=[AVERAGE], retune={"trials": 2, "searches": searches})
    run_all(builder)
    for name, config in (("base", TOWERS), ("gate=average", AVERAGE["config"])):
        for search in range(searches):
            for _ in range(2 if name == "base" else trials_of_arm):
                builder.tune(config, 0.5, arm=name, search=search)
            builder.retuned(config, SCORES["base"][:2], arm=name, search=search)
    return builder.write()


def test_one_search_does_not_estimate_the_variance_of_tuning(make_ablation: MakeAblation) -> None:
    found = titles(retuned(make_ablation, searches=1))
    assert "Tuning variance not estimated" in found
    assert "Two families of tests" not in found
    assert "Searches had unequal budgets" not in found


def test_three_searches_make_a_second_family(make_ablation: MakeAblation) -> None:
    found = titles(retuned(make_ablation, searches=3))
    assert "Tuning variance not estimated" not in found
    assert "Two families of tests" in found


def test_unequal_budgets_are_named(make_ablation: MakeAblation) -> None:
    found = texts(retuned_with(make_ablation))["Searches had unequal budgets"]
    assert "gate=average: 3 trials, 9 epochs" in found


def retuned_with(make_ablation: MakeAblation) -> Path:
    return retuned(make_ablation, searches=3, trials_of_arm=1)


def test_a_series_on_which_nothing_differs_is_named(make_ablation: MakeAblation) -> None:
    """On b every arm scores 0.6 in every block; with one block of one arm off it, b tells something."""
    flat = {name: [(a, 0.6) for a, _ in scores] for name, scores in SCORES.items()}
    blind = run_all(make_ablation(arms=[AVERAGE, SHARED]), scores=flat).write()
    assert texts(blind)["A series that tells nothing"].startswith("On b every part's arm scores exactly as the base")


def test_a_series_on_which_one_block_differs_tells_something(make_ablation: MakeAblation) -> None:
    flat = {name: [(a, 0.6) for a, _ in scores] for name, scores in SCORES.items()}
    flat["towers=shared"][3] = (flat["towers=shared"][3][0], 0.61)
    folder = run_all(make_ablation(arms=[AVERAGE, SHARED]), scores=flat).write()
    assert "A series that tells nothing" not in titles(folder)
