"""What needs a CUDA device."""

from pathlib import Path

import pytest
import torch

from tests.conftest import TINY, make_series
from trainables.segment import Segment
from trainables.segment_runner import SegmentRunner
from trainables.tasks.anomaly import AnomalyTask

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_a_trial_on_the_gpu_learns_what_it_learns_on_the_cpu(tmp_path: Path) -> None:
    """Dropout off: only rounding and the order of the data (drawn on the device) may differ."""
    task = AnomalyTask()
    data = task.prepare([make_series(n_steps=1000)], objective="val_loss", labelled_by="time", seed=0)
    losses = {}
    for device in ("cpu", "cuda"):
        segment = Segment(
            trial_id="t", attempt=1, work="train", family="lightmmoe", arm="search", seed=0, series=("tiny",),
            config={**TINY, "expert_dropout": 0.0, "tower_dropout": 0.0}, from_epoch=0, max_epochs=8,
            checkpoint_epochs=(8,), checkpoint_folder=str(tmp_path / device), prediction_file=str(tmp_path / "p"),
            artifact_folder=str(tmp_path / "artifacts"), artifact_seed=0, precision="fp32",
            full_test=False, all_objectives=True,
        )  # fmt: skip
        runner = SegmentRunner(segment, data, task, torch.device(device))
        reports = [runner.step() for _ in range(8)]
        losses[device] = reports[-1]["value"]
        assert reports[-1]["facts"]["device"] == ("cpu" if device == "cpu" else torch.cuda.get_device_name())
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.15)
