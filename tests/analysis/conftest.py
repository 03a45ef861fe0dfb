"""Study folders written by hand: a study.json and an event log, as a driver would have left them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import pytest

from analysis.trial_table import TrialRows, trial_columns
from cluster.events import read_events
from cluster.recorder import SegmentWriter

PUBLISHED = {"window": 16, "learning_rate": 0.001, "clip": None, "gate": "mixed", "ratio": 0.7}
BASE: dict[str, Any] = {
    "format": 1,
    "name": "toy",
    "created_at": "2026-01-02T03:04:05+00:00",
    "space": "toy",
    "space_hash": "5face",
    "family": "toy",
    "task": "anomaly",
    "spec": {
        "space": "toy",
        "data": "smd",
        "data_root": "data/smd",
        "series": ["a", "b"],
        "label_column": None,
        "timestamp": None,
        "objective": None,
        "labelled_by": "time",
        "trials": 4,
        "max_epochs": 3,
        "seed": 7,
        "sampler": "tpe",
        "scheduler": "asha",
        "fixed": {},
        "ranges": {},
        "confirm_top": 2,
        "confirm_seeds": 3,
        "full_test": False,
    },
    "objective": {
        "name": "labelled_event_f1",
        "direction": "maximize",
        "primary_metric": "event_f1_pa_log",
        "description": "best event F1 on the labelled part",
    },
    "objectives": ["labelled_event_f1", "log_gap", "val_loss"],
    "parameters": [
        {"name": "window", "choices": [8, 16, 32], "condition": ""},
        {"name": "learning_rate", "low": 0.0001, "high": 0.01, "log": True, "condition": ""},
        {"name": "clip", "choices": [5.0, None], "condition": ""},
        {"name": "gate", "choices": ["mixed", "none"], "condition": ""},
        {"name": "ratio", "low": 0.0, "high": 1.0, "log": False, "condition": "unless gate = none"},
    ],
    "fixed": {},
    "rungs": [1],
    "published": PUBLISHED,
    "preparation": ["clip"],
    "series": ["a", "b"],
    "objective_series": ["a", "b"],
    "test_series": ["a", "b"],
    "baselines": ["sum_of_squares", "random"],
    "notes": ["a: 2 of 5 features are constant"],
    "data_hash": "da7a",
    "columns": trial_columns(
        {"window": "int", "learning_rate": "float", "clip": "string", "gate": "string", "ratio": "float"},
        ["labelled_event_f1", "log_gap", "val_loss"],
        [
            *("event_f1_pa_log", "event_f1_pa_log_threshold", "point_f1_pa", "point_auprc"),
            "fixed_threshold_event_f1_pa_log",
        ],
    ),
    "code": {"git_commit": "c0ffee", "git_dirty": False, "hash": "50ce"},
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "hardware": {"node": "vm", "system": "Linux", "processor": None, "cpus": 2},
    "command": ["launch.py", "--space", "toy", "--name", "it's"],
}

FORECAST: dict[str, Any] = {
    "task": "forecast",
    "family": "toy_forecaster",
    "spec": {**BASE["spec"], "data": "ett", "data_root": "data/ett", "labelled_by": None},
    "objective": {
        "name": "val_mse",
        "direction": "minimize",
        "primary_metric": "mse",
        "epoch": "best",
        "description": "mean squared error of the best epoch",
    },
    "objectives": ["val_mse", "val_mae"],
    "preparation": [],
    "baselines": ["last_value", "seasonal_naive"],
    "notes": [],
    "columns": trial_columns(
        {"window": "int", "learning_rate": "float", "clip": "string", "gate": "string", "ratio": "float"},
        ["val_mse", "val_mae"],
        ["mse", "mae", "rmse", "r2", "mase"],
    ),
}
"""What a forecasting study has otherwise."""

Values = Mapping[str, float | None]
"""By series."""


class StudyBuilder:
    """Writes events in the order in which its methods are called; every event takes a second."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.study = {**BASE, **changes}
        self._events: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}
        self.event("session", changed=[])
        self.event("budget", trials=None)  # as many as there are in the end, see write()

    def event(self, kind: str, **fields: Any) -> None:
        seq = len(self._events)
        self._events.append({"seq": seq, "time": 1000.0 + seq, "kind": kind, **fields})

    def wait(self, seconds: float) -> None:
        """Let the last event's time pass on, as between two sessions."""
        self._events.append({"pause": seconds})

    def search(
        self, config: Mapping[str, Any], values: Sequence[float | Values], verdict: str = "complete", **options: Any
    ) -> str:
        """A search trial with its objective epoch by epoch; ``verdict`` may be complete, stop, running or an error."""
        options.setdefault("source", "published" if config == PUBLISHED else "sampler")
        return self._train("search", "search", config, values, verdict, block=None, **options)

    def confirm(
        self,
        config: Mapping[str, Any],
        block: int,
        values: Values,
        test: Mapping[str, Values] | None = None,
        verdict: str = "complete",
        **options: Any,
    ) -> str:
        """A confirmation trial, tested where ``test`` gives metrics by name."""
        epochs = options.pop("by_epoch", [values] * self.study["spec"]["max_epochs"])
        arm = options.pop("arm", "candidate")
        trial = self._train("confirm", arm, config, epochs, verdict, block=f"seed-{block}", **options)
        if test is not None:
            self.test(trial, test, config=config)
        return trial

    def check(
        self, window: int, objectives: Mapping[str, float], score: float | Values, *, clip: float | None = None
    ) -> str:
        """A random configuration of the check of the objectives, trained and tested."""
        config = {**PUBLISHED, "window": window, "clip": clip}
        own = objectives[self.study["objective"]["name"]]
        trial = self._train("validity", "random_configuration", config, [own, own, own], "complete", block=None)
        series = self.study["series"]
        more = dict.fromkeys(series, objectives)
        scores = score if isinstance(score, Mapping) else dict.fromkeys(series, score)
        self.test(trial, {"event_f1_pa_log": scores}, config=config, more=more)
        return trial

    def baseline(self, arm: str, block: int, test: Mapping[str, Values], objective: Values | None = None) -> str:
        trial = self._ask("baseline", arm, {}, block=f"seed-{block}", source="plan", seed=900 + block, max_epochs=0)
        self.event("started", trial=trial, attempt=1, work="baseline", from_epoch=0)
        value = None if objective is None else _mean(objective)
        metrics = {name: {self.study["objective"]["name"]: one} for name, one in (objective or {}).items()}
        self.test(trial, test, config={"clip": 5.0}, value=value, more=metrics)
        return trial

    def test(
        self,
        trial: str,
        test: Mapping[str, Values],
        *,
        config: Mapping[str, Any],
        value: float | None = None,
        more: Mapping[str, Mapping[str, float | None]] | None = None,
        part: str = "test",
    ) -> None:
        metrics: dict[str, dict[str, float | None]] = {name: dict(found) for name, found in (more or {}).items()}
        for name, by_series in test.items():
            key = name if name.startswith("full_") else f"{part}_{name}"
            for series, one in by_series.items():
                metrics.setdefault(series, {})[key] = one
        facts = {"node": "vm", "device": "cpu", "peak_memory_mb": 12.5}
        speed = {"latency_p50_ms": 1.25, "latency_p95_ms": 2.5, "windows_per_s": 4000.0}
        self.event(
            "tested",
            trial=trial,
            attempt=1,
            work="test",
            step_s=1.0,
            gpus=0.0,
            metrics=metrics,
            config=dict(config),
            threshold_source="labelled_part",
            facts=facts | (speed if trial.startswith(("confirm", "search")) else {}),
            value=value,
        )

    def predict(self, trial: str, rows: Sequence[tuple[Any, ...]] | pd.DataFrame) -> None:
        """What a trial predicted: rows of series, origin, step, time, column, actual, predicted."""
        columns = ["series", "origin", "step", "time", "column", "actual", "predicted"]
        table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=columns)
        (self.folder / "predictions").mkdir(parents=True, exist_ok=True)
        table.to_parquet(self.folder / "predictions" / f"{trial}.parquet", index=False)

    def select(self, config: Mapping[str, Any]) -> None:
        self.event("selected", config_hash=hash_config(config))
        self.event("test_opened")

    def write(self, *, lines: int | None = None) -> Path:
        """Write the folder; only so many lines of the log where the driver was killed."""
        (self.folder / "events").mkdir(parents=True)
        (self.folder / "study.json").write_text(json.dumps(self.study))
        self._events[1]["trials"] = self._events[1]["trials"] or self._numbers.get("search", 0) or 1
        shift, written = 0.0, []
        for event in self._events:
            shift += event.get("pause", 0.0)
            if "pause" not in event:
                written.append(json.dumps({**event, "seq": len(written), "time": event["time"] + shift}))
        text = "".join(f"{line}\n" for line in written[:lines])
        (self.folder / "events" / "log.jsonl").write_text(text)
        return self.folder

    def _train(
        self,
        stage: str,
        arm: str,
        config: Mapping[str, Any],
        values: Sequence[float | Values],
        verdict: str,
        *,
        block: str | None,
        source: str = "plan",
        seed: int | None = None,
        train_s: float = 2.0,
        n_params: int = 1000,
        learned: Sequence[Mapping[str, float]] = (),
        part: Mapping[str, str] | None = None,
    ) -> str:
        number = self._numbers.get(stage, 0)
        max_epochs = self.study["spec"]["max_epochs"]
        if seed is None:
            seed = (100 + number) if block is None else 500 + int(block.removeprefix("seed-"))
        trial = self._ask(
            stage, arm, config, block=block, source=source, seed=seed, max_epochs=max_epochs, **(part or {})
        )
        self.event("started", trial=trial, attempt=1, work="train", from_epoch=0)
        kept: dict[str, float] = {}
        for epoch, value in enumerate(values, start=1):
            by_series = value if isinstance(value, Mapping) else dict.fromkeys(self.study["objective_series"], value)
            last = epoch == len(values)
            kept = {name: min(one, kept.get(name, one)) for name, one in by_series.items() if one is not None}
            measures = learned[epoch - 1] if epoch <= len(learned) else {}
            self._report(trial, epoch, by_series, kept=kept, measures=measures, train_s=train_s, n_params=n_params)
            goes_on = not last or verdict not in ("complete", "stop")
            self.event("decided", trial=trial, epoch=epoch, verdict="continue" if goes_on else verdict)
        if verdict not in ("complete", "stop", "running"):
            self.event("failed", trial=trial, attempt=1, work="train", epoch=len(values), error=verdict)
        return trial

    def _ask(self, stage: str, arm: str, config: Mapping[str, Any], **fields: Any) -> str:
        number = self._numbers.get(stage, 0)
        self._numbers[stage] = number + 1
        trial = f"{stage}-{number:04d}"
        unused = {"ratio"} if config.get("gate") == "none" else set()
        self.event(
            "asked",
            trial=trial,
            stage=stage,
            arm=arm,
            number=number,
            config=dict(config),
            active=sorted(set(config) - unused),
            config_hash=hash_config({"baseline": arm} if stage == "baseline" else config),
            series=self.study["series"],
            **fields,
        )
        return trial

    def _report(
        self,
        trial: str,
        epoch: int,
        by_series: Values,
        *,
        kept: Mapping[str, float],
        measures: Mapping[str, float],
        train_s: float,
        n_params: int,
    ) -> None:
        name = self.study["objective"]["name"]
        is_best = self.study["objective"].get("epoch") == "best"
        self.event(
            "reported",
            trial=trial,
            attempt=1,
            work="train",
            step_s=train_s + 0.5,
            gpus=0.0,
            epoch=epoch,
            value=_mean(kept if is_best else by_series),
            metrics={series: {"train_loss": 0.5, name: value, **measures} for series, value in by_series.items()},
            **({"kept": {series: {name: value} for series, value in kept.items()}} if is_best else {}),
            train_s=train_s,
            checkpoint=None,
            facts={"node": "vm", "device": "cpu", "peak_memory_mb": 10.0, "kernel": "toy", "n_params": n_params},
        )


