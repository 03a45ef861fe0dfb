"""What a study's folder says, as typed values: the border at which tables and events stop being loose."""

import dataclasses
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.convergence import EpochReports
from analysis.log_columns import LogColumns, read_log_columns
from analysis.reading import Metrics, StudyFolder, load_tables


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One row of the trial table."""

    trial_id: str
    stage: str
    arm: str
    block: str
    """Which of the fresh seeds it has, such as ``seed-0``; empty in the search."""
    status: str
    source: str
    config: Mapping[str, Any]
    used: frozenset[str]
    """Parameters whose conditions hold."""
    config_hash: str
    seed: int
    objective: float | None
    epochs_run: int
    max_epochs: int
    rung: int | None
    train_s: float
    duration_s: float
    n_params: int | None
    peak_memory_mb: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    windows_per_s: float | None
    node: str
    device: str
    kernel: str
    threshold_source: str
    error: str


_ENTRIES = frozenset(field.name for field in dataclasses.fields(Trial))
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One driver's work on the study."""

    changed: tuple[str, ...]
    """What was no longer as the study began: ``code``, ``data``, ``versions``."""
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One time that an ablation had every block tested, so that its result could be looked at."""

    number: int
    """From 1."""
    seeds: int
    """Of each configuration, by then."""


@dataclass(kw_only=True, slots=True)
class Log:
    """What the event log alone knows."""

    sessions: list[Session] = field(default_factory=list)
    budget: int | None = None
    """Search trials that the study may have."""
    checks: int = 0
    """Random configurations on which the objective is to be checked."""
    exhausted: bool = False
    """Whether the space ran out of configurations before the budget did."""
    selected: str | None = None
    """Hash of the configuration that won, fixed before the test split was opened."""
    test_opened: bool = False
    seeds: int | None = None
    """Of each configuration of an ablation, as many as it may have by now."""
    looks: list[Look] = field(default_factory=list)
    """At an ablation's result."""
    path: list[Mapping[str, Any]] = field(default_factory=list)
    """From the published configuration to an ablation's base, one entry for each parameter, in the steps' order."""
    is_over: bool = False
    """Whether the engine had nothing left to do, and was given nothing since."""
    searched_after_test: list[str] = field(default_factory=list)
    """Search trials that began after the test split was opened."""
    reports: EpochReports = field(default_factory=EpochReports.none)
    """Of the search, in the order in which they came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Everything that the analysis of a study starts from."""

    study: Mapping[str, Any]
    trials: tuple[Trial, ...]
    table: pa.Table
    """The trial table as it is, one row per trial in the order in which they were asked."""
    metrics: Metrics
    log: Log
    predictions: Callable[[str, Sequence[str]], pd.DataFrame | None]
    """What a trial predicted on the test part, by its id and the wanted columns; read when asked for. ``None`` where
    nothing, or other columns, were written."""

    @property
    def objective_name(self) -> str:
        """What the search optimised."""
        return str(self.study["objective"]["name"])

    @property
    def maximize(self) -> bool:
        """Tell whether a higher objective is better."""
        return bool(self.study["objective"]["direction"] == "maximize")

    def of_stage(self, stage: str) -> list[Trial]:
        """List the trials of a stage, in the order in which they were asked."""
        return [trial for trial in self.trials if trial.stage == stage]

    def last_values(self, trial_ids: Collection[str]) -> dict[str, dict[str, dict[str, float]]]:
        """Return the latest value of every metric by trial, series and name; what is undefined is left out."""
        rows = self.metrics.of(trial_ids).dropna(subset=["series", "value"])
        rows = rows.sort_values("event_seq", kind="stable")
        values: dict[str, dict[str, dict[str, float]]] = {}
        columns = (rows[name].tolist() for name in ("trial_id", "series", "name", "value"))
        for trial_id, series, name, value in zip(*columns, strict=True):
            values.setdefault(trial_id, {}).setdefault(series, {})[name] = value
        return values


def read_records(path_or_uri: str | Any) -> Records:
    """Read a study's folder, whatever state it is in.

    Raises:
        ValueError: If there is no study, or a segment cannot be read.
    """
    folder = StudyFolder(path_or_uri)
    tables = load_tables(folder)
    return Records(
        study=folder.study,
        trials=tuple(_read_trials(tables.trials)),
        table=tables.trials,
        metrics=tables.metrics,
        log=_read_log(read_log_columns(folder)),
        predictions=folder.predictions,
    )


