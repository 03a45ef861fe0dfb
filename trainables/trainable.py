"""The Ray Tune trainable: an actor that works through segments of trials, one after another.

To Ray, a segment is a trial: ours are resumed, retried and moved by being handed out again (``cluster/tuner.py``), so
Ray's own checkpoints, retries and restores stay unused. The actor is reused, so it starts Python and PyTorch once.
"""

import json
from typing import Any

import torch
from ray import tune

from trainables.checkpoints import BadCheckpointError
from trainables.devices import choose_device
from trainables.models import FAMILIES
from trainables.segment import Segment
from trainables.segment_runner import SegmentRunner
from trainables.tasks import TASKS
from trainables.tasks.base import StudyData

SEGMENT = "segment"
"""The only key of a Ray trial's config."""
REPORT = "report"
"""The key of a result under which our report lies, as JSON: Ray Tune flattens and adds to what it passes on."""


class SegmentTrainable(tune.Trainable):
    """Runs one segment at a time and reports one step at a time; it never ends a trial itself."""

    def setup(
        self, config: dict[str, Any], data: StudyData | None = None, n_threads: int = 1, use_gpu: bool = False
    ) -> None:
        """Start the actor, with the study's data as Ray shares it: read-only and without a copy per actor.

        Raises:
            RuntimeError: If a GPU was promised and PyTorch sees none.
        """
        assert data is not None
        torch.set_num_threads(n_threads)
        # Weights and moments that decay towards zero would be computed on in the slow denormal form.
        torch.set_flush_denormal(True)
        self._data = data
        self._device = choose_device(use_gpu=use_gpu)
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next segment."""
        self._take(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Do the segment's next piece of work."""
        report = self._runner if isinstance(self._runner, dict) else self._runner.step()
        return {REPORT: json.dumps(report, allow_nan=False)}

    def _take(self, config: dict[str, Any]) -> None:
        segment = Segment.from_dict(config[SEGMENT])
        try:
            task = TASKS[FAMILIES[segment.family].task]
            self._runner: SegmentRunner | dict[str, Any] = SegmentRunner(segment, self._data, task, self._device)
        except BadCheckpointError as error:
            self._runner = _identify(segment) | {"lost": str(error), "bad_checkpoint": segment.from_epoch}
        except Exception as error:  # a configuration that cannot be built is a failed trial, not a dead worker
            self._runner = _identify(segment) | {"failed": f"{type(error).__name__}: {error}"}


def _identify(segment: Segment) -> dict[str, Any]:
    return {"trial": segment.trial_id, "attempt": segment.attempt, "work": segment.work}