def hash_config(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(config), sort_keys=True).encode()).hexdigest()[:12]


def _mean(by_series: Values) -> float:
    return fmean(value for value in by_series.values() if value is not None)


GOOD = {**PUBLISHED, "window": 32, "learning_rate": 0.0035}
OTHER = {**PUBLISHED, "window": 8, "gate": "none"}

Make = Callable[..., StudyBuilder]


@pytest.fixture
def make_study(tmp_path: Path) -> Make:
    """Begin a study; further arguments replace entries of its ``study.json``."""

    def make(name: str = "toy", **changes: Any) -> StudyBuilder:
        return StudyBuilder(tmp_path / name, **{"name": name, **changes})

    return make


@pytest.fixture
def make_forecast(make_study: Make) -> Make:
    """Begin a forecasting study; further arguments replace entries of its ``study.json``."""

    def make(name: str = "toy", **changes: Any) -> StudyBuilder:
        return make_study(name, **{**FORECAST, **changes})

    return make


@pytest.fixture
def searched(make_study: Make) -> StudyBuilder:
    """A study whose search is over: three configurations reached full fidelity, one was stopped at its first rung."""
    study = make_study()
    study.search(PUBLISHED, [0.3, 0.4, 0.5])
    study.search(GOOD, [0.6, 0.7, 0.8])
    study.search({**GOOD, "window": 8}, [0.2], "stop")
    study.search(OTHER, [0.5, 0.6, 0.7])
    return study


