"""Whole studies without a cluster: what is decided, and that nothing depends on when a driver dies."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.decide import ranked_search
from cluster.engine import Engine
from cluster.events import Event, EventLog, read_events
from cluster.state import StudyState
from search_spaces.asking import Asker
from search_spaces.space import SearchSpace
from tests.cluster.simulation import DEFAULTS, SPACE, Worker, begin, make_engine, make_plan, run, steps

N_TRIALS = 14
FEW_TRIALS = 12  # beyond the ten that TPE draws at random
FEW_CHECKS = 3


def _study(
    folder: Path, *, n_workers: int = 1, n_trials: int = N_TRIALS, n_checks: int = 0, **changes: Any
) -> tuple[Engine, EventLog]:
    engine, log = make_engine(folder, make_plan(**changes))
    begin(engine, n_trials, n_checks)
    assert run(engine, n_workers=n_workers).failure == ""
    return engine, log


def _content(event: Event) -> tuple[str, dict[str, Any]]:
    return event.kind, dict(event.fields)


def test_a_whole_study(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path)
    search = list(engine.state.of_stage("search"))
    assert len(search) == N_TRIALS
    assert {trial.status for trial in search} >= {"COMPLETED", "STOPPED"}
    assert search[0].config == DEFAULTS
    confirm = list(engine.state.of_stage("confirm"))
    assert len(confirm) == 6  # two best and the published one, two seeds each
    assert all(trial.tested for trial in confirm)
    assert {trial.arm for trial in confirm} == {"candidate", "published"}
    baselines = [trial.arm for trial in engine.state.of_stage("baseline")]
    assert baselines == ["sum_of_squares", "random", "random"]
    best = {trial.config_hash for trial in ranked_search(engine.state)[:2]}
    assert engine.state.selected in best | {engine.state.plan.hash_config(DEFAULTS)}


def test_the_best_variant_of_the_published_configuration_is_confirmed_beside_it(tmp_path: Path) -> None:
    """Kind "b" is the best and "c" the worst of the toy, whatever else the search finds."""
    variants = tuple({**DEFAULTS, "kind": kind} for kind in ("b", "c"))
    engine, _ = _study(tmp_path, rungs=(), listed=(DEFAULTS, *variants), variants=variants)
    confirm = list(engine.state.of_stage("confirm"))
    assert {trial.arm for trial in confirm} >= {"published", "published_variant"}
    assert {trial.config["kind"] for trial in confirm if trial.arm == "published_variant"} == {"b"}
    search = list(engine.state.of_stage("search"))
    assert [trial.config for trial in search[:3]] == [DEFAULTS, *variants]
    sources = [event.fields["source"] for event in read_events(tmp_path / "events") if event.kind == "asked"]
    assert sources[:4] == ["published", "published_variant", "published_variant", "sampler"]


def test_no_variant_is_confirmed_where_the_published_preparation_is_the_best(tmp_path: Path) -> None:
    variants = ({**DEFAULTS, "kind": "c"},)
    engine, _ = _study(tmp_path, rungs=(), listed=(DEFAULTS, *variants), variants=variants)
    confirmed = {trial.arm: trial.config["kind"] for trial in engine.state.of_stage("confirm")}
    assert confirmed["published"] == "a"
    assert "published_variant" not in confirmed


def test_the_test_split_is_opened_after_the_winner_is_fixed(tmp_path: Path) -> None:
    _study(tmp_path)
    kinds = [event.kind for event in read_events(tmp_path / "events")]
    assert kinds.index("selected") < kinds.index("test_opened") < kinds.index("tested")
    assert "reported" not in kinds[kinds.index("test_opened") :]


def test_the_winner_is_tested_first_and_the_published_configuration_next(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path)
    tested = [event.fields["trial"] for event in read_events(tmp_path / "events") if event.kind == "tested"]
    hashes = [trial.config_hash for name in tested if (trial := engine.state.trials[name]).stage == "confirm"]
    expected = dict.fromkeys([engine.state.selected, engine.state.plan.hash_config(DEFAULTS), *hashes])
    assert list(dict.fromkeys(hashes)) == list(expected)


def test_confirmation_seeds_are_shared_and_fresh(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path)
    by_config: dict[str, list[int]] = {}
    for trial in engine.state.of_stage("confirm"):
        by_config.setdefault(trial.config_hash, []).append(trial.seed)
    assert len({tuple(seeds) for seeds in by_config.values()}) == 1
    searched = {trial.seed for trial in engine.state.of_stage("search")}
    assert searched.isdisjoint(next(iter(by_config.values())))


def test_idle_workers_confirm_the_published_configuration_ahead(tmp_path: Path) -> None:
    """One long trial is left of the search; the other worker does not wait for it."""
    engine, _ = make_engine(tmp_path, make_plan(rungs=()))
    begin(engine, 2)
    first, second = Worker(engine.next_segment()), Worker(engine.next_segment())
    while engine.report(second.step()) == "continue":
        pass
    ahead = engine.next_segment()
    assert (ahead.trial_id, dict(ahead.config)) == ("confirm-0000", DEFAULTS)
    while engine.report(first.step()) == "continue":
        pass
    worker = Worker(ahead)
    while engine.report(worker.step()) == "continue":
        pass
    assert run(engine).failure == ""
    runs = [(trial.config_hash, trial.seed) for trial in engine.state.of_stage("confirm")]
    assert len(runs) == len(set(runs))


def test_a_stopped_trial_is_never_a_candidate(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, n_trials=30)
    stopped = {trial.config_hash for trial in engine.state.of_stage("search") if trial.status == "STOPPED"}
    published = engine.state.plan.hash_config(DEFAULTS)
    assert {trial.config_hash for trial in engine.state.of_stage("confirm")} - {published} <= {
        trial.config_hash for trial in engine.state.of_stage("search") if trial.status == "COMPLETED"
    }
    assert stopped


def test_a_trial_that_stops_by_itself_is_complete_and_later_ones_must_pass_it(tmp_path: Path) -> None:
    """The published configuration, the best of all, is over after two epochs of nine; one rung lies beyond them."""
    plan = make_plan(listed=(dict(DEFAULTS) | {"patience_ends": 2},), published=dict(DEFAULTS) | {"patience_ends": 2})
    space = dataclasses.replace(SPACE, defaults=DEFAULTS | {"patience_ends": 2})
    engine, _ = make_engine(tmp_path, plan, space=space)
    begin(engine, 1)
    assert run(engine).failure == ""
    first = engine.state.trials["search-0000"]
    assert (first.status, first.epoch, first.value) == ("COMPLETED", 2, first.values[2])
    confirmed = list(engine.state.of_stage("confirm"))
    assert {(trial.status, trial.epoch) for trial in confirmed} == {("COMPLETED", 2)}
    assert all(trial.tested for trial in confirmed)
    search = ("search", None)
    assert engine.state._rung_values == {(search, 1): [first.values[1]], (search, 3): [first.values[2]]}


def test_a_failed_trial_is_a_row_and_counts_as_a_trial(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, n_trials=40, rungs=())
    failed = [trial for trial in engine.state.of_stage("search") if trial.status == "FAILED"]
    assert failed
    assert all("nan" in trial.error for trial in failed)
    assert sum(1 for _ in engine.state.of_stage("search")) == 40


def test_minimizing_turns_everything_round(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, maximize=False, rungs=())
    ranked = ranked_search(engine.state)
    assert [trial.value for trial in ranked] == sorted(trial.value for trial in ranked)


def test_without_confirmation_the_best_of_the_search_and_the_published_one_are_tested(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, confirm_top=0)
    assert not list(engine.state.of_stage("confirm"))
    best = ranked_search(engine.state)[0]
    assert engine.state.selected == best.config_hash
    tested = {trial.trial_id for trial in engine.state.of_stage("search") if trial.tested}
    expected = {best.trial_id}
    if engine.state.trials["search-0000"].status == "COMPLETED":
        expected.add("search-0000")
    assert tested == expected


def test_no_configuration_is_searched_twice(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, n_trials=40, n_workers=3)
    hashes = [trial.config_hash for trial in engine.state.of_stage("search")]
    assert len(hashes) == len(set(hashes)) == 40


def test_a_small_space_ends_the_search_early_and_says_so(tmp_path: Path) -> None:
    def suggest(trial: Asker) -> dict[str, object]:
        return {"kind": trial.suggest_categorical("kind", ("a", "b", "c")), "rate": 0.1}

    space = SearchSpace(name="toy", family="toy", description="", suggest=suggest, defaults=DEFAULTS)
    engine, _ = make_engine(tmp_path, make_plan(), space=space)
    begin(engine, 10)
    assert run(engine).failure == ""
    assert sum(1 for _ in engine.state.of_stage("search")) == 3
    assert engine.state.exhausted


def test_a_study_without_an_answer_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "step", _fail)
    engine, _ = make_engine(tmp_path, make_plan())
    begin(engine, 3)
    assert "no trial reached full fidelity" in run(engine).failure


def _fail(self: Worker) -> dict[str, Any]:
    return {"trial": self.segment.trial_id, "attempt": self.segment.attempt, "work": self.segment.work,
            "step_s": 0.1, "failed": "boom"}  # fmt: skip


def test_a_larger_budget_goes_on_and_keeps_what_was_confirmed(tmp_path: Path) -> None:
    engine, log = _study(tmp_path)
    before = {trial.trial_id for trial in engine.state.trials.values()}
    log.close()
    engine, _ = make_engine(tmp_path, make_plan())
    begin(engine, N_TRIALS + 6)
    run(engine)
    assert sum(1 for _ in engine.state.of_stage("search")) == N_TRIALS + 6
    runs = [(trial.config_hash, trial.seed) for trial in engine.state.of_stage("confirm")]
    assert len(runs) == len(set(runs))
    assert before <= engine.state.trials.keys()


def test_the_objective_is_checked_after_the_test_on_random_configurations_at_full_fidelity(tmp_path: Path) -> None:
    engine, log = _study(tmp_path, n_workers=3, n_checks=8)
    kinds = [(event.kind, event.fields.get("stage")) for event in read_events(tmp_path / "events")]
    assert kinds.index(("asked", "validity")) > kinds.index(("test_opened", None))
    checks = list(engine.state.of_stage("validity"))
    assert len({trial.config_hash for trial in checks}) == len(checks) == 8
    assert {trial.status for trial in checks} <= {"COMPLETED", "FAILED"}  # none is stopped
    assert all(trial.tested for trial in checks if trial.status == "COMPLETED")
    assert len({trial.seed for trial in engine.state.trials.values() if trial.stage != "confirm"}) == 8 + N_TRIALS + 2
    winner = engine.state.selected
    log.close()
    engine, _ = make_engine(tmp_path, make_plan())
    begin(engine, N_TRIALS, 10)  # more of them later: the first ones stay
    run(engine)
    assert [trial.config for trial in engine.state.of_stage("validity")][:8] == [trial.config for trial in checks]
    assert sum(1 for _ in engine.state.of_stage("validity")) == 10
    assert engine.state.selected == winner


def test_what_is_drawn_to_check_the_objective_depends_on_the_seed_alone(tmp_path: Path) -> None:
    few, _ = _study(tmp_path / "few", n_trials=2, n_checks=4)
    many, _ = _study(tmp_path / "many", n_workers=2, n_checks=4)
    drawn = [[(trial.config, trial.seed) for trial in engine.state.of_stage("validity")] for engine in (few, many)]
    assert drawn[0] == drawn[1]


def test_seeds_of_a_random_configuration_follow_each_other(tmp_path: Path) -> None:
    one, _ = _study(tmp_path / "one", n_trials=2, n_checks=3)
    two, log = _study(tmp_path / "two", n_trials=2, n_checks=3, check_seeds=2, n_workers=2)
    drawn = [trial.config_hash for trial in one.state.of_stage("validity")]
    twice = list(two.state.of_stage("validity"))
    assert [trial.config_hash for trial in twice] == [name for name in drawn for _ in range(2)]
    assert len({trial.seed for trial in twice}) == 6
    log.close()


def test_a_small_space_ends_the_check_early(tmp_path: Path) -> None:
    def suggest(trial: Asker) -> dict[str, object]:
        return {"kind": trial.suggest_categorical("kind", ("a", "b", "c")), "rate": 0.1}

    space = SearchSpace(name="toy", family="toy", description="", suggest=suggest, defaults=DEFAULTS)
    engine, _ = make_engine(tmp_path, make_plan(), space=space)
    begin(engine, 3, 10)
    assert run(engine).failure == ""
    assert sum(1 for _ in engine.state.of_stage("validity")) == 3


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class KillingLog(EventLog):
    """Dies when the log reaches a length: before the event is on disk, in the middle of its line, or right after."""

    def __init__(self, folder: Path, *, at: int, how: str) -> None:
        super().__init__(folder)
        self._at, self._how = at, how

    def append(self, kind: str, fields: Any) -> Event:
        if self._next_seq != self._at:
            return super().append(kind, fields)
        if self._how == "after":
            super().append(kind, fields)
        if self._how == "torn":
            line = Event(seq=self._next_seq, time=0.0, kind=kind, fields=fields).to_line().encode()
            self._file.write(line[: len(line) // 2])
            self._file.flush()
        raise Killed


def _run_with_a_kill(folder: Path, at: int, how: str) -> tuple[Engine, list[Event]]:
    engine, log = make_engine(folder, make_plan())
    log.close()
    log = KillingLog(folder / "events", at=at, how=how)
    engine._log = log
    with pytest.raises(Killed):
        begin(engine, FEW_TRIALS, FEW_CHECKS)
        run(engine)
    log.close()
    engine, log = make_engine(folder, make_plan())
    begin(engine, FEW_TRIALS, FEW_CHECKS)
    run(engine)
    log.close()
    return engine, read_events(folder / "events")


@pytest.mark.parametrize(("how", "first"), [("before", 0), ("torn", 2), ("after", 4)])
def test_killed_at_an_event_the_rest_equals_an_unbroken_run(tmp_path: Path, how: str, first: int) -> None:
    """Every sixth event of each kind of death here; all of them in the slow test below."""
    _compare_with_unbroken(tmp_path, how, first, step=6)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["before", "torn", "after"])
def test_killed_at_any_event_the_rest_equals_an_unbroken_run(tmp_path: Path, how: str) -> None:
    _compare_with_unbroken(tmp_path, how, first=0, step=1)


def _compare_with_unbroken(tmp_path: Path, how: str, first: int, step: int) -> None:
    """One worker: suggestions, values, stops, winner and their order are those of a run that nobody killed."""
    engine, log = _study(tmp_path / "unbroken", n_trials=FEW_TRIALS, n_checks=FEW_CHECKS)
    log.close()
    unbroken = read_events(tmp_path / "unbroken" / "events")
    decisive = ("asked", "reported", "decided", "failed", "selected", "test_opened", "tested")
    expected = [_strip(event) for event in unbroken if event.kind in decisive]
    for at in range(first, len(unbroken), step):
        resumed, events = _run_with_a_kill(tmp_path / f"{how}-{at}", at, how)
        assert [_strip(event) for event in events if event.kind in decisive] == expected, f"killed {how} event {at}"
        assert resumed.state.selected == engine.state.selected


def _strip(event: Event) -> tuple[str, dict[str, Any]]:
    """Leave out what a second attempt may change: its number."""
    return event.kind, {name: value for name, value in event.fields.items() if name != "attempt"}


@pytest.mark.parametrize("seed", range(12))
def test_killed_again_and_again_with_many_workers(tmp_path: Path, seed: int) -> None:
    """Several workers and several kills, at random: the asked number of trials, every report once, no run twice."""
    rng = np.random.default_rng(seed)
    while True:
        engine, log = make_engine(tmp_path, make_plan())
        try:
            begin(engine, N_TRIALS, FEW_CHECKS)
            driving = steps(engine, n_workers=4, rng=rng)
            for _ in range(int(rng.integers(5, 40))):
                if next(driving) is not None:
                    break
            else:
                continue
            break
        finally:
            log.close()
    events = read_events(tmp_path / "events")
    reports = [(event.fields["trial"], event.fields["epoch"]) for event in events if event.kind == "reported"]
    assert len(reports) == len(set(reports))
    tested = [event.fields["trial"] for event in events if event.kind == "tested"]
    assert len(tested) == len(set(tested))
    runs = [(trial.stage, trial.config_hash, trial.seed) for trial in engine.state.trials.values()]
    assert len(runs) == len(set(runs))
    assert sum(1 for _ in engine.state.of_stage("search")) == N_TRIALS
    assert sum(1 for _ in engine.state.of_stage("validity")) == FEW_CHECKS
    assert not engine.state.unfinished


def test_a_lost_worker_s_trial_is_handed_out_again_from_its_checkpoint(tmp_path: Path) -> None:
    engine, _ = make_engine(tmp_path, make_plan(rungs=(2,)))
    begin(engine, 1)
    segment = engine.next_segment()
    worker = Worker(segment)
    for _ in range(3):
        assert engine.report(worker.step()) == "continue"
    engine.lose(segment.trial_id, "the node burnt down")
    again = engine.next_segment()
    assert (again.trial_id, again.attempt, again.from_epoch) == (segment.trial_id, 2, 2)
    repeated = Worker(again)
    assert engine.report(repeated.step()) == "continue"  # epoch 3 again: the first record stands
    assert engine.report(worker.step()) == "stop"  # the old worker turns up after all
    assert sorted(engine.state.trials[segment.trial_id].values) == [1, 2, 3]


def test_a_trial_that_loses_every_worker_is_given_up(tmp_path: Path) -> None:
    engine, _ = make_engine(tmp_path, make_plan())
    begin(engine, 1)
    for _ in range(3):
        segment = engine.next_segment()
        engine.lose(segment.trial_id, "gone")
    assert engine.state.trials["search-0000"].status == "LOST"
    assert run(engine).failure != ""


def test_a_bad_checkpoint_is_not_used_again(tmp_path: Path) -> None:
    engine, _ = make_engine(tmp_path, make_plan(rungs=(1, 3)))
    begin(engine, 1)
    segment = engine.next_segment()
    worker = Worker(segment)
    for _ in range(4):
        engine.report(worker.step())
    engine.lose(segment.trial_id, "gone")
    second = engine.next_segment()
    assert second.from_epoch == 3
    lost = {"trial": second.trial_id, "attempt": 2, "work": "train", "lost": "cannot be read", "bad_checkpoint": 3}
    assert engine.report(lost) == "stop"
    assert engine.next_segment().from_epoch == 1


def test_a_missing_checkpoint_file_means_an_earlier_one(tmp_path: Path) -> None:
    engine, _ = make_engine(tmp_path, make_plan(rungs=(1, 3)))
    begin(engine, 1)
    segment = engine.next_segment()
    worker = Worker(segment)
    for _ in range(4):
        engine.report(worker.step())
    (Path(segment.checkpoint_folder) / "epoch-00003.pt").unlink()
    engine.lose(segment.trial_id, "gone")
    assert engine.next_segment().from_epoch == 1


def test_observers_follow_and_replayed_state_equals_the_live_one(tmp_path: Path) -> None:
    seen: list[int] = []

    class Recorder:
        def apply(self, event: Event, state: StudyState) -> None:
            seen.append(event.seq)

        def close(self) -> None: ...

    engine, log = make_engine(tmp_path, make_plan(), observers=(Recorder(),))
    begin(engine, N_TRIALS)
    run(engine, n_workers=2)
    log.close()
    assert seen == list(range(len(seen)))
    replayed, _ = make_engine(tmp_path, make_plan())
    assert replayed.state.trials == engine.state.trials
    assert replayed.state.selected == engine.state.selected
    assert replayed.state._rung_values == engine.state._rung_values
