"""What a study's folder says, as typed values: the border at which tables and events stop being loose."""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.convergence import EpochReport
from analysis.reading import StudyFolder, load_tables


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One driver's work on the study."""

    changed: tuple[str, ...]
    """What was no longer as the study began: ``code``, ``data``, ``versions``."""
    seconds: float


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
    is_over: bool = False
    """Whether the engine had nothing left to do, and was given nothing since."""
    searched_after_test: list[str] = field(default_factory=list)
    """Search trials that began after the test split was opened."""
    reports: list[EpochReport] = field(default_factory=list)
    """Of the search, in the order in which they came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Everything that the analysis of a study starts from."""

    study: Mapping[str, Any]
    trials: tuple[Trial, ...]
    table: pd.DataFrame
    """The trial table as it is, one row per trial in the order in which they were asked."""
    metrics: pd.DataFrame
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
        rows = self.metrics[self.metrics["trial_id"].isin(set(trial_ids))].dropna(subset=["series", "value"])
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
    table, metrics = load_tables(folder)
    return Records(
        study=folder.study,
        trials=tuple(_read_trial(row) for row in table.to_dict("records")),
        table=table,
        metrics=metrics,
        log=_read_log(folder.events_after(-1)),
        predictions=folder.predictions,
    )


def _read_trial(row: Mapping[Any, Any]) -> Trial:
    return Trial(
        trial_id=row["trial_id"],
        stage=row["stage"],
        arm=_text(row["arm"]),
        block=_text(row["block"]),
        status=row["status"],
        source=_text(row["source"]),
        config=json.loads(row["config_json"]),
        used=frozenset(name[2:] for name in row if name.startswith("p_") and not _is_missing(row[name])),
        config_hash=row["config_hash"],
        seed=int(row["seed"]),
        objective=_number(row["objective"]),
        epochs_run=int(row["epochs_run"]),
        max_epochs=int(row["max_epochs"]),
        rung=_whole(row["rung"]),
        train_s=float(row["train_s"]),
        duration_s=float(row["duration_s"]),
        n_params=_whole(row["n_params"]),
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


def _is_missing(value: Any) -> bool:
    return bool(pd.isna(value))


def _text(value: Any) -> str:
    return "" if _is_missing(value) else str(value)


def _number(value: Any) -> float | None:
    return None if _is_missing(value) or not math.isfinite(value) else float(value)


def _whole(value: Any) -> int | None:
    return None if _is_missing(value) else int(value)


def _read_log(events: Iterable[Mapping[str, Any]]) -> Log:
    log, clock = Log(), _WorkClock()
    searching: set[str] = set()
    for event in events:
        wall_s = clock.tell(event)
        if event["kind"] in ("asked", "budget", "finished"):
            log.is_over = event["kind"] == "finished"
        if event["kind"] == "asked" and event["stage"] == "search":
            searching.add(event["trial"])
            if log.test_opened:
                log.searched_after_test.append(event["trial"])
        elif event["kind"] == "reported" and event["trial"] in searching:
            log.reports.append(_read_report(event, wall_s))
        else:
            _take_in(log, event)
    log.sessions = clock.sessions()
    return log


def _take_in(log: Log, event: Mapping[str, Any]) -> None:
    kind = event["kind"]
    if kind == "budget":
        log.budget, log.checks, log.exhausted = event["trials"], event.get("checks", 0), False
    elif kind == "exhausted":
        log.exhausted = log.exhausted or event.get("stage", "search") == "search"
    elif kind == "selected":
        log.selected = event["config_hash"]
    elif kind == "test_opened":
        log.test_opened = True


def _read_report(event: Mapping[str, Any], wall_s: float) -> EpochReport:
    names = ("epoch", "value", "train_s")
    return EpochReport(trial_id=event["trial"], wall_s=wall_s, **{name: event[name] for name in names})


class _WorkClock:
    """Adds up the time in which a driver worked, session by session."""

    def __init__(self) -> None:
        self._changed: list[tuple[str, ...]] = []
        self._bounds: list[list[float]] = []  # first and last event of each session

    def tell(self, event: Mapping[str, Any]) -> float:
        """Take an event in; return the seconds worked until it."""
        if event["kind"] == "session" or not self._bounds:
            self._changed.append(tuple(event.get("changed", ())))
            self._bounds.append([event["time"], event["time"]])
        self._bounds[-1][1] = event["time"]
        return sum(end - begin for begin, end in self._bounds)

    def sessions(self) -> list[Session]:
        """List the sessions so far."""
        return [
            Session(changed=changed, seconds=end - begin)
            for changed, (begin, end) in zip(self._changed, self._bounds, strict=True)
        ]