@pytest.fixture
def finished(searched: StudyBuilder) -> Path:
    """A whole study: the good configuration wins, and random scores beat nobody."""
    return confirm_and_test(searched).write()


def confirm_and_test(study: StudyBuilder) -> StudyBuilder:
    trials = []
    for block in range(3):
        for config, values in ((GOOD, (0.74, 0.70)), (OTHER, (0.72, 0.66)), (PUBLISHED, (0.5, 0.5))):
            noise = 0.01 * (block - 1)
            objective = {"a": values[0] + noise, "b": values[1] - noise}
            size = 400 if config is OTHER else 1000
            trials.append((config, block, study.confirm(config, block, objective, n_params=size)))
    study.select(GOOD)
    for config, block, trial in trials:
        study.test(trial, test_metrics(config, block), config=config)
    study.baseline("sum_of_squares", 0, one_metric(a=0.6, b=0.5), objective={"a": 0.55, "b": 0.45})
    for block in range(3):
        study.baseline("random", block, one_metric(a=0.2 + 0.01 * block, b=0.1))
    return study


def test_metrics(config: Mapping[str, Any], block: int) -> dict[str, dict[str, float]]:
    """Primary metric by series and seed: see the hand-worked numbers in ``test_summary.py``."""
    primary = {
        hash_config(GOOD): ((0.80, 0.60), (0.82, 0.64), (0.84, 0.62)),
        hash_config(OTHER): ((0.84, 0.62), (0.82, 0.61), (0.80, 0.63)),
        hash_config(PUBLISHED): ((0.60, 0.50), (0.61, 0.52), (0.62, 0.51)),
    }[hash_config(config)][block]
    return one_metric(a=primary[0], b=primary[1])