def _read_trials(table: pa.Table) -> Iterator[Trial]:
    """Iterate over the rows, of which only the entries of :class:`Trial` become Python objects."""
    names = [name for name in table.column_names if name in _ENTRIES]
    parameters = [name for name in table.column_names if name.startswith("p_")]
    combinations: dict[tuple[bool, ...], frozenset[str]] = {}
    for begin in range(0, len(table), _ROWS_AT_ONCE):
        part = table.slice(begin, _ROWS_AT_ONCE)
        # Parsed together, configurations share the strings that are their keys.
        configs = json.loads(f"[{','.join(part['config_json'].to_pylist())}]")
        validity = [part[name].is_valid().to_pylist() for name in parameters]
        for row, config, *valid in zip(part.select(names).to_pylist(), configs, *validity, strict=True):
            if (used := combinations.get(tuple(valid))) is None:
                found = (name[2:] for name, one in zip(parameters, valid, strict=True) if one)
                used = combinations.setdefault(tuple(valid), frozenset(found))
            yield _read_trial(row, config, used)


def _read_trial(row: Mapping[str, Any], config: Mapping[str, Any], used: frozenset[str]) -> Trial:
    return Trial(
        trial_id=row["trial_id"],
        stage=row["stage"],
        arm=_text(row["arm"]),
        block=_text(row["block"]),
        status=row["status"],
        source=_text(row["source"]),
        config=config,
        used=used,
        config_hash=row["config_hash"],
        seed=row["seed"],
        objective=_number(row["objective"]),
        epochs_run=row["epochs_run"],
        max_epochs=row["max_epochs"],
        rung=row["rung"],
        train_s=row["train_s"],
        duration_s=row["duration_s"],
        n_params=row["n_params"],
        peak_memory_mb=_number(row["peak_memory_mb"]),
        latency_p50_ms=_number(row["latency_p50_ms"]),
        latency_p95_ms=_number(row["latency_p95_ms"]),
        windows_per_s=_number(row["windows_per_s"]),
        node=_text(row["node"]),
        device=_text(row["device"]),
        kernel=_text(row["kernel"]),
        threshold_source=_text(row["threshold_source"]),
        error=_text(row["error"]),
    )


def _text(value: str | None) -> str:
    return "" if value is None else value


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _read_log(columns: LogColumns) -> Log:
    log = Log()
    asked = zip(*(columns.asked[name].to_pylist() for name in ("place", "trial", "stage")), strict=True)
    searching = {trial: place for place, trial, stage in asked if stage == "search"}
    last_asked = pc.max(columns.asked["place"]).as_py()
    for place, event in columns.study_events:
        if event["kind"] in ("budget", "finished"):
            log.is_over = event["kind"] == "finished" and (last_asked is None or last_asked < place)
        if event["kind"] == "test_opened" and not log.test_opened:
            log.searched_after_test = [trial for trial, since in searching.items() if since > place]
        _take_in(log, event)
    log.sessions, wall_s = _follow_sessions(columns)
    log.reports = _read_reports(columns, tuple(searching), wall_s)
    return log


def _follow_sessions(columns: LogColumns) -> tuple[list[Session], NDArray[np.float64]]:
    """List the sessions, and compute for every event ``[N]`` the seconds that drivers had worked until it."""
    times, wall_s = columns.times, np.zeros(len(columns.times))
    begun = {place: event for place, event in columns.study_events if event["kind"] == "session"}
    starts = [place for place in {0: None, **begun} if place < len(times)]
    sessions: list[Session] = []
    for start, end in pairwise([*starts, len(times)]):
        worked = sum(session.seconds for session in sessions)
        wall_s[start:end] = worked + (times[start:end] - times[start])
        changed = tuple(begun.get(start, {}).get("changed", ()))
        sessions.append(Session(changed=changed, seconds=float(times[end - 1] - times[start])))
    return sessions, wall_s


def _read_reports(columns: LogColumns, searching: tuple[str, ...], wall_s: NDArray[np.float64]) -> EpochReports:
    """Keep the reports of the search."""
    trials = pc.index_in(columns.reports["trial"], value_set=pa.array(searching, pa.string()))
    reports, trials = columns.reports.filter(trials.is_valid()), trials.drop_null()
    return EpochReports(
        trial_ids=searching,
        trials=trials.to_numpy().astype(np.int64),
        epochs=reports["epoch"].to_numpy(),
        values=reports["value"].to_numpy(),
        train_s=reports["train_s"].to_numpy(),
        wall_s=wall_s[reports["place"].to_numpy()],
    )


def _take_in(log: Log, event: Mapping[str, Any]) -> None:
    kind = event["kind"]
    if kind == "budget":
        log.budget, log.checks, log.exhausted = event["trials"], event.get("checks", 0), False
        log.seeds = event.get("seeds")
    elif kind == "exhausted":
        log.exhausted = log.exhausted or (event.get("stage", "search") == "search" and "arm" not in event)
    elif kind == "selected":
        log.selected = event["config_hash"]
    elif kind == "test_opened":
        log.test_opened = True
    elif kind == "looked":
        log.looks.append(Look(number=event["look"], seeds=event["seeds"]))
    elif kind == "ordered":
        log.path = list(event["path"])
