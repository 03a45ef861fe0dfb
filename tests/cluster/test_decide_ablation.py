"""Whole ablations without a cluster: arms in blocks, searches of arms, paths, more seeds, and drivers that die."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.engine import Engine
from cluster.events import Event, EventLog, read_events
from cluster.plan import AblationPlan, FrozenArm, Plan, RetunedArm, count_runs
from tests.cluster.simulation import DEFAULTS, begin, make_engine, make_plan, run, steps

BASE = {**DEFAULTS, "kind": "b", "rate": 0.03}
N_SEEDS = 2


def _plan(*, retune: int = 0, searches: int = 1, path: bool = False, **changes: Any) -> Plan:
    shallow, other = {**BASE, "depth": 1}, {**BASE, "kind": "c", "depth": 2}
    frozen = (
        FrozenArm(name="base", factor=None, level=None, config=BASE),
        FrozenArm(name="depth=1", factor="depth", level="1", config=shallow),
        FrozenArm(name="kind=c", factor="kind", level="c", config=other),
    )
    retuned = (
        RetunedArm(name="base", factor=None, level=None, config=BASE, fixed=()),
        RetunedArm(name="kind=c", factor="kind", level="c", config=other, fixed=("kind",)),
    )
    differing = ("rate", "kind") if path else ()
    ablation = AblationPlan(
        frozen=frozen,
        retuned=retuned if retune else (),
        retune_trials=retune,
        searches=searches,
        path=differing,
        path_singles={name: {**DEFAULTS, name: BASE[name]} for name in differing},
        path_settle=dict,
        base=BASE,
        looks=3,
    )
    phases = {"phases": ("ablate", "test", "look"), "search_series": ("s1", "s2"), "ablation": ablation}
    return make_plan(**(phases | changes))


def _study(folder: Path, plan: Plan, *, n_workers: int = 1, n_seeds: int = N_SEEDS) -> tuple[Engine, EventLog]:
    engine, log = make_engine(folder, plan)
    begin(engine, 0, n_seeds=n_seeds)
    assert run(engine, n_workers=n_workers).failure == ""
    return engine, log


def _runs(engine: Engine) -> set[tuple[str, str | None]]:
    return {(trial.arm, trial.block) for trial in engine.state.of_stage("ablate_frozen")}


def test_every_arm_has_every_block_and_is_tested(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, _plan())
    assert _runs(engine) == {(arm, f"seed-{k}") for arm in ("base", "depth=1", "kind=c") for k in range(N_SEEDS)}
    trials = list(engine.state.of_stage("ablate_frozen"))
    assert all(trial.status == "COMPLETED" and trial.tested for trial in trials)
    by_block: dict[str | None, set[int]] = {}
    for trial in trials:
        by_block.setdefault(trial.block, set()).add(trial.seed)
    assert [len(seeds) for seeds in by_block.values()] == [1, 1]  # one seed for all arms of a block
    assert len(set.union(*by_block.values())) == N_SEEDS
    assert {trial.series for trial in trials} == {("s1", "s2")}
    assert [trial.arm for trial in engine.state.of_stage("baseline")] == ["sum_of_squares", "random", "random"]


def test_blocks_are_whole_before_the_next_begins(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, _plan())
    assert [trial.block for trial in engine.state.of_stage("ablate_frozen")] == ["seed-0"] * 3 + ["seed-1"] * 3


def test_looks_are_on_record_and_more_seeds_keep_the_blocks_there_are(tmp_path: Path) -> None:
    engine, log = _study(tmp_path, _plan())
    assert engine.state.looked_at == [N_SEEDS]
    before = {name: trial.values for name, trial in engine.state.trials.items()}
    log.close()
    engine, log = make_engine(tmp_path, _plan())
    begin(engine, 0, n_seeds=5)
    run(engine)
    assert engine.state.looked_at == [N_SEEDS, 5]
    assert {name: engine.state.trials[name].values for name in before} == before
    assert _runs(engine) == {(arm, f"seed-{k}") for arm in ("base", "depth=1", "kind=c") for k in range(5)}
    assert sum(trial.arm == "random" for trial in engine.state.of_stage("baseline")) == 5
    log.close()
    engine, _ = make_engine(tmp_path, _plan())
    begin(engine, 0, n_seeds=5)
    run(engine)
    assert engine.state.looked_at == [N_SEEDS, 5]  # looking again at the same blocks is no further look


def test_a_failed_arm_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    plan = _plan()
    assert plan.ablation is not None
    wild = FrozenArm(name="rate=0.9", factor="rate", level="0.9", config={**BASE, "rate": 0.9})
    ablation = dataclasses.replace(plan.ablation, frozen=(*plan.ablation.frozen, wild))
    engine, _ = _study(tmp_path, dataclasses.replace(plan, ablation=ablation))
    failed = [trial for trial in engine.state.of_stage("ablate_frozen") if trial.status == "FAILED"]
    assert [trial.arm for trial in failed] == ["rate=0.9"] * N_SEEDS
    assert all(trial.error and not trial.tested for trial in failed)
    assert engine.state.looked_at == [N_SEEDS]


def test_every_search_of_every_arm_has_the_same_number_of_trials(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, _plan(retune=6, searches=2), n_workers=2)
    groups: dict[Any, list[Any]] = {}
    for trial in engine.state.of_stage("search"):
        groups.setdefault(trial.group, []).append(trial)
    assert {group: len(trials) for group, trials in groups.items()} == {
        (arm, f"search-{k}"): 6 for arm in ("base", "kind=c") for k in range(2)
    }
    assert all(trial.config["kind"] == "c" for trial in groups[("kind=c", "search-0")])
    first = {group: trials[0].config for group, trials in groups.items()}
    assert first[("base", "search-1")] == BASE  # a search begins with the arm as it is
    configs = {group: {trial.config_hash for trial in trials} for group, trials in groups.items()}
    assert configs[("base", "search-0")] != configs[("base", "search-1")]  # independent searches
    seeds = {group: [trial.seed for trial in trials] for group, trials in groups.items()}
    assert seeds[("base", "search-0")] == seeds[("kind=c", "search-0")]


def test_what_a_search_found_runs_under_the_seeds_of_the_blocks(tmp_path: Path) -> None:
    engine, _ = _study(tmp_path, _plan(retune=5, searches=2), n_workers=3)
    retuned = list(engine.state.of_stage("ablate_retuned"))
    assert {(trial.arm, trial.block) for trial in retuned} == {
        (arm, f"search-{k}/seed-{j}") for arm in ("base", "kind=c") for k in range(2) for j in range(N_SEEDS)
    }
    frozen_seeds = {trial.seed for trial in engine.state.of_stage("ablate_frozen")}
    assert {trial.seed for trial in retuned} == frozen_seeds
    for trial in retuned:
        search = (trial.block or "").split("/")[0]
        group = [one for one in engine.state.of_stage("search") if one.group == (trial.arm, search)]
        best = max((one for one in group if one.status == "COMPLETED"), key=lambda one: one.value or 0.0)
        assert trial.config == best.config
        assert trial.tested


def test_trials_of_one_search_are_no_rivals_of_another(tmp_path: Path) -> None:
    """With one search per arm, each alone decides who passes its rungs: as if the other arm were not there."""
    both, _ = _study(tmp_path / "both", _plan(retune=6))
    plan = _plan(retune=6)
    assert plan.ablation is not None
    alone = dataclasses.replace(plan.ablation, retuned=plan.ablation.retuned[:1])
    one, _ = _study(tmp_path / "one", dataclasses.replace(plan, ablation=alone))

    def base(engine: Engine) -> list[tuple[str, str, int]]:
        searched = [trial for trial in engine.state.of_stage("search") if trial.arm == "base"]
        return [(trial.config_hash, trial.status, trial.epoch) for trial in searched]

    assert base(both) == base(one)


def test_the_path_adds_up_single_changes_in_the_order_of_their_gains(tmp_path: Path) -> None:
    """Kind "b" gains a tenth, the rate a hundredth: the kind comes first, and the last step is the base."""
    engine, _ = _study(tmp_path, _plan(path=True))
    assert engine.state.path_order == ("kind", "rate")
    ordered = [event for event in read_events(tmp_path / "events") if event.kind == "ordered"]
    assert [step["config"] for step in ordered[0].fields["path"]] == [{**DEFAULTS, "kind": "b"}, BASE]
    configs = [trial.config for trial in engine.state.of_stage("ablate_frozen") if trial.block == "seed-0"]
    assert DEFAULTS in configs
    assert {**DEFAULTS, "rate": BASE["rate"]} in configs
    assert len(configs) == len({str(config) for config in configs}) == 6  # each configuration once


@pytest.mark.parametrize("changes", [{}, {"retune": 3, "searches": 2}, {"path": True}, {"retune": 2, "path": True}])
def test_the_runs_are_as_many_as_were_counted(tmp_path: Path, changes: dict[str, Any]) -> None:
    plan = _plan(**changes)
    engine, _ = _study(tmp_path, plan)
    assert plan.ablation is not None
    runs, searched = count_runs(plan.ablation, N_SEEDS)
    assert sum(1 for _ in engine.state.of_stage("search")) == searched
    ablated = [*engine.state.of_stage("ablate_frozen"), *engine.state.of_stage("ablate_retuned")]
    assert len(ablated) == runs


def _strip(event: Event) -> tuple[str, dict[str, Any]]:
    return event.kind, {name: value for name, value in event.fields.items() if name != "attempt"}


@pytest.mark.parametrize(("first", "step"), [(5, 40), pytest.param(0, 1, marks=pytest.mark.slow)])
def test_killed_at_an_event_the_rest_equals_an_unbroken_run(tmp_path: Path, first: int, step: int) -> None:
    plan = _plan(retune=3, searches=2, path=True)
    _, log = _study(tmp_path / "unbroken", plan)
    log.close()
    decisive = ("asked", "reported", "decided", "failed", "ordered", "test_opened", "tested", "looked")
    unbroken = read_events(tmp_path / "unbroken" / "events")
    expected = [_strip(event) for event in unbroken if event.kind in decisive]
    for at in range(first, len(unbroken), step):
        folder = tmp_path / f"killed-{at}"
        engine, log = make_engine(folder, plan)
        begin(engine, 0, n_seeds=N_SEEDS)
        driving = steps(engine)
        while log._next_seq < at and next(driving) is None:
            pass
        log.close()
        engine, log = make_engine(folder, plan)
        begin(engine, 0, n_seeds=N_SEEDS)
        run(engine)
        log.close()
        events = [_strip(event) for event in read_events(folder / "events") if event.kind in decisive]
        assert events == expected, f"killed after event {at}"


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_with_many_workers(tmp_path: Path, seed: int) -> None:
    rng, plan = np.random.default_rng(seed), _plan(retune=3, searches=2, path=True)
    over = False
    while not over:
        engine, log = make_engine(tmp_path, plan)
        begin(engine, 0, n_seeds=N_SEEDS)
        driving = steps(engine, n_workers=4, rng=rng)
        for _ in range(int(rng.integers(5, 60))):
            if over := next(driving) is not None:
                break
        log.close()
    events = read_events(tmp_path / "events")
    reports = [(event.fields["trial"], event.fields["epoch"]) for event in events if event.kind == "reported"]
    assert len(reports) == len(set(reports))
    runs = [
        (trial.stage, trial.arm if trial.stage != "ablate_frozen" else "", trial.block, trial.config_hash, trial.number)
        for trial in engine.state.trials.values()
    ]
    assert len(runs) == len(set(runs))
    assert plan.ablation is not None
    expected = sum(count_runs(plan.ablation, N_SEEDS))
    assert sum(trial.stage != "baseline" for trial in engine.state.trials.values()) == expected