test_metrics.__test__ = False  # type: ignore[attr-defined]  # a helper, whatever pytest makes of its name


def one_metric(**by_series: float) -> dict[str, dict[str, float]]:
    """All metrics of a test, around one value by series."""
    return {
        "event_f1_pa_log": by_series,
        "event_f1_pa_log_threshold": dict.fromkeys(by_series, 3.0),
        "point_f1_pa": {name: min(1.0, value + 0.15) for name, value in by_series.items()},
        "point_auprc": {name: value / 2 for name, value in by_series.items()},
        "fixed_threshold_event_f1_pa_log": {name: value - 0.1 for name, value in by_series.items()},
    }


@pytest.fixture
def configs() -> dict[str, dict[str, Any]]:
    """The configurations of the toy studies."""
    return {"published": PUBLISHED, "good": GOOD, "other": OTHER}


@pytest.fixture
def complete() -> Callable[[StudyBuilder], StudyBuilder]:
    """Add confirmation, test and baselines to a study whose search is over."""
    return confirm_and_test


@pytest.fixture
def metric() -> Callable[..., dict[str, dict[str, float]]]:
    """All metrics of a test, around one value by series."""
    return one_metric


@pytest.fixture
def write_segments() -> Callable[[Path], Path]:
    """Write a study's segments as a driver does that has news for its readers every few events."""
    return in_segments


def in_segments(folder: Path, *, every: int = 20) -> Path:
    writer = SegmentWriter(folder, TrialRows(json.loads((folder / "study.json").read_text())))
    for event in read_events(folder / "events"):
        writer.replay(event)
        if event.seq % every == 0:
            writer.flush()
    writer.close()
    return folder
