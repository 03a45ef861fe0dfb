"""Study folders of any size without training: a driver's events and segments, with drawn configurations and scores.

What the engine writes is written by the engine's own code (:class:`TrialRows`, :class:`SegmentWriter`, the lines of the
event log); only the values are made up. Every trial of the search reports at each of its rungs, sixteen run at a time,
one in fifty fails after its last one; then three winners and the published configuration are confirmed and tested.
"""

import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.trial_table import TrialRows
from cluster.events import LOG_NAME, Event
from cluster.recorder import MOST_METRIC_ROWS, SegmentWriter
from cluster.resolution import resolve
from cluster.study import StudySpec
from cluster.study_record import describe_study

AT_ONCE = 16
N_SEEDS = 5
BEGAN = 1_790_000_000.0
_FACTS = {"node": "node-1", "process": 4711, "device": "cpu", "peak_memory_mb": 30.25, "kernel": "fused-pytorch"}

Config = dict[str, Any]


def write_study(folder: Path, *, n_trials: int, n_rungs: int, seed: int = 0) -> Path:
    """Write a finished study of LightMMoE on the two sample series.

    Args:
        folder: Where to; it must not hold a study.
        n_trials: Of the search.
        n_rungs: Reports of each of them.
        seed: Of everything that is drawn.
    """
    study = _describe(folder.name, n_trials, n_rungs)
    (folder / "events").mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps(study, indent=2))
    writer = _Writer(folder, study)
    with (folder / "events" / LOG_NAME).open("w") as log:
        for number, (kind, fields) in enumerate(_Story(study, n_trials, n_rungs, seed).events()):
            event = Event(seq=number, time=BEGAN + number / 100, kind=kind, fields=fields)
            log.write(event.to_line())
            writer.apply(event)
    writer.close()
    return folder


class _Writer:
    """Writes segments as a driver does that flushes by size alone; the clock of this run is no driver's."""

    def __init__(self, folder: Path, study: Mapping[str, Any]) -> None:
        self._rows = TrialRows(study)
        self._segments = SegmentWriter(folder, self._rows)

    def apply(self, event: Event) -> None:
        self._segments.replay(event)
        if len(self._rows.metric_rows) >= MOST_METRIC_ROWS:
            self._segments.flush()

    def close(self) -> None:
        self._segments.close()


def _describe(name: str, n_trials: int, n_rungs: int) -> dict[str, Any]:
    spec = StudySpec(space="lightmmoe", trials=n_trials, max_epochs=n_rungs, confirm_seeds=N_SEEDS)
    study = describe_study(resolve(spec), name)
    return study | {
        "rungs": list(range(1, n_rungs)),
        "created_at": "2026-09-21T13:33:20+00:00",
        "code": {"git_commit": "c0ffee", "git_dirty": False, "hash": "50ce"},
        "versions": {"python": "3.11"},
        "hardware": {"node": "node-1", "system": "Linux", "processor": None, "cpus": 2},
        "command": ["launch.py", "--space", "lightmmoe"],
    }


