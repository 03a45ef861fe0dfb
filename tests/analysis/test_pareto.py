"""Fronts of score and cost, worked by hand on the toy study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.contenders import compare
from analysis.pareto import Front, find_fronts
from analysis.records import read_records


def fronts_of(folder: Path) -> dict[tuple[str, str], Front]:
    records = read_records(folder)
    comparison = compare(records)
    assert comparison is not None
    return {(front.score, front.cost): front for front in find_fronts(records, comparison)}


def standings(front: Front) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {point.label: (point.standing, point.dominated_by) for point in front.points}


def test_an_equal_score_for_fewer_parameters_dominates_within_noise(finished: Path) -> None:
    """The good one (1000 parameters) and the other (400) both have 0.72 on the test part, the published one 0.56."""
    front = fronts_of(finished)["event_f1_pa_log", "n_params"]
    assert front.on_test
    assert [point.cost for point in front.points] == [400, 1000, 1000]
    assert standings(front) == {
        "search-0003": ("front", ()),
        "search-0001": ("dominated within noise", ("search-0003",)),
        "published": ("dominated", ("search-0003", "search-0001")),
    }


def test_equal_on_both_is_not_dominated(finished: Path) -> None:
    """Every latency is 1.25 ms."""
    front = fronts_of(finished)["event_f1_pa_log", "latency_p50_ms"]
    assert standings(front)["search-0001"] == ("front", ())
    assert standings(front)["search-0003"] == ("front", ())
    assert standings(front)["published"][0] == "dominated"
    assert {(point.cost_low, point.cost_high) for point in front.points} == {(1.25, 1.25)}


def test_the_objective_stands_beside_trials_of_the_search(finished: Path) -> None:
    """Objectives on fresh seeds are 0.72, 0.69 and 0.5; the stopped trial of the search is not there."""
    front = fronts_of(finished)["labelled_event_f1", "n_params"]
    assert {label: standing for label, (standing, _) in standings(front).items()} == {
        "search-0001": "front",
        "search-0003": "front",
        "published": "dominated",
    }
    assert sorted(front.searched) == [(1000, 0.5), (1000, 0.7), (1000, 0.8)]


def test_an_error_is_better_when_lower(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    for name, value in (("published", 0.5), ("good", 0.3)):
        study.search(configs[name], [value] * 3)
    trials = []
    for block in range(3):
        for name, value in (("good", 0.3), ("published", 0.5)):
            values = {"a": value + 0.01 * block, "b": value}
            trials.append((study.confirm(configs[name], block, values), configs[name], values))
    study.select(configs["good"])
    for trial, config, values in trials:
        study.test(trial, {"mse": values}, config=config)
    front = fronts_of(study.write())["mse", "n_params"]
    assert not front.higher_is_better
    assert standings(front) == {"search-0001": ("front", ()), "published": ("dominated", ("search-0001",))}


def test_a_seed_that_failed_does_not_count(
    searched: Any, complete: Callable[[Any], Any], configs: dict[str, Any]
) -> None:
    study = complete(searched)
    study.confirm(configs["other"], 3, {"a": 0.9, "b": 0.9}, verdict="ValueError: diverged", n_params=1)
    point = next(
        one for one in fronts_of(study.write())["event_f1_pa_log", "n_params"].points if one.label == "search-0003"
    )
    assert (point.cost, point.cost_low, point.score.n_blocks) == (400, 400, 6)


def test_without_confirmation_there_is_no_front(searched: Any) -> None:
    assert fronts_of(searched.write()) == {}
