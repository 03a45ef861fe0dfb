"""How well objectives rank, on folders whose numbers were worked out by hand (see ``conftest.py``)."""

from collections.abc import Callable
from typing import Any

import pytest

from analysis.records import read_records
from analysis.report import write_report
from analysis.validity import check_objectives

# The study's own objective swaps one pair of neighbours, the label-free one is backwards; of the loss less is better.
CHECKS = [
    {"labelled_event_f1": 0.2, "log_gap": 3.0, "val_loss": 0.9},
    {"labelled_event_f1": 0.1, "log_gap": 2.0, "val_loss": 0.8},
    {"labelled_event_f1": 0.4, "log_gap": 1.0, "val_loss": 0.7},
    {"labelled_event_f1": 0.9, "log_gap": 0.5, "val_loss": 0.6},
    {"labelled_event_f1": 0.8, "log_gap": 0.1, "val_loss": 0.5},
]
SCORES = [0.1, 0.2, 0.3, 0.5, 0.9]


def _checked(study: Any, n: int = 5) -> Any:
    study.event("budget", trials=4, checks=n)
    for window, (objectives, score) in enumerate(list(zip(CHECKS, SCORES, strict=True))[:n], start=20):
        study.check(window, objectives, score)
    study.event("finished", failure="")
    return study


def test_every_objective_is_ranked_in_its_own_direction(searched: Any, complete: Callable[[Any], Any]) -> None:
    check = check_objectives(read_records(_checked(complete(searched)).write()))
    assert check is not None
    assert (check.metric, check.n_asked, check.n) == ("event_f1_pa_log", 5, 5)
    assert (check.best, check.mean) == (0.9, pytest.approx(0.4))
    found = {ranking.objective: ranking for ranking in check.rankings}
    assert list(found) == ["labelled_event_f1", "log_gap", "val_loss"]
    values = {name: ranking.correlation.value for name, ranking in found.items() if ranking.correlation}
    # Two swapped pairs of neighbours: 1 - 6 * 4 / (5 * 24) = 0.8.
    assert values == {
        "labelled_event_f1": pytest.approx(0.8),
        "log_gap": pytest.approx(-1),
        "val_loss": pytest.approx(1),
    }
    assert {name: ranking.chosen for name, ranking in found.items()} == {
        "labelled_event_f1": 0.5,
        "log_gap": 0.1,
        "val_loss": 0.9,
    }
    assert [name for name, ranking in found.items() if ranking.is_searched] == ["labelled_event_f1"]


def test_seeds_are_averaged_before_anything_is_ranked(searched: Any, complete: Callable[[Any], Any]) -> None:
    study = complete(searched)
    study.event("budget", trials=4, checks=2)
    # Mean 0.3 against 0.4 and 0.5 against 0.6: seed by seed the order would be another.
    for window, own, score in ((20, 0.1, 0.9), (20, 0.5, 0.1), (21, 0.3, 0.6), (21, 0.5, 0.6)):
        study.check(window, {"labelled_event_f1": own}, score)
    check = check_objectives(read_records(study.write()))
    assert check is not None
    assert (check.n_asked, check.n) == (2, 2)
    assert check.searched is not None
    assert sorted(check.searched.points) == [(pytest.approx(0.3), 0.5), (pytest.approx(0.4), 0.6)]


def test_series_that_contradict_each_other_are_told_apart(searched: Any, complete: Callable[[Any], Any]) -> None:
    study = complete(searched)
    study.event("budget", trials=4, checks=5)
    for number in range(5):
        study.check(20 + number, {"labelled_event_f1": number / 10}, {"a": number / 10, "b": 0.5 - number / 10})
    check = check_objectives(read_records(study.write()))
    assert check is not None
    assert check.searched is not None
    found = {name: one.value for name, one in check.searched.by_series.items() if one is not None}
    assert found == {"a": pytest.approx(1), "b": pytest.approx(-1)}
    assert check.searched.correlation is None  # the means are all the same


def test_an_objective_that_ranks_by_the_preparation_of_the_data_alone_is_seen_through(
    searched: Any, complete: Callable[[Any], Any]
) -> None:
    study = complete(searched)
    study.event("budget", trials=4, checks=8)
    for number in range(8):
        place, clip = number % 4, (5.0, None)[number // 4]
        study.check(20 + number, {"labelled_event_f1": number // 4 - place / 10}, number // 4 + place / 10, clip=clip)
    study.event("finished", failure="")
    report = write_report(study.write())
    (sentence,) = [line for line in report.verdict if line.startswith("Does labelled_event_f1 rank")]
    assert "is +0.52" in sentence
    assert "Among configurations with the same clip it is -1.00" in sentence
    assert "At the same clip" in report.html.read_text()


def test_the_report_says_what_the_objective_is_worth(searched: Any, complete: Callable[[Any], Any]) -> None:
    report = write_report(_checked(complete(searched)).write())
    (sentence,) = [line for line in report.verdict if line.startswith("Does labelled_event_f1 rank")]
    assert "Cannot be told yet: over 5 random configurations" in sentence
    assert "+0.80 [" in sentence
    assert "gives 0.500; their mean is 0.400, the best of them 0.900" in sentence
    titles = [threat["title"] for threat in report.summary["threats"]]
    assert "The objective may not rank" in titles  # five configurations leave room for none
    assert "Whether the objective ranks was not measured" not in titles
    page = report.html.read_text()
    assert 'id="check"' in page
    assert "log_gap" in page
    table = (report.html.parent / "tables" / "objective_check.csv").read_text().splitlines()
    assert len(table) == 1 + 3 * 3  # three objectives, each over the means and on two series
    first = table[1].split(",")
    assert first[:5] == ["labelled_event_f1", "True", "event_f1_pa_log", "", "5"]
    assert float(first[5]) == pytest.approx(0.8)
    assert (report.html.parent / "figures" / "objective-check.svg").exists()
    assert "Does the objective rank?" in (report.html.parent / "report.md").read_text()


def test_a_backwards_objective_is_called_so(searched: Any, complete: Callable[[Any], Any]) -> None:
    study = complete(searched)
    study.event("budget", trials=4, checks=20)
    for number in range(20):
        study.check(20 + number, {"labelled_event_f1": 1 - number / 20}, number / 20)
    study.event("finished", failure="")
    report = write_report(study.write())
    (sentence,) = [line for line in report.verdict if line.startswith("Does labelled_event_f1 rank")]
    assert "Backwards: over 20 random configurations" in sentence


def test_a_check_that_is_not_over_is_no_unfinished_answer(searched: Any, complete: Callable[[Any], Any]) -> None:
    study = complete(searched)
    study.event("budget", trials=4, checks=5)
    study.check(20, CHECKS[0], SCORES[0])
    report = write_report(study.write())
    assert report.summary["phase"] == "check"
    assert report.summary["check"] is None
    assert report.verdict[0].startswith("Best configuration: ")
    assert any("the check of the objective is not over" in line for line in report.verdict)