class _Story:
    """What happens in the study, event by event."""

    def __init__(self, study: Mapping[str, Any], n_trials: int, n_rungs: int, seed: int) -> None:
        self._study, self._n_trials, self._n_rungs = study, n_trials, n_rungs
        self._draw = random.Random(seed)
        self._best: list[tuple[float, Config]] = []

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Iterate over kinds and fields."""
        yield "session", {"process": 1, "node": "node-1", "changed": []}
        yield "budget", {"trials": self._n_trials, "checks": 0}
        for begin in range(0, self._n_trials, AT_ONCE):
            yield from self._search(range(begin, min(begin + AT_ONCE, self._n_trials)))
        yield from self._confirm([self._study["published"], *(config for _, config in self._best)])
        yield from self._test_baselines()
        yield "finished", {}

    def _search(self, numbers: Sequence[int]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Let some trials climb their rungs side by side."""
        trials = [f"search-{number:06d}" for number in numbers]
        configs = [self._draw_config() if number else dict(self._study["published"]) for number in numbers]
        heights = [self._draw.betavariate(4, 3) for _ in numbers]
        for number, trial, config in zip(numbers, trials, configs, strict=True):
            yield self._asked("search", trial, number, config, "sampler" if number else "published")
            yield "started", {"trial": trial, "attempt": 1, "work": "train", "from_epoch": 0}
        values = dict.fromkeys(trials, 0.0)
        for epoch in range(1, self._n_rungs + 1):
            for number, trial, height in zip(numbers, trials, heights, strict=True):
                values[trial] = height * (1 - math.exp(-epoch / 4)) + self._draw.gauss(0, 0.01)
                yield self._reported(trial, epoch, values[trial])
                yield self._decided(trial, epoch, fails=number % 50 == 49)
        self._best += [(values[trial], config) for trial, config in zip(trials, configs, strict=True)]
        self._best = sorted(self._best, key=lambda pair: -pair[0])[:3]

    def _confirm(self, configs: Sequence[Config]) -> Iterator[tuple[str, dict[str, Any]]]:
        plan = [(config, block) for config in configs for block in range(N_SEEDS)]
        named = [(f"confirm-{number:04d}", number, *pair) for number, pair in enumerate(plan)]
        for trial, number, config, block in named:
            yield self._asked("confirm", trial, number, config, "plan", block)
            yield "started", {"trial": trial, "attempt": 1, "work": "train", "from_epoch": 0}
            for epoch in range(1, self._n_rungs + 1):
                yield self._reported(trial, epoch, self._draw.gauss(0.7, 0.02))
                yield self._decided(trial, epoch, fails=False)
        yield "selected", {"config_hash": _hash(configs[-1])}
        yield "test_opened", {}
        for trial, _, config, _ in named:
            yield self._tested(trial, config, "labelled_part", None)

    def _test_baselines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        plan = [(arm, block) for arm in self._study["baselines"] for block in range(N_SEEDS if arm == "random" else 1)]
        for number, (arm, block) in enumerate(plan):
            trial = f"baseline-{number:04d}"
            yield self._asked("baseline", trial, number, {}, "plan", block, arm=arm)
            yield "started", {"trial": trial, "attempt": 1, "work": "baseline", "from_epoch": 0}
            yield self._tested(trial, {"clip": 5.0}, "labelled_part", self._draw.betavariate(2, 3))

    def _draw_config(self) -> Config:
        drawn = {one["name"]: self._draw_value(one) for one in self._study["parameters"]}
        return dict(self._study["published"]) | drawn

    def _draw_value(self, parameter: Mapping[str, Any]) -> object:
        if "choices" in parameter:
            return self._draw.choice(parameter["choices"])
        low, high = parameter["low"], parameter["high"]
        if parameter["log"]:
            return math.exp(self._draw.uniform(math.log(low), math.log(high)))
        return self._draw.randint(low, high) if isinstance(low, int) else self._draw.uniform(low, high)

    def _asked(
        self, stage: str, trial: str, number: int, config: Config, source: str, block: int | None = None, arm: str = ""
    ) -> tuple[str, dict[str, Any]]:
        return "asked", {
            "trial": trial,
            "stage": stage,
            "arm": arm or ("search" if stage == "search" else "candidate"),
            "number": number,
            "source": source,
            "seed": 1000 + (number if block is None else block),
            "block": None if block is None else f"seed-{block}",
            "config": config,
            "active": sorted(config),
            "config_hash": _hash(config or {"baseline": arm}),
            "series": self._study["series"],
            "max_epochs": 0 if stage == "baseline" else self._n_rungs,
        }

    def _reported(self, trial: str, epoch: int, value: float) -> tuple[str, dict[str, Any]]:
        name, train_s = self._study["objective"]["name"], self._draw.uniform(0.2, 0.4)
        by_series = {series: {"train_loss": self._draw.random(), name: value} for series in self._study["series"]}
        return "reported", {
            "trial": trial,
            "attempt": 1,
            "work": "train",
            "step_s": train_s + 0.05,
            "gpus": 0.0,
            "epoch": epoch,
            "value": value,
            "metrics": by_series,
            "train_s": train_s,
            "checkpoint": {"epoch": epoch, "bytes": 2_848_835},
            "facts": _FACTS | {"n_params": 232_390},
        }

    def _decided(self, trial: str, epoch: int, *, fails: bool) -> tuple[str, dict[str, Any]]:
        is_last = epoch == self._n_rungs
        if is_last and fails:
            error = f"validation loss is nan after epoch {epoch}"
            return "failed", {"trial": trial, "attempt": 1, "work": "train", "epoch": epoch, "error": error}
        return "decided", {"trial": trial, "epoch": epoch, "verdict": "complete" if is_last else "continue"}

    def _tested(self, trial: str, config: Config, source: str, value: float | None) -> tuple[str, dict[str, Any]]:
        names = [name.removeprefix("m_") for name in self._study["columns"] if name.startswith("m_test_")]
        metrics = {series: {name: self._draw.betavariate(6, 3) for name in names} for series in self._study["series"]}
        return "tested", {
            "trial": trial,
            "attempt": 1,
            "work": "test",
            "step_s": 1.0,
            "gpus": 0.0,
            "metrics": metrics,
            "config": config,
            "threshold_source": source,
            "facts": _FACTS,
            "value": value,
        }


def _hash(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
