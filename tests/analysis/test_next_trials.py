"""What to run next after a search: only what its rows support, with costs worked by hand.

An epoch of the toy study takes 2.5 s, a trial of the search 7.5 s, a confirmed one with its test 8.5 s.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.next_runs import NextRun
from analysis.next_trials import find_folder, suggest_trials
from analysis.records import read_records
from analysis.summary import summarize


def suggest(folder: Path) -> list[NextRun]:
    records = read_records(folder)
    return list(suggest_trials(records, summarize(records)))


def test_a_search_that_found_its_best_early(finished: Path) -> None:
    check, ablation = suggest(finished)
    assert check.command == "python launch.py --resume results/toy --check-objective 20"
    assert check.minutes == pytest.approx(20 * 7.5 / 60)
    assert (
        check.why
        == "Whether labelled_event_f1 ranks configurations as event F1 (log) does was not checked on these data."
    )
    assert ablation.command == "python launch.py --space toy --ablate all --from results/toy --seeds 5"
    assert ablation.minutes is None
    assert "search-0001 differs from the published configuration in 2 parameters" in ablation.why
    assert "about 0.7 trial-minutes" in ablation.why  # 5 * 8.5 s


def test_a_best_found_late_asks_for_more_trials(
    make_study: Any, complete: Callable[[Any], Any], configs: dict[str, Any]
) -> None:
    study = make_study()
    study.search(configs["published"], [0.3, 0.4, 0.5])
    study.search({**configs["good"], "window": 8}, [0.2], "stop")
    study.search(configs["other"], [0.5, 0.6, 0.7])
    study.search(configs["good"], [0.6, 0.7, 0.8])
    more = suggest(complete(study).write())[0]
    assert more.command == "python launch.py --resume results/toy --trials 8"
    assert more.minutes == pytest.approx((3 * 7.5 + 2.5) / 60)
    assert more.why.startswith("The best trial of the search was number 4 of 4, in its last third")


def test_a_study_that_is_not_over_is_to_be_resumed(searched: Any) -> None:
    (run,) = suggest(searched.write())
    assert (run.why, run.command) == (
        "The study is not over (confirmation).",
        "python launch.py --resume results/toy",
    )


def test_after_a_failed_study_nothing_is_suggested(make_study: Any, configs: dict[str, Any]) -> None:
    study = make_study()
    study.search(configs["good"], [0.1], "ValueError: diverged")
    assert suggest(study.write()) == []


@pytest.mark.parametrize(("rising", "commands"), [(True, 0), (False, 1)])
def test_a_check_that_decides_nothing_is_to_go_on(
    searched: Any, complete: Callable[[Any], Any], rising: bool, commands: int
) -> None:
    study = complete(searched)
    for place in range(8):
        objective = 0.1 * place if rising else 0.1 * (place % 2)
        study.check(8 + place, {"labelled_event_f1": objective, "log_gap": 0.0, "val_loss": 1.0}, 0.05 * place)
    found = [run for run in suggest(study.write()) if "--check-objective" in run.command]
    assert len(found) == commands
    for run in found:
        assert run.command.endswith("--check-objective 16")
        assert run.minutes == pytest.approx(8 * 7.5 / 60)
        assert "over 8 random configurations is" in run.why


@pytest.mark.parametrize(
    "command", [["launch.py", "--results", "/data/runs/", "--space", "toy"], ["launch.py", "--results=/data/runs"]]
)
def test_the_folder_is_where_the_study_was_started(make_study: Any, command: list[str]) -> None:
    assert find_folder(read_records(make_study(command=command).write())) == "/data/runs/toy"
