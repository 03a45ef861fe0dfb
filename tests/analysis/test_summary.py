"""What a summary says about studies whose numbers were worked out by hand (see ``conftest.py``)."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from analysis.contenders import Comparison, Contender
from analysis.records import read_records
from analysis.summary import Summary, summarize
from analysis.verdict import conclude


def summarize_folder(folder: Path) -> Summary:
    return summarize(read_records(folder))


def rows_of(summary: Summary) -> dict[str, Contender]:
    assert summary.comparison is not None
    return {row.label: row for row in summary.comparison.rows}


def compared(summary: Summary) -> Comparison:
    assert summary.comparison is not None
    return summary.comparison


def test_rows_are_the_configurations_best_first_then_the_baselines(finished: Path) -> None:
    rows = compared(summarize_folder(finished)).rows
    assert [row.label for row in rows] == [
        *("search-0001", "search-0003", "published"),
        *("sum of squared z", "random scores"),
    ]
    assert [row.is_best for row in rows] == [True, False, False, False, False]
    assert [row.is_published for row in rows] == [False, False, True, False, False]


def test_scores_are_means_over_series_and_seeds(finished: Path) -> None:
    rows = rows_of(summarize_folder(finished))
    best = rows["search-0001"]
    # a: 0.80, 0.82, 0.84; b: 0.60, 0.64, 0.62; every variance is 0.0004, so there are four degrees of freedom.
    assert best.score is not None
    assert best.score.mean == pytest.approx(0.72)
    half = stats.t.ppf(0.975, 4) * math.sqrt((0.0004 / 3 + 0.0004 / 3) / 4)
    assert best.score.low == pytest.approx(0.72 - half)
    assert (best.score.n_series, best.score.n_blocks) == (2, 6)
    assert best.search_score == pytest.approx(0.8)
    assert best.objective is not None
    assert best.objective.mean == pytest.approx(0.72)
    assert best.seed_scores == pytest.approx((0.70, 0.73, 0.73))
    assert best.test["point_auprc"].mean == pytest.approx(0.36)
    assert best.by_series["a"]["event_f1_pa_log"].mean == pytest.approx(0.82)
    assert rows["sum of squared z"].score is not None
    assert rows["sum of squared z"].score.mean == pytest.approx(0.55)
    assert rows["sum of squared z"].objective is not None
    assert rows["sum of squared z"].objective.mean == pytest.approx(0.5)
    assert rows["random scores"].score is not None
    assert rows["random scores"].score.mean == pytest.approx(0.155)


def test_differences_are_paired_within_blocks(finished: Path) -> None:
    rows = rows_of(summarize_folder(finished))
    published = rows["published"].difference_to_best
    assert published is not None
    # a: -0.20, -0.21, -0.22; b: -0.10, -0.12, -0.11.
    half = stats.t.ppf(0.975, 4) * math.sqrt(2 * 0.0001 / 3 / 4)
    assert published.mean == pytest.approx(-0.16)
    assert (published.low, published.high) == (pytest.approx(-0.16 - half), pytest.approx(-0.16 + half))
    assert rows["published"].judgement == "worse"
    assert rows["published"].differences_to_best["b"].mean == pytest.approx(-0.11)
    assert rows["search-0001"].difference_to_published is not None
    assert rows["search-0001"].difference_to_published.mean == pytest.approx(0.16)
    squares = rows["sum of squared z"].difference_to_best
    assert squares is not None
    assert (squares.mean, squares.n_blocks, squares.n_dropped) == (pytest.approx(-0.17), 6, 0)


def test_a_tie_is_an_interval_that_holds_zero(finished: Path) -> None:
    comparison = compared(summarize_folder(finished))
    assert [row.label for row in comparison.tied] == ["search-0003"]
    assert comparison.cheapest_tied is comparison.tied[0]  # 400 parameters against 1000


def test_thresholds_are_not_averaged(finished: Path) -> None:
    assert "event_f1_pa_log_threshold" not in rows_of(summarize_folder(finished))["published"].test


def test_cost_is_taken_from_the_runs(finished: Path) -> None:
    cost = rows_of(summarize_folder(finished))["search-0001"].cost
    assert (cost.n_params, cost.train_s, cost.latency_p50_ms, cost.peak_memory_mb) == (1000, 6.0, 1.25, 12.5)
    assert rows_of(summarize_folder(finished))["random scores"].cost.n_params is None


def test_the_winner_is_the_one_on_record_not_the_best_on_the_test(
    searched: Any, complete: Callable[[Any], Any], configs: dict[str, Any]
) -> None:
    folder = complete(searched)
    folder.event("selected", config_hash=folder._events[2]["config_hash"])  # the published one, asked first
    comparison = compared(summarize_folder(folder.write()))
    assert comparison.is_fixed
    assert comparison.best.is_published


def test_parameters_are_set_against_the_published_ones(finished: Path) -> None:
    rows = {row.name: row for row in summarize_folder(finished).parameters}
    assert list(rows) == ["window", "learning_rate", "clip", "gate", "ratio"]
    assert (rows["window"].value, rows["window"].published, rows["window"].changed) == (32, 16, True)
    assert not rows["clip"].changed
    assert rows["learning_rate"].searched == "0.0001..0.01 (log)"
    assert rows["clip"].searched == "5, none"
    assert rows["ratio"].searched == "0..1; unless gate = none"


def test_the_search_is_counted(finished: Path) -> None:
    summary = summarize_folder(finished)
    assert summary.phase == "finished"
    assert summary.trials == {
        "search": {"COMPLETED": 3, "STOPPED": 1},
        "confirm": {"COMPLETED": 9},
        "baseline": {"COMPLETED": 4},
    }
    search = summary.search
    assert (search.n_trials, search.n_completed, search.best_trial, search.best) == (4, 3, "search-0001", 0.8)
    assert search.published == 0.5
    assert (search.thrift.epochs_run, search.thrift.epochs_without) == (10, 12)
    assert [point.best for point in search.anytime] == pytest.approx([0.5, 0.8, 0.8])
    assert [point.train_s for point in search.anytime] == [6, 12, 20]


def test_where_it_comes_from(finished: Path) -> None:
    origin = summarize_folder(finished).provenance
    assert (origin.study, origin.data, origin.series, origin.budget) == ("toy", "smd", ("a", "b"), 4)
    assert origin.confirm_seeds == (500, 501, 502)
    assert (origin.git_commit, origin.git_dirty) == ("c0ffee", False)
    assert origin.train_s == 2 * (10 + 27)
    assert origin.command == "python launch.py --space toy --name 'it'\"'\"'s'"
    assert origin.sessions == 1


def test_time_without_a_driver_is_no_wall_time(searched: Any) -> None:
    before = searched._events[-1]["seq"]
    searched.wait(10_000)
    searched.event("session", changed=["code"])
    searched.event("budget", trials=4)
    origin = summarize_folder(searched.write()).provenance
    assert origin.sessions == 2
    assert origin.changed == ("code",)
    assert origin.wall_s == before + 1


@pytest.mark.parametrize(
    ("lines", "phase"), [(2, "search"), (12, "search"), (36, "confirmation"), (40, "confirmation"), (117, "test")]
)
def test_the_phase_of_a_killed_study(searched: Any, complete: Callable[[Any], Any], lines: int, phase: str) -> None:
    folder = complete(searched).write(lines=lines)
    assert summarize_folder(folder).phase == phase


def test_the_engine_s_own_word_ends_a_study(searched: Any, configs: dict[str, Any]) -> None:
    for block in range(2):
        searched.confirm(configs["good"], block, {"a": 0.7, "b": 0.7})
    searched.select(configs["good"])
    assert summarize_folder(searched.write()).phase == "test"
    searched.event("finished", failure="")
    searched.event("session", changed=[])  # a resume that found nothing to do
    searched.folder = searched.folder.with_name("over")
    assert summarize_folder(searched.write()).phase == "finished"
    searched.event("budget", trials=5)
    searched.folder = searched.folder.with_name("resumed")
    assert summarize_folder(searched.write()).phase == "search"


def test_a_study_killed_in_its_confirmation_compares_what_is_there(searched: Any, configs: dict[str, Any]) -> None:
    searched.confirm(configs["good"], 0, {"a": 0.7, "b": 0.7})
    searched.confirm(configs["other"], 0, {"a": 0.8, "b": 0.7})
    searched.confirm(configs["good"], 1, {"a": 0.7, "b": 0.7})
    comparison = compared(summarize_folder(searched.write()))
    assert (comparison.basis, comparison.is_fixed, comparison.yardstick.on_test) == ("confirmed", False, False)
    assert comparison.best.label == "search-0001"  # the other is better, but has one seed less
    assert comparison.best.n_seeds == 2
    other = comparison.rows[1]
    assert other.difference_to_best is not None
    assert (other.difference_to_best.n_blocks, other.difference_to_best.n_dropped) == (2, 2)


def test_without_confirmation_the_search_trials_stand_in(searched: Any, configs: dict[str, Any], metric: Any) -> None:
    searched.study["spec"] = {**searched.study["spec"], "confirm_top": 0}
    searched.select(configs["good"])
    searched.test("search-0001", metric(a=0.8, b=0.6), config=configs["good"])
    searched.test("search-0000", metric(a=0.5, b=0.5), config=configs["published"])
    searched.baseline("sum_of_squares", 0, metric(a=0.6, b=0.5))
    for block in range(3):
        searched.baseline("random", block, metric(a=0.2 + block / 10, b=0.1))
    summary = summarize_folder(searched.write())
    comparison = compared(summary)
    assert summary.phase == "finished"
    assert (comparison.basis, comparison.is_fixed, comparison.yardstick.on_test) == ("searched", True, True)
    assert [row.label for row in comparison.configurations] == ["search-0001", "search-0003", "published"]
    assert comparison.best.score is not None
    assert (comparison.best.score.mean, comparison.best.score.low) == (pytest.approx(0.7), None)
    assert {row.judgement for row in comparison.rows} == {"unjudged"}


def test_a_failed_seed_is_left_out_and_counted(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    study = make_study()
    study.search(configs["good"], [0.7, 0.7, 0.8])
    for block in range(3):
        study.confirm(configs["good"], block, {"a": 0.7, "b": 0.7}, metric(a=0.8 + block / 100, b=0.6))
        verdict = "the loss became nan in epoch 3" if block == 1 else "complete"
        tested = None if block == 1 else metric(a=0.6, b=0.5)
        study.confirm(configs["published"], block, {"a": 0.5, "b": 0.5}, tested, verdict=verdict)
    study.select(configs["good"])
    summary = summarize_folder(study.write())
    published = rows_of(summary)["published"]
    assert (published.n_seeds, published.n_failed) == (2, 1)
    assert published.difference_to_best is not None
    assert (published.difference_to_best.n_blocks, published.difference_to_best.n_dropped) == (4, 2)
    # Only seeds 0 and 2: a is 0.80 and 0.82 against 0.60.
    assert published.difference_to_best.mean == pytest.approx(-(0.21 + 0.1) / 2)
    assert summary.errors[0].trials == ("confirm-0003",)


def test_errors_that_differ_in_numbers_alone_are_one(make_study: Any, configs: dict[str, Any]) -> None:
    study = make_study()
    for number in range(3):
        study.search({**configs["good"], "window": 8 + number}, [0.1], f"the loss became nan in epoch {number}")
    study.search(configs["other"], [], "RuntimeError: out of memory at 0x7f3a")
    summary = summarize_folder(study.write())
    assert summary.phase == "failed"
    assert summary.comparison is None
    assert [(group.error, len(group.trials)) for group in summary.errors] == [
        ("the loss became nan in epoch 0", 3),
        ("RuntimeError: out of memory at 0x7f3a", 1),
    ]


def test_an_objective_that_is_minimised_turns_everything_round(make_study: Any, configs: dict[str, Any]) -> None:
    objective = {
        "name": "val_loss",
        "direction": "minimize",
        "primary_metric": "event_f1_pa_log",
        "description": "loss",
    }
    study = make_study(objective=objective)
    study.search(configs["published"], [3.0, 2.0, 2.0])
    study.search(configs["good"], [2.0, 1.0, 1.0])
    for block in range(3):
        study.confirm(configs["published"], block, {"a": 2.0, "b": 2.0 + block / 10})
        study.confirm(configs["good"], block, {"a": 1.0, "b": 1.0})
    study.event("selected", config_hash=study._events[-1]["trial"])  # of nothing: the best is found by its values
    summary = summarize_folder(study.write())
    comparison = compared(summary)
    assert not comparison.yardstick.higher_is_better
    assert comparison.best.label == "search-0001"
    assert comparison.rows[1].judgement == "worse"
    assert comparison.best.objective_difference_to_published is not None
    assert comparison.best.objective_difference_to_published.mean == pytest.approx(-1.05)
    assert any("chosen because it was low" in sentence for sentence in conclude(summary).sentences())


def test_search_after_the_test_was_opened_is_found(
    searched: Any, complete: Callable[[Any], Any], configs: dict[str, Any]
) -> None:
    study = complete(searched)
    study.event("session", changed=[])
    study.event("budget", trials=5)
    study.search({**configs["good"], "window": 8, "clip": 5.0}, [0.5, 0.6, 0.65])
    summary = summarize_folder(study.write())
    assert summary.search.after_test == ("search-0004",)
    assert summary.provenance.budget == 5
