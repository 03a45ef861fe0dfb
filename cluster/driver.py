"""From a question to a finished study folder: the main path of the engine."""

import contextlib
import dataclasses
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from analysis.trial_table import TrialRows
from cluster.actions import Done
from cluster.base_study import Base
from cluster.checkpoint_budget import CheckpointBudget
from cluster.decide import next_action
from cluster.decide_ablation import search_group
from cluster.engine import Engine, Finished, Observer
from cluster.events import Event, EventLog, read_events
from cluster.proposer import Proposer
from cluster.proposers import Proposers
from cluster.provenance import describe_code, describe_versions
from cluster.recorder import SegmentWriter
from cluster.resolution import ResolvedStudy, resolve
from cluster.runtime import check_address, check_gpus, check_precision, connect
from cluster.study import Resources, StudySpec, check_name
from cluster.study_file import read_study
from cluster.study_record import describe_study
from cluster.tuner import run_segments
from search_spaces.space import Restricted
from trainables.models.base import check_range
from trainables.seeding import derive_seed
from trainables.whole_files import replace_file

MakeObservers = Callable[[ResolvedStudy, dict[str, Any], Path, list[Event]], tuple[Observer, ...]]
"""Makes observers of a study's events from the study, its ``study.json``, its folder and the events so far."""


