"""Working through a segment of a trial on one worker, without any cluster.

Each (configuration, series, seed) of the trial is a run with a model of its own.
"""

import math
import os
import platform
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainables.adam import Adam
from trainables.checkpoints import BadCheckpointError, load_checkpoint, save_checkpoint
from trainables.efficiency import MemoryMeter, measure_speed
from trainables.models import FAMILIES
from trainables.predictions import write_predictions
from trainables.segment import Segment
from trainables.tasks.anomaly import AnomalyTask, Outcome
from trainables.tasks.base import StudyData
from trainables.tasks.detectors import ForecastDetector
from trainables.training import DivergedError, torch_generator, train_epoch

SECONDS_BETWEEN_CHECKPOINTS = 30.0
"""Beyond the epochs that ask for one, a checkpoint is written when this much work would be lost."""


@dataclass(kw_only=True, slots=True)
class _Run:
    """One model on one series."""

    model: nn.Module
    optimizer: Adam
    losses: list[float] = field(default_factory=list)


class SegmentRunner:
    """Carries out one segment, step by step."""

    def __init__(self, segment: Segment, data: StudyData, task: AnomalyTask, device: torch.device) -> None:
        """Prepare the segment: build its models, or load them.

        Raises:
            BadCheckpointError: If the checkpoint to start from cannot be read.
        """
        self.segment, self.data, self.task, self.device = segment, data, task, device
        self._memory = MemoryMeter(device)
        self._epoch = segment.from_epoch
        self._train_s = 0.0
        self._last_checkpoint = time.monotonic()
        if segment.work != "baseline":
            self._family = FAMILIES[segment.family]
            self._config = self._family.config.from_dict(segment.config)
            self._runs = {name: self._make_run(name) for name in segment.series}
            if segment.from_epoch > 0:
                self._load(segment.from_epoch)

    def step(self) -> dict[str, Any]:
        """Do the next piece of work: one epoch over all series, or the whole test.

        Returns:
            A report, of plain values: what happened, or why it failed. A failure is a report and no exception, so that
            the worker lives on.
        """
        started = time.monotonic()
        try:
            report = {"train": self._train, "test": self._test, "baseline": self._test_baseline}[self.segment.work]()
        except DivergedError as error:
            report = {"failed": str(error)}
        except OSError as error:  # a full disk says nothing about the configuration
            report = {"unwritable": str(error)}
        except Exception as error:  # whatever a model raises is a row with its error
            report = {"failed": f"{type(error).__name__}: {error}", "traceback": _short_traceback(error)}
        identity = {"trial": self.segment.trial_id, "attempt": self.segment.attempt, "work": self.segment.work}
        return {**identity, **report, "step_s": time.monotonic() - started}

    def _train(self) -> dict[str, Any]:
        train_s = self._train_one_epoch()
        metrics = {name: {"train_loss": run.losses[-1]} for name, run in self._runs.items()}
        for name, found in self._validate().items():
            metrics[name] |= found
        value = float(np.mean([metrics[name][self.data.objective.name] for name in self._judged_series()]))
        if not np.isfinite(value):
            raise DivergedError(f"the objective {self.data.objective.name} became {value} in epoch {self._epoch}")
        return {
            "epoch": self._epoch,
            "value": value,
            "metrics": _without_nan(metrics),
            "train_s": train_s,
            "checkpoint": self._save_if_due(),
            "facts": self._facts(),
        }

    def _test(self) -> dict[str, Any]:
        """Test the fully trained model; epochs whose checkpoint was lost are trained again, to the same weights."""
        while self._epoch < self.segment.max_epochs:
            self._train_one_epoch()
        detectors = {name: self._detector(name) for name in self._runs}
        outcomes = {name: self._open(name, detector) for name, detector in detectors.items()}
        first = self.segment.series[0]
        speed = measure_speed(detectors[first], self.data.series[first].test, self.device)
        return self._tested(outcomes, config=dict(self.segment.config), facts=self._facts() | speed)

    def _test_baseline(self) -> dict[str, Any]:
        config, detectors = self.task.baseline(self.segment.arm, self.data, seed=self.segment.seed, device=self.device)
        outcomes = {name: self._open(name, detectors[name]) for name in self.segment.series}
        validation = {
            name: self.task.validate(
                detectors[name], self.data.series[name], config=None, names=self.task.objectives, device=self.device
            )
            for name in self.data.objective_series
        }
        report = self._tested(outcomes, config=config, facts=self._facts())
        for name, values in validation.items():
            report["metrics"].setdefault(name, {}).update(values)
        report["metrics"] = _without_nan(report["metrics"])
        found = [
            values[self.data.objective.name] for values in validation.values() if self.data.objective.name in values
        ]
        return report | {"value": float(np.mean(found)) if found else None}

    def _train_one_epoch(self) -> float:
        started = time.monotonic()
        self._epoch += 1
        for name, run in self._runs.items():
            windows, targets = self.task.training_set(self.data.series[name], self._config, self.device)
            epoch = train_epoch(
                run.model,
                run.optimizer,
                windows,
                targets=targets,
                batch_size=self._config.batch_size,
                generator=torch_generator(self.device, self.segment.seed, name, "epoch", self._epoch),
            )
            run.losses.append(epoch.loss)
        train_s = time.monotonic() - started
        self._train_s += train_s
        return train_s

    def _validate(self) -> dict[str, dict[str, float]]:
        """Compute the study's objective, and at the end every other one too if that is wanted."""
        every = self.segment.all_objectives and self._epoch >= self.segment.max_epochs
        names = self.task.objectives.keys() if every else {self.data.objective.name}
        return {
            name: self.task.validate(
                self._detector(name),
                self.data.series[name],
                config=self._config,
                names=names,
                device=self.device,
            )
            for name in self._judged_series()
        }

    def _detector(self, name: str) -> ForecastDetector:
        return self.task.detector(self._runs[name].model, self._config, self.data.series[name])

    def _judged_series(self) -> list[str]:
        return [name for name in self.data.objective_series if name in self._runs]

    def _open(self, name: str, detector: Any) -> Outcome:
        config = self._config if self.segment.work == "test" else None
        series = self.data.series[name]
        return self.task.test(detector, series, config=config, full=self.segment.full_test, device=self.device)

    def _tested(
        self, outcomes: Mapping[str, Outcome], *, config: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        write_predictions(Path(self.segment.prediction_file), outcomes, self.data.series)
        return {
            "metrics": _without_nan({name: outcome.metrics for name, outcome in outcomes.items()}),
            "config": dict(config),
            "threshold_source": ", ".join(sorted({outcome.threshold_source for outcome in outcomes.values()})),
            "facts": dict(facts),
        }

    def _make_run(self, name: str) -> _Run:
        generator = torch_generator("cpu", self.segment.seed, name, "weights")
        model = self._family.build(self._config, self.data.series[name].n_features, generator).to(self.device)
        optimizer = Adam(
            model.parameters(), learning_rate=self._config.learning_rate, weight_decay=self._config.weight_decay
        )
        return _Run(model=model, optimizer=optimizer)

    def _save_if_due(self) -> dict[str, int] | None:
        waited = time.monotonic() - self._last_checkpoint
        if self._epoch not in self.segment.checkpoint_epochs and waited < SECONDS_BETWEEN_CHECKPOINTS:
            return None
        states = {
            name: {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict()}
            for name, run in self._runs.items()
        }
        n_bytes = save_checkpoint(Path(self.segment.checkpoint_folder), self._epoch, states)
        self._last_checkpoint = time.monotonic()
        return {"epoch": self._epoch, "bytes": n_bytes}

    def _load(self, epoch: int) -> None:
        states = load_checkpoint(Path(self.segment.checkpoint_folder), epoch, self.device)
        for name, run in self._runs.items():
            try:
                run.model.load_state_dict(states[name]["model"])
                run.optimizer.load_state_dict(states[name]["optimizer"])
            except (KeyError, RuntimeError, ValueError) as error:
                raise BadCheckpointError(f"the checkpoint of epoch {epoch} does not fit: {error}") from error

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "node": platform.node(),
            "process": os.getpid(),
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            "peak_memory_mb": self._memory.peak_mb(),
        }
        if self.segment.work != "baseline":
            n_params = max(sum(p.numel() for p in run.model.parameters()) for run in self._runs.values())
            facts |= {"kernel": self._family.kernel, "n_params": n_params}
        return facts


def _without_nan(metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Replace what is undefined by ``None``: reports hold numbers that JSON can hold."""
    return {
        series: {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}
        for series, found in metrics.items()
    }


def _short_traceback(error: BaseException) -> str:
    """Return the last lines of a traceback, enough to find the place."""
    return "".join(traceback.format_exception(error))[-4000:]
