"""An ablation's verdict in words."""

from pathlib import Path

from analysis.records import read_records
from analysis.statements import Verdict
from analysis.summary import summarize
from analysis.verdict import conclude
from tests.analysis.ablation.conftest import AVERAGE, EXPERTS, SCORES, SHARED, TOWERS, MakeAblation, run_all


def conclude_folder(folder: Path) -> Verdict:
    return conclude(summarize(read_records(folder)))


def texts(folder: Path) -> dict[str, str]:
    return {statement.topic: statement.text for statement in conclude_folder(folder).statements}


def test_the_headline_counts_changes_and_then_tells_the_base(ablated: Path) -> None:
    verdict = conclude_folder(ablated)
    assert verdict.tone == "good"
    assert verdict.headline.startswith(
        "1 of 3 changes to the base makes it worse, 1 makes no relevant difference, 1 is inconclusive. "
        "The base (published) scores event F1 (log) 0.720 ["
    )


def test_every_part_is_named_with_its_difference(ablated: Path) -> None:
    found = texts(ablated)
    assert found["Parts that help"] == (
        "gate=average -0.095 [-0.102, -0.088] (Holm p < 0.001). Differences are event F1 (log), arm minus base."
    )
    assert found["Makes no relevant difference"].startswith("towers=shared +0.001")
    assert "seeds in all would decide it" in found["Inconclusive"]
    assert "Look 1 of 3 declared, which may spend 0.03 of alpha 0.05." in found["What this rests on"]
    assert "2 series × 5 seeds" in found["What this rests on"]


def test_predictions_are_told_with_their_fate(ablated: Path) -> None:
    found = texts(ablated)["What the specification expected"]
    assert "confirmed: gate=average (-9, -9.5 [-10.2, -8.8]); undecided: gate=specific (-4, -1.1 " in found
    assert found.startswith("Changes of F1-PA in points of 100")
    assert found.endswith("The verdicts are about event F1 (log) instead.")


def test_a_base_worse_than_what_needs_no_training_is_said_to_be(make_ablation: MakeAblation) -> None:
    builder = run_all(make_ablation(arms=[AVERAGE]))
    builder.baseline("last_resort", 0, {"event_f1_pa_log": {"a": 0.95, "b": 0.9}})
    builder.finish()
    verdict = conclude_folder(builder.write())
    assert verdict.tone == "bad"
    assert [statement.topic for statement in verdict.statements][:2] == [
        "What this rests on",
        "Against last_resort, untrained",
    ]
    assert verdict.statements[1].text.startswith("The base is worse than what needs no training")


def test_before_the_first_look_the_headline_judges_nothing(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE, SHARED])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], SCORES["gate=average"][:4], arm="gate=average")
    folder = builder.write()
    assert conclude_folder(folder).headline.startswith("Nothing is judged yet of 2 changes to the base.")
    found = texts(folder)
    assert "Verdicts wait for the first look" in found["Not finished"]
    assert found["Not judged"].startswith("gate=average -0.092 [")
    assert "towers=shared has no block in common with the base" in found["Not judged"]


def test_between_looks_the_text_says_as_of_when_it_is(make_ablation: MakeAblation) -> None:
    builder = run_all(make_ablation(arms=[AVERAGE]))
    builder.event("budget", trials=0, seeds=8)
    builder.frozen(TOWERS, SCORES["base"][:1], first=5)
    found = texts(builder.write())["Not finished"]
    assert "as of look 1, with 5 seeds; 1 run more waits for the next look" in found


def test_nothing_ran(make_ablation: MakeAblation) -> None:
    verdict = conclude_folder(make_ablation(arms=[AVERAGE]).write())
    assert verdict.headline == "No result yet: the base (published) has no score so far."


def test_a_base_that_failed_is_said_first(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, [(None, None)] * 2)
    builder.finish()
    verdict = conclude_folder(builder.write())
    assert verdict.headline == "Nothing can be compared: the base (published) never ran to its end."
    assert verdict.statements[0].text == "2 trials: RuntimeError: out of memory"


def test_failures_are_a_result(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], [*SCORES["gate=average"][:4], (None, None)], arm="gate=average")
    builder.look(5)
    builder.finish()
    assert texts(builder.write())["Runs that failed"] == (
        "gate=average 1 of 5 (RuntimeError: out of memory). That an arm fails is a result too."
    )


def test_curves_alone_judge_no_part(make_ablation: MakeAblation) -> None:
    verdict = conclude_folder(run_all(make_ablation(arms=EXPERTS)).write())
    assert verdict.headline.startswith("Only levels of curves were compared, no part is judged. The base (published)")


def test_series_that_disagree_are_named(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"])
    opposite = [
        (a - 0.1 + noise, b + 0.1) for (a, b), noise in zip(SCORES["base"], (0.01, 0, 0, 0, -0.01), strict=True)
    ]
    builder.frozen(AVERAGE["config"], opposite, arm="gate=average")
    builder.look(5)
    builder.finish()
    assert texts(builder.write())["Series disagree"] == (
        "gate=average is worse than the base on a and better on b; the mean hides this."
    )


def test_series_that_agree_are_not(ablated: Path) -> None:
    assert "Series disagree" not in texts(ablated)