class Budget(NamedTuple):
    """How many trials a study may have, in total; ``None`` leaves a number as it is."""

    trials: int | None
    checks: int | None
    seeds: int | None = None
    """Of an ablation's arms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """How a study ended."""

    folder: Path
    reason: Literal["finished", "failed", "interrupted"]
    failure: str
    """Why it failed, or what interrupted it if not the user; empty otherwise."""
    seconds: float
    """Of this driver."""


def run_study(
    spec: StudySpec,
    *,
    name: str | None = None,
    results: str | Path = "results",
    resources: Resources | None = None,
    observers: MakeObservers | None = None,
) -> StudyResult:
    """Run a new study to its end.

    Args:
        spec: The question.
        name: Name of its folder; ``None`` makes one of the space and the time.
        results: The folder that the study's own is made in.
        resources: What carries it out; ``None`` takes this machine.
        observers: Makes further observers of the study's events.

    Raises:
        ValueError: If the question, the folder or the address is wrong; nothing was written.
    """
    began = time.monotonic()
    resources = resources or Resources()
    folder = Path(results) / check_name(name or fresh_name(spec))
    check_folder(folder)
    resolved = resolve(spec)
    check_address(resources.address)
    check_gpus(resources)
    check_precision(resolved.spec.precision, resources)
    study = describe_study(resolved, folder.name)
    # What an existing cluster has room for, only the cluster knows: joined before anything is written.
    with connect(resources) if resources.address else contextlib.nullcontext():
        _begin_folder(folder, study)
        budget = Budget(resolved.n_trials, spec.check_objective, resolved.n_seeds)
        return _drive(resolved, study, folder, resources, budget, observers, began)


def resume_study(
    path: str | Path,
    *,
    trials: int | None = None,
    check_objective: int | None = None,
    add_seeds: int | None = None,
    resources: Resources | None = None,
    observers: MakeObservers | None = None,
) -> StudyResult:
    """Go on with a study that was interrupted, or give a finished one more trials, seeds or a check of its objective.

    Args:
        path: The study's folder.
        trials: New total of search trials; ``None`` keeps the old one.
        check_objective: New total of random configurations that check the objective; ``None`` keeps the old one.
        add_seeds: Seeds that every arm of an ablation gets besides those it has.
        resources: What carries it out from now on.
        observers: As in :func:`run_study`.

    Raises:
        ValueError: If there is no study, its question cannot be asked any more, or the new total is below the old one.
    """
    began = time.monotonic()
    folder = Path(path)
    study = read_study(folder)
    resources = resources or Resources()
    asked = {"trials": trials, "check_objective": check_objective}
    more = {name: value for name, value in asked.items() if value is not None}
    spec = StudySpec.from_dict({**study["spec"], **more})
    # How many trials were first asked for decides what the search begins with, and that stays.
    resolved = resolve(dataclasses.replace(spec, trials=study["spec"]["trials"]), base=_stored_base(study))
    if resolved.describe_ablation() != study.get("ablation"):
        raise ValueError(
            f"the arms of {folder} are no longer those that it compares; go back to the code of commit "
            f"{study['code']['git_commit']}, or start a new study"
        )
    if resolved.restricted.identity() != study["space_hash"]:
        raise ValueError(
            f"the search space {study['space']!r} is no longer the one that {folder} searches; go back to the code of "
            f"commit {study['code']['git_commit']}, or start a new study"
        )
    check_address(resources.address)
    check_gpus(resources)
    check_precision(spec.precision, resources)
    budget = Budget(trials, check_objective, _raise_seeds(folder, resolved, add_seeds))
    return _drive(resolved, study, folder, resources, budget, observers, began)


def run_ablation(
    spec: StudySpec,
    *,
    name: str | None = None,
    results: str | Path = "results",
    resources: Resources | None = None,
    observers: MakeObservers | None = None,
) -> StudyResult:
    """Run a new ablation to its end: of all factors, unless the spec names some.

    Args:
        spec: The question; ``from_study`` names the study whose winner is the base.
        name: As in :func:`run_study`, like what follows.
        results: As there.
        resources: As there.
        observers: As there.

    Raises:
        ValueError: As :func:`run_study` does.
    """
    spec = spec if spec.is_ablation else dataclasses.replace(spec, ablate=("all",))
    return run_study(spec, name=name, results=results, resources=resources, observers=observers)


def _stored_base(study: dict[str, Any]) -> Base | None:
    if not study.get("ablation"):
        return None
    stored = {name: study["ablation"]["base"][name] for name in ("label", "config", "is_published", "study")}
    return Base(**stored)


def _raise_seeds(folder: Path, resolved: ResolvedStudy, add_seeds: int | None) -> int | None:
    """Return the new total of an ablation's seeds; ``None`` leaves it as it is.

    Raises:
        ValueError: If the study is no ablation, or its result was looked at as often as was declared.
    """
    if add_seeds is None:
        return None
    check_range("--add-seeds", add_seeds, 1, 1000)
    if resolved.ablation is None:
        raise ValueError(f"`--add-seeds` is for ablations, but {folder} is none; use --trials for a longer search")
    events = read_events(folder / "events")
    looks = sum(event.kind == "looked" for event in events)
    if looks >= resolved.ablation.plan.looks:
        raise ValueError(
            f"{folder} declared {resolved.ablation.plan.looks} looks at its result and they are spent: more seeds now "
            "would be testing until something shows; start a new ablation with more --seeds, or with more --looks"
        )
    total: int = max((event.fields["seeds"] for event in events if event.kind == "budget"), default=0)
    return total + add_seeds


def fresh_name(spec: StudySpec) -> str:
    """Make a name of the space and the time."""
    return f"{spec.space.rpartition(':')[0].rpartition('.')[2] or spec.space}-{datetime.now():%Y%m%d-%H%M%S}"


def check_folder(folder: Path) -> None:
    """Check that a new study can be written.

    Raises:
        ValueError: If the folder is taken or cannot be made.
    """
    if folder.exists():
        if (folder / "study.json").exists():
            raise ValueError(
                f"there is a study in {folder} already; go on with it by --resume {folder}, or choose another --name"
            )
        if not folder.is_dir() or any(folder.iterdir()):
            raise ValueError(f"{folder} is there already and is no study; choose another --name or --results")
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"{folder} cannot be written: {existing} is not a folder that you may write to; see --results")


def _begin_folder(folder: Path, study: dict[str, Any]) -> None:
    try:
        replace_file(folder / "study.json", (json.dumps(study, indent=2) + "\n").encode())
    except OSError as error:
        raise ValueError(f"{folder} cannot be written: {error}; choose another folder by --results") from error


def _drive(
    resolved: ResolvedStudy,
    study: dict[str, Any],
    folder: Path,
    resources: Resources,
    budget: Budget,
    make_observers: MakeObservers | None,
    began: float,
) -> StudyResult:
    """Run a study from wherever its log stands to its end, or until it is interrupted."""
    with contextlib.closing(EventLog(folder / "events")) as log:
        segments = SegmentWriter(folder, TrialRows(study))
        for event in log.replay:
            segments.replay(event)
        observers: tuple[Observer, ...] = (
            segments,
            CheckpointBudget(folder / "checkpoints", budget_mb=resources.checkpoint_budget_mb),
            *(make_observers(resolved, study, folder, log.replay) if make_observers else ()),
        )
        engine = Engine(
            log=log,
            plan=resolved.plan,
            restricted=resolved.restricted,
            proposers=_make_proposers(resolved),
            folder=folder.absolute(),  # workers have a working directory of their own
            full_test=resolved.spec.full_test,
            precision=resolved.spec.precision,
            gpus_per_trial=resources.gpus_per_trial,
            observers=observers,
        )
        finished: Finished | None = None
        try:
            _open_session(engine, resolved, study, budget)
            finished = _run_to_end(engine, resolved, resources)
        except KeyboardInterrupt:
            pass  # every event is on record, so stopping anywhere is clean
        except Exception:
            if engine.write_error is None:
                raise
        finally:
            for observer in observers:
                with contextlib.suppress(OSError) if engine.write_error else contextlib.nullcontext():
                    observer.close()
        seconds = time.monotonic() - began
        if finished is None:
            failure = engine.write_error and f"{folder} cannot be written: {engine.write_error}; make room and resume"
            return StudyResult(folder=folder, reason="interrupted", failure=failure or "", seconds=seconds)
        reason: Literal["finished", "failed"] = "failed" if finished.failure else "finished"
        return StudyResult(folder=folder, reason=reason, failure=finished.failure, seconds=seconds)


def _make_proposers(resolved: ResolvedStudy) -> Proposers:
    """Make the study's sampler, and one for each search of each re-tuned arm: search k has one seed for all arms."""
    plan = resolved.plan.ablation
    groups = {
        search_group(arm.name, search): partial(
            _make_proposer, resolved, resolved.restrict_to(arm), derive_seed(resolved.spec.seed, "tune", search)
        )
        for arm in (plan.retuned if plan else ())
        for search in range(plan.searches if plan else 0)
    }
    return Proposers(_make_proposer(resolved, resolved.restricted, resolved.spec.seed), groups=groups)


