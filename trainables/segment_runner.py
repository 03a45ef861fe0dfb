"""Working through a segment of a trial on one worker, without any cluster.

Each (configuration, series, seed) of the trial is a run with a model of its own.
"""

import math
import os
import platform
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainables.artifacts import Artifacts
from trainables.checkpoints import BadCheckpointError, load_checkpoint, save_checkpoint
from trainables.efficiency import MemoryMeter, measure_speed
from trainables.models import FAMILIES
from trainables.predictions import write_predictions
from trainables.run import Run, Setting
from trainables.segment import Segment
from trainables.tasks.base import Outcome, StudyData, Task
from trainables.training import DivergedError

SECONDS_BETWEEN_CHECKPOINTS = 30.0
"""Beyond the epochs that ask for one, a checkpoint is written when this much work would be lost."""


class SegmentRunner:
    """Carries out one segment, step by step."""

    def __init__(self, segment: Segment, data: StudyData, task: Task, device: torch.device) -> None:
        """Prepare the segment: build its models, or load them.

        Raises:
            BadCheckpointError: If the checkpoint to start from cannot be read.
        """
        self.segment, self.data, self.task, self.device = segment, data, task, device
        self._memory = MemoryMeter(device)
        self._epoch = segment.from_epoch
        self._last_checkpoint = time.monotonic()
        if segment.work != "baseline":
            self._family = FAMILIES[segment.family]
            self._setting = Setting(
                family=self._family,
                config=self._family.config.from_dict(segment.config),
                task=task,
                objective=data.objective,
                seed=segment.seed,
                max_epochs=segment.max_epochs,
                precision=segment.precision,
                device=device,
            )
            self._runs = {name: Run(self._setting, data.series[name]) for name in segment.series}
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
        judged = [self._runs[name].kept[self.data.objective.name] for name in self._judged_series()]
        value = float(np.mean(judged))
        if not np.isfinite(value):
            raise DivergedError(f"the objective {self.data.objective.name} became {value} in epoch {self._epoch}")
        return {
            "epoch": self._epoch,
            "value": value,
            "over": self._is_over(),
            "metrics": _without_nan({name: run.metrics for name, run in self._runs.items()}),
            "kept": _without_nan({name: run.kept for name, run in self._runs.items()}),
            "train_s": train_s,
            "checkpoint": self._save_if_due(),
            "facts": self._facts(),
        }

    def _test(self) -> dict[str, Any]:
        """Test the fully trained model; epochs whose checkpoint was lost are trained again, to the same weights."""
        while self._epoch < self.segment.max_epochs and not self._is_over():
            self._train_one_epoch()
        for run in self._runs.values():
            run.finish()
        predictors = {name: run.predictor() for name, run in self._runs.items()}
        outcomes = {name: self._open(name, predictor) for name, predictor in predictors.items()}
        first = self.segment.series[0]
        speed = measure_speed(self.task.workload(predictors[first], self.data.series[first], self.device))
        return self._tested(outcomes, config=dict(self.segment.config), facts=self._facts() | speed)

    def _test_baseline(self) -> dict[str, Any]:
        config, predictors = self.task.baseline(self.segment.arm, self.data, seed=self.segment.seed, device=self.device)
        outcomes = {name: self._open(name, predictors[name]) for name in self.segment.series}
        validation = {
            name: self.task.validate(
                predictors[name], self.data.series[name], config=None, names=self.task.objectives, device=self.device
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
        """Train and validate every run that is not over.

        Returns:
            Seconds of training alone.
        """
        self._epoch += 1
        going_on = [run for run in self._runs.values() if not run.over]
        started = time.monotonic()
        for name, run in self._runs.items():
            if run.epoch == 0:
                run.prepare(self._artifacts(name))
            if run in going_on:
                run.train()
        train_s = time.monotonic() - started
        for name, run in self._runs.items():
            if run in going_on and (name in self.data.objective_series or self.data.objective.epoch == "best"):
                run.validate(self._objectives_wanted())
        return train_s

    def _objectives_wanted(self) -> list[str]:
        """Name the study's objective, and at the end every other one too if that is wanted."""
        every = self.segment.all_objectives and self._epoch >= self.segment.max_epochs
        return list(self.task.objectives) if every else [self.data.objective.name]

    def _is_over(self) -> bool:
        return all(run.over for run in self._runs.values())

    def _artifacts(self, name: str) -> Artifacts:
        return Artifacts(
            folder=Path(self.segment.artifact_folder),
            data=f"{self.data.data_hash} {name}",
            seed=self.segment.artifact_seed,
        )

    def _judged_series(self) -> list[str]:
        return [name for name in self.data.objective_series if name in self._runs]

    def _open(self, name: str, predictor: Any) -> Outcome:
        config = self._setting.config if self.segment.work == "test" else None
        series = self.data.series[name]
        return self.task.test(predictor, series, config=config, full=self.segment.full_test, device=self.device)

    def _tested(
        self, outcomes: Mapping[str, Outcome], *, config: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        write_predictions(Path(self.segment.prediction_file), [one.predictions for one in outcomes.values()])
        return {
            "metrics": _without_nan({name: outcome.metrics for name, outcome in outcomes.items()}),
            "config": dict(config),
            "threshold_source": ", ".join(sorted({outcome.threshold_source for outcome in outcomes.values()})),
            "facts": dict(facts),
        }

    def _save_if_due(self) -> dict[str, int] | None:
        waited = time.monotonic() - self._last_checkpoint
        if (
            not self._is_over()
            and self._epoch not in self.segment.checkpoint_epochs
            and waited < SECONDS_BETWEEN_CHECKPOINTS
        ):
            return None
        trains_on = self._epoch < self.segment.max_epochs and not self._is_over()
        states = {name: run.state_dict(trains_on=trains_on) for name, run in self._runs.items()}
        n_bytes = save_checkpoint(Path(self.segment.checkpoint_folder), self._epoch, states)
        self._last_checkpoint = time.monotonic()
        return {"epoch": self._epoch, "bytes": n_bytes}

    def _load(self, epoch: int) -> None:
        states = load_checkpoint(Path(self.segment.checkpoint_folder), epoch, self.device)
        for name, run in self._runs.items():
            try:
                run.load_state_dict(states.get(name, {}))
            except BadCheckpointError as error:
                raise BadCheckpointError(f"the checkpoint of epoch {epoch} is not this trial's: {error}") from error

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "node": platform.node(),
            "process": os.getpid(),
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            "peak_memory_mb": self._memory.peak_mb(),
        }
        if self.segment.work != "baseline":
            n_params = max(run.n_params for run in self._runs.values())
            facts |= {"kernel": self._family.kernel(self.device), "n_params": n_params}
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
