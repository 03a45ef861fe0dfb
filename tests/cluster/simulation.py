"""A study without a cluster: the engine, and workers that are a function of (configuration, seed, epoch)."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cluster.actions import Wait
from cluster.decide_ablation import search_group
from cluster.engine import Engine, Finished, Observer
from cluster.events import EventLog
from cluster.plan import Plan
from cluster.proposer import Proposer
from cluster.proposers import Proposers
from search_spaces.asking import Asker
from search_spaces.space import Restricted, SearchSpace
from trainables.seeding import derive_seed
from trainables.segment import Segment

OPEN_LOGS: list[EventLog] = []
"""Logs that a test opened; a fixture closes them after it."""

DEFAULTS = {"rate": 0.1, "kind": "a", "depth": 2, "decay": 0.0}


def suggest(trial: Asker) -> dict[str, object]:
    """A small conditional space."""
    kind = trial.suggest_categorical("kind", ("a", "b", "c"))
    config: dict[str, object] = {"kind": kind, "rate": trial.suggest_float("rate", 1e-3, 1.0, log=True)}
    if kind != "c":
        config["depth"] = trial.suggest_int("depth", 1, 4)
    config["decay"] = trial.suggest_float_or("decay", 0.0, 1e-4, 1e-1, log=True)
    return config


SPACE = SearchSpace(name="toy", family="toy", description="a toy", suggest=suggest, defaults=DEFAULTS)


def make_plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "family": "toy",
        "seed": 3,
        "phases": ("search", "confirm", "select", "test", "check"),
        "listed": (dict(DEFAULTS),),
        "published": dict(DEFAULTS),
        "variants": (),
        "max_epochs": 9,
        "rungs": (1, 3),
        "reduction_factor": 3,
        "maximize": True,
        "confirm_top": 2,
        "confirm_seeds": 2,
        "check_seeds": 1,
        "search_series": ("s1",),
        "all_series": ("s1", "s2"),
        "baselines": ("sum_of_squares", "random"),
    }
    return Plan(**(values | changes))


def make_engine(
    folder: Path, plan: Plan, *, sampler: str = "tpe", space: SearchSpace = SPACE, observers: tuple[Observer, ...] = ()
) -> tuple[Engine, EventLog]:
    restricted = Restricted(space=space)
    log = EventLog(folder / "events")
    OPEN_LOGS.append(log)

    def make_proposer(restricted: Restricted, seed: int) -> Proposer:
        return Proposer(
            restricted,
            seed=seed,
            sampler=sampler,  # type: ignore[arg-type]
            maximize=plan.maximize,
            canonical=dict,
            hash_config=plan.hash_config,
        )

    groups = {
        search_group(arm.name, search): partial(
            make_proposer,
            Restricted(space=space, fixed={name: arm.config[name] for name in arm.fixed}),
            derive_seed(plan.seed, "tune", search),
        )
        for arm in (plan.ablation.retuned if plan.ablation else ())
        for search in range(plan.ablation.searches if plan.ablation else 0)
    }
    proposers = Proposers(make_proposer(restricted, plan.seed), groups=groups)
    engine = Engine(
        log=log, plan=plan, restricted=restricted, proposers=proposers, folder=folder,
        full_test=False, precision="fp32", gpus_per_trial=0, observers=observers,
    )  # fmt: skip
    return engine, log


def value_of(config: dict[str, Any], seed: int, epoch: int) -> float:
    """A learning curve: where it goes depends on the configuration, how it wobbles on the seed."""
    goal = 1 - 0.1 * (math.log10(config["rate"]) + 1.5) ** 2 + {"a": 0.0, "b": 0.1, "c": -0.1}[config["kind"]]
    noise = 0.02 * np.random.default_rng([seed, epoch]).standard_normal()
    return float(goal * (1 - 0.6**epoch) + noise)


class Worker:
    """Works through segments as the real one does; some configurations fail."""

    def __init__(self, segment: Segment) -> None:
        self.segment, self.epoch = segment, segment.from_epoch

    def step(self) -> dict[str, Any]:
        segment = self.segment
        identity = {"trial": segment.trial_id, "attempt": segment.attempt, "work": segment.work, "step_s": 0.5}
        facts = {"node": "n", "device": "cpu", "kernel": "none", "n_params": 10}
        if segment.work != "train":
            metrics = {name: {"test_event_f1_pa_log": 0.5, "test_point_f1": None} for name in segment.series}
            tested = {"metrics": metrics, "config": {}, "threshold_source": "labelled_part", "facts": facts}
            return identity | tested | ({"value": 0.4} if segment.work == "baseline" else {})
        self.epoch += 1
        if segment.config["rate"] > 0.8 and self.epoch == 2:
            return identity | {"failed": "the training loss became nan"}
        value = value_of(dict(segment.config), segment.seed, self.epoch)
        keep = self.epoch in segment.checkpoint_epochs
        if keep:
            path = Path(segment.checkpoint_folder)
            path.mkdir(parents=True, exist_ok=True)
            (path / f"epoch-{self.epoch:05d}.pt").write_bytes(b"weights")
        metrics = {name: {"train_loss": 1 - value, "labelled_event_f1": value} for name in segment.series}
        return identity | {
            "epoch": self.epoch,
            "value": value,
            "over": self.epoch == segment.config.get("patience_ends"),
            "metrics": metrics,
            "kept": metrics,
            "train_s": 0.4,
            "checkpoint": {"epoch": self.epoch, "bytes": 7} if keep else None,
            "facts": facts,
        }


def run(engine: Engine, *, n_workers: int = 1, rng: np.random.Generator | None = None) -> Finished:
    """Drive a study to its end; with several workers, which one reports next is drawn."""
    for finished in steps(engine, n_workers=n_workers, rng=rng):
        if finished is not None:
            return finished
    raise AssertionError


def steps(engine: Engine, *, n_workers: int = 1, rng: np.random.Generator | None = None) -> Iterator[Finished | None]:
    """Drive a study one report at a time."""
    rng = rng or np.random.default_rng(0)
    workers: list[Worker] = []
    over: Finished | None = None
    while over is None or workers:
        while over is None and len(workers) < n_workers:
            segment = engine.next_segment()
            if isinstance(segment, Finished):
                over = segment
            elif isinstance(segment, Wait):
                assert workers, "the engine waits for nobody"
                break
            else:
                workers.append(Worker(segment))
        if workers:
            worker = workers[int(rng.integers(len(workers)))]
            if engine.report(worker.step()) != "continue":
                workers.remove(worker)
            yield None
    yield over


def begin(engine: Engine, n_trials: int, n_checks: int = 0, n_seeds: int = 0) -> None:
    """Open a session, as the driver does."""
    engine.put("session", {"process": 1})
    state = engine.state
    if (state.n_trials, state.n_checks, state.n_seeds) != (n_trials, n_checks, n_seeds):
        engine.put("budget", {"trials": n_trials, "checks": n_checks, "seeds": n_seeds})