def _make_proposer(resolved: ResolvedStudy, restricted: Restricted, seed: int) -> Proposer:
    return Proposer(
        restricted,
        seed=seed,
        sampler=resolved.spec.sampler,
        maximize=resolved.plan.maximize,
        canonical=resolved.canonical,
        hash_config=resolved.plan.hash_config,
    )


def _open_session(engine: Engine, resolved: ResolvedStudy, study: dict[str, Any], budget: Budget) -> None:
    """Put on record who goes on with the study, under what, and how many trials it may have.

    Raises:
        ValueError: If it has more trials already.
    """
    state = engine.state
    n_drawn = len({trial.config_hash for trial in state.of_stage("validity")})
    for flag, asked, existing in (
        ("--trials", budget.trials, state.n_asked),
        ("--check-objective", budget.checks, n_drawn),
    ):
        if asked is not None and asked < existing:
            raise ValueError(
                f"`{flag}` is {asked}, but the study has {existing} already; it is the new total, so "
                "give a larger number or leave it out"
            )
    now = {"data": resolved.data.data_hash, "code": describe_code()["hash"], "versions": describe_versions()}
    then = {"data": study["data_hash"], "code": study["code"]["hash"], "versions": study["versions"]}
    fields = {
        "process": os.getpid(),
        "node": platform.node(),
        **now,
        "changed": [name for name, value in now.items() if value != then[name]],
    }
    engine.put("session", fields)
    trials = state.n_trials if budget.trials is None else budget.trials
    checks = state.n_checks if budget.checks is None else budget.checks
    seeds = state.n_seeds if budget.seeds is None else budget.seeds
    if (trials, checks, seeds) != (state.n_trials, state.n_checks, state.n_seeds):
        engine.put("budget", {"trials": trials, "checks": checks, "seeds": seeds})


def _run_to_end(engine: Engine, resolved: ResolvedStudy, resources: Resources) -> Finished:
    """Carry out what is left to do; where that is nothing, no cluster is started."""
    if isinstance(action := next_action(engine.state), Done):
        return Finished(failure=action.failure)
    with connect(resources) as n_workers:
        return run_segments(
            engine,
            resolved.data,
            n_workers=n_workers,
            cpus_per_trial=resources.cpus_per_trial,
            gpus_per_trial=resources.gpus_per_trial,
        )
