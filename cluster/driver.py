"""From a question to a finished study folder: the main path of the engine."""

import contextlib
import dataclasses
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from analysis.trial_table import TrialRows, trial_columns
from cluster.checkpoint_budget import CheckpointBudget
from cluster.decide import Done, next_action
from cluster.engine import Engine, Finished, Observer
from cluster.events import Event, EventLog
from cluster.proposer import Proposer
from cluster.provenance import command_line, describe_code, describe_hardware, describe_versions
from cluster.recorder import SegmentWriter
from cluster.runtime import check_address, check_gpus, check_precision, connect
from cluster.study import ResolvedStudy, Resources, StudySpec, check_name, resolve
from cluster.tuner import run_segments
from search_spaces.probing import Parameter
from trainables.models.base import column_types
from trainables.whole_files import replace_file

STUDY_FORMAT = 1

MakeObservers = Callable[[ResolvedStudy, dict[str, Any], Path, list[Event]], tuple[Observer, ...]]
"""Makes observers of a study's events from the study, its ``study.json``, its folder and the events so far."""


class Budget(NamedTuple):
    """How many trials a study may have, in total; ``None`` leaves a number as it is."""

    trials: int | None
    checks: int | None


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
    check_precision(spec.precision, resources)
    study = describe_study(resolved, folder.name)
    # What an existing cluster has room for, only the cluster knows: joined before anything is written.
    with connect(resources) if resources.address else contextlib.nullcontext():
        _begin_folder(folder, study)
        budget = Budget(resolved.n_trials, spec.check_objective)
        return _drive(resolved, study, folder, resources, budget, observers, began)


def resume_study(
    path: str | Path,
    *,
    trials: int | None = None,
    check_objective: int | None = None,
    resources: Resources | None = None,
    observers: MakeObservers | None = None,
) -> StudyResult:
    """Go on with a study that was interrupted, or give a finished one more trials or a check of its objective.

    Args:
        path: The study's folder.
        trials: New total of search trials; ``None`` keeps the old one.
        check_objective: New total of random configurations that check the objective; ``None`` keeps the old one.
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
    resolved = resolve(dataclasses.replace(spec, trials=study["spec"]["trials"]))
    if resolved.restricted.identity() != study["space_hash"]:
        raise ValueError(
            f"the search space {study['space']!r} is no longer the one that {folder} searches; go back to the code of "
            f"commit {study['code']['git_commit']}, or start a new study"
        )
    check_address(resources.address)
    check_gpus(resources)
    check_precision(spec.precision, resources)
    return _drive(resolved, study, folder, resources, Budget(trials, check_objective), observers, began)


def describe_study(resolved: ResolvedStudy, name: str) -> dict[str, Any]:
    """Describe a study for its ``study.json``: the question and what is needed to judge the answer."""
    spec, data, task = resolved.spec, resolved.data, resolved.task
    return {
        "format": STUDY_FORMAT,
        "name": name,
        "created_at": datetime.now(tz=UTC).isoformat(),
        "space": spec.space,
        "space_hash": resolved.restricted.identity(),
        "family": resolved.family.name,
        "task": task.name,
        # Absolute, so that a resume finds the data from wherever it is started.
        "spec": spec.to_dict() | ({"data_root": str(Path(spec.data_root).resolve())} if spec.data_root else {}),
        "objective": {
            "name": data.objective.name,
            "direction": data.objective.direction,
            "primary_metric": data.objective.primary_metric,
            "epoch": data.objective.epoch,
            "description": data.objective.description,
            "evidence": data.objective.evidence.in_words() if data.objective.evidence is not None else "",
        },
        "objectives": list(task.objectives),
        "parameters": [_describe_parameter(parameter) for parameter in resolved.restricted.searched],
        "fixed": {name: resolved.plan.listed[0][name] for name in resolved.restricted.fixed},
        "rungs": list(resolved.plan.rungs),
        "published": dict(resolved.plan.published),
        "preparation": list(resolved.restricted.space.preparation),
        "series": list(data.series),
        "objective_series": list(data.objective_series),
        "test_series": list(data.test_series),
        "baselines": list(task.baselines),
        "notes": list(data.notes),
        "data_hash": data.data_hash,
        "columns": trial_columns(
            column_types(resolved.family.config), task.validation_metric_names, task.test_metric_names
        ),
        "code": describe_code(),
        "versions": describe_versions(),
        "hardware": describe_hardware(),
        "command": command_line(),
    }


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    """Describe a searched parameter in plain values: ``choices``, or ``low``, ``high`` and ``log``."""
    distribution = parameter.distribution
    if isinstance(distribution, CategoricalDistribution):
        domain: dict[str, Any] = {"choices": list(distribution.choices)}
    else:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        domain = {"low": distribution.low, "high": distribution.high, "log": distribution.log}
    absent = {} if parameter.switch is None else {"absent": parameter.switch.absent}
    return {"name": parameter.name, **domain, **absent, "condition": parameter.condition}


def read_study(folder: Path) -> dict[str, Any]:
    """Read ``study.json``.

    Raises:
        ValueError: If the folder holds no study, or one of another format.
    """
    path = folder / "study.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no study (no study.json in it); give the folder of a study")
    try:
        study: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}; restore it from a copy") from error
    if study.get("format") != STUDY_FORMAT:
        raise ValueError(f"{path} has format {study.get('format')!r}, but this version reads format {STUDY_FORMAT}")
    return study


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
            proposer=_make_proposer(resolved),
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


def _make_proposer(resolved: ResolvedStudy) -> Proposer:
    return Proposer(
        resolved.restricted,
        seed=resolved.spec.seed,
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
    if (trials, checks) != (state.n_trials, state.n_checks):
        engine.put("budget", {"trials": trials, "checks": checks})


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
