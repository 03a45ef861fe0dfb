"""What an ablation suggests to run next."""

from pathlib import Path

import pytest

from analysis.ablation.next_seeds import suggest_seeds
from analysis.next_runs import NextRun
from analysis.records import read_records
from analysis.summary import summarize
from tests.analysis.ablation.conftest import AVERAGE, SCORES, SPECIFIC, TOWERS, MakeAblation, run_all


def suggest(folder: Path) -> tuple[NextRun, ...]:
    records = read_records(folder)
    return suggest_seeds(records, summarize(records))


def test_the_seeds_that_would_decide_are_told_with_their_cost(ablated: Path) -> None:
    (run,) = suggest(ablated)
    ablation = summarize(read_records(ablated)).ablation
    assert ablation is not None
    (arm,) = ablation.judged("inconclusive")
    assert arm.seeds_to_decide is not None
    more = arm.seeds_to_decide - 5
    assert run.command == f"python launch.py --resume results/parts --add-seeds {more}"
    # A run takes three epochs of 2.5 s and a test of 1 s; there are the base and six arms.
    assert run.minutes == pytest.approx(more * 7 * 8.5 / 60)
    assert f"{arm.name}: {more} more seeds" in run.why
    alone = float(run.why.rpartition("alone are ")[2].split()[0])
    assert alone == pytest.approx(more * 2 * 8.5 / 60, abs=0.06)


def test_beyond_the_declared_looks_only_a_new_ablation_decides(make_ablation: MakeAblation) -> None:
    (run,) = suggest(run_all(make_ablation(arms=[SPECIFIC], looks=1)).write())
    assert run.command == ""
    assert "takes a new ablation with --seeds" in run.why


def test_nothing_is_suggested_where_everything_is_decided(make_ablation: MakeAblation) -> None:
    assert suggest(run_all(make_ablation(arms=[AVERAGE])).write()) == ()


def test_an_ablation_that_is_not_over_is_to_be_gone_on_with(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"][:2])
    (run,) = suggest(builder.write())
    assert run.command == "python launch.py --resume results/parts"


def test_a_search_is_not_spoken_of(finished: Path) -> None:
    assert suggest(finished) == ()


def test_what_hundreds_of_seeds_would_decide_is_not_suggested(make_ablation: MakeAblation) -> None:
    """A difference of nearly nothing in noise of 0.04, and a region of a tenth of that."""
    noisy = [(0.80, 0.64), (0.86, 0.60), (0.80, 0.66), (0.85, 0.57), (0.79, 0.64)]
    scores = {"base": SCORES["base"], "gate=average": noisy}
    builder = make_ablation(arms=[AVERAGE], region={"value": 0.004, "relative": False})
    (run,) = suggest(run_all(builder, scores=scores).write())
    assert run.command == ""
    assert run.why.startswith("gate=average wants more than 100 further seeds")
