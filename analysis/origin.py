"""Where a study's numbers come from: question, data, code, machines. What was not recorded is ``None``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.commands import study_command
from analysis.records import Records


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Everything needed to judge a result, and to get it again."""

    study: str
    created_at: str | None
    family: str | None
    space: str | None
    space_hash: str | None
    task: str | None
    data: str | None
    data_root: str | None
    series: tuple[str, ...]
    objective_series: tuple[str, ...]
    test_series: tuple[str, ...]
    data_hash: str | None
    labelled_by: str | None
    """How the search got its labels; ``None`` where it used none."""
    objective: str
    direction: str
    objective_description: str
    objective_evidence: str
    """How well it ranked elsewhere; empty where nobody measured it."""
    primary_metric: str
    budget: int | None
    sampler: str | None
    scheduler: str | None
    max_epochs: int | None
    rungs: tuple[int, ...]
    study_seed: int | None
    confirm_top: int | None
    confirm_seeds: tuple[int, ...]
    """The seeds that were used."""
    ablation_seeds: tuple[int, ...]
    """Those of an ablation's arms."""
    git_commit: str | None
    git_dirty: bool | None
    code_hash: str | None
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    devices: tuple[str, ...]
    kernels: tuple[str, ...]
    sessions: int
    changed: tuple[str, ...]
    """What was no longer the same in a later session: ``code``, ``data``, ``versions``."""
    wall_s: float | None
    train_s: float
    command: str

    @property
    def test_part(self) -> str:
        """What the tests are made on: a detector's search may have seen labels of another part of the test split."""
        return "untouched test part" if self.task in (None, "anomaly") else "test part"


def describe_origin(records: Records) -> Provenance:
    """Collect what is on record about where a study's numbers come from."""
    study, log = records.study, records.log
    spec, code, objective = study.get("spec", {}), study.get("code", {}), study["objective"]
    return Provenance(
        study=study["name"],
        created_at=study.get("created_at"),
        family=study.get("family"),
        space=study.get("space"),
        space_hash=study.get("space_hash"),
        task=study.get("task"),
        data=spec.get("data"),
        data_root=spec.get("data_root"),
        series=tuple(study["series"]),
        objective_series=tuple(study["objective_series"]),
        test_series=tuple(study["test_series"]),
        data_hash=study.get("data_hash"),
        labelled_by=(spec.get("labelled_by") or "time") if objective["name"].startswith("labelled_") else None,
        objective=objective["name"],
        direction=objective["direction"],
        objective_description=objective.get("description", ""),
        objective_evidence=objective.get("evidence", ""),
        primary_metric=objective["primary_metric"],
        budget=log.budget if log.budget is not None else spec.get("trials"),
        sampler=spec.get("sampler"),
        scheduler=spec.get("scheduler"),
        max_epochs=spec.get("max_epochs"),
        rungs=tuple(study["rungs"]),
        study_seed=spec.get("seed"),
        confirm_top=spec.get("confirm_top"),
        confirm_seeds=tuple(dict.fromkeys(trial.seed for trial in records.of_stage("confirm"))),
        ablation_seeds=tuple(dict.fromkeys(trial.seed for trial in records.of_stage("ablate_frozen"))),
        git_commit=code.get("git_commit"),
        git_dirty=code.get("git_dirty"),
        code_hash=code.get("hash"),
        versions=study.get("versions", {}),
        hardware=study.get("hardware", {}),
        devices=_distinct(trial.device for trial in records.trials),
        kernels=_distinct(trial.kernel for trial in records.trials),
        sessions=len(log.sessions),
        changed=_distinct(name for session in log.sessions for name in session.changed),
        wall_s=sum(session.seconds for session in log.sessions) if log.sessions else None,
        train_s=sum(trial.train_s for trial in records.trials),
        command=study_command(study),
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))
