"""A trial worked through without a cluster: epochs, checkpoints, failures, the test."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.conftest import TINY, make_series
from trainables.checkpoints import BadCheckpointError, checkpoint_path
from trainables.data.windows import CONTEXT
from trainables.segment import Segment
from trainables.segment_runner import SegmentRunner
from trainables.tasks.anomaly import AnomalyTask
from trainables.tasks.base import StudyData

CPU = torch.device("cpu")
TASK = AnomalyTask()


@pytest.fixture(scope="module")
def data() -> StudyData:
    series = [make_series("one", n_steps=1000), make_series("second", n_steps=900, seed=1)]
    return TASK.prepare(series, objective="labelled_event_f1", labelled_by="time", seed=0)


def _segment(folder: Path, **changes: Any) -> Segment:
    values: dict[str, Any] = {
        "trial_id": "search-0000",
        "attempt": 1,
        "work": "train",
        "family": "lightmmoe",
        "arm": "search",
        "config": TINY,
        "seed": 5,
        "series": ("one", "second"),
        "from_epoch": 0,
        "max_epochs": 4,
        "checkpoint_epochs": (1, 2, 3, 4),
        "checkpoint_folder": str(folder / "checkpoints" / "search-0000"),
        "prediction_file": str(folder / "predictions" / "search-0000.parquet"),
        "artifact_folder": str(folder / "artifacts"),
        "artifact_seed": 0,
        "precision": "fp32",
        "full_test": True,
        "all_objectives": True,
    }
    return Segment(**(values | changes))


def _run(segment: Segment, data: StudyData, n_steps: int) -> list[dict[str, Any]]:
    runner = SegmentRunner(segment, data, TASK, CPU)
    return [runner.step() for _ in range(n_steps)]


def _what_counts(report: dict[str, Any]) -> tuple[Any, ...]:
    return report["epoch"], report["value"], report["metrics"]


def test_reports_of_a_whole_trial(tmp_path: Path, data: StudyData) -> None:
    reports = _run(_segment(tmp_path), data, 4)
    assert [report["epoch"] for report in reports] == [1, 2, 3, 4]
    first, last = reports[0], reports[-1]
    assert first["value"] == pytest.approx(sum(found["labelled_event_f1"] for found in first["metrics"].values()) / 2)
    assert first["metrics"]["one"].keys() == {"train_loss", "labelled_event_f1"}
    assert {"labelled_auprc", "log_gap", "val_loss"} <= last["metrics"]["one"].keys()
    alone = _run(_segment(tmp_path / "alone", all_objectives=False), data, 4)[-1]
    assert alone["metrics"]["one"].keys() == {"train_loss", "labelled_event_f1"}
    assert last["facts"]["kernel"] == "fused-pytorch"
    assert last["metrics"]["one"]["train_loss"] < first["metrics"]["one"]["train_loss"]


def test_going_on_from_a_checkpoint_equals_not_stopping(tmp_path: Path, data: StudyData) -> None:
    unbroken = _run(_segment(tmp_path / "a"), data, 4)
    _run(_segment(tmp_path / "b"), data, 2)
    resumed = _run(_segment(tmp_path / "b", from_epoch=2, attempt=2), data, 2)
    assert [_what_counts(report) for report in resumed] == [_what_counts(report) for report in unbroken[2:]]


def test_a_run_does_not_depend_on_the_other_series_of_its_trial(tmp_path: Path, data: StudyData) -> None:
    together = _run(_segment(tmp_path / "a"), data, 2)
    alone = _run(_segment(tmp_path / "b", series=("second",)), data, 2)
    assert alone[1]["metrics"]["second"] == together[1]["metrics"]["second"]


def test_two_checkpoints_are_kept_and_loaded_without_code(tmp_path: Path, data: StudyData) -> None:
    segment = _segment(tmp_path)
    reports = _run(segment, data, 4)
    folder = Path(segment.checkpoint_folder)
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-00003.pt", "epoch-00004.pt"]
    assert reports[-1]["checkpoint"] == {"epoch": 4, "bytes": checkpoint_path(folder, 4).stat().st_size}


def test_epochs_without_a_checkpoint_say_so(tmp_path: Path, data: StudyData) -> None:
    reports = _run(_segment(tmp_path, checkpoint_epochs=(2,)), data, 3)
    assert [report["checkpoint"] is None for report in reports] == [True, False, True]


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, data: StudyData) -> None:
    segment = _segment(tmp_path)
    _run(segment, data, 2)
    path = checkpoint_path(Path(segment.checkpoint_folder), 2)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadCheckpointError, match="epoch-00002"):
        SegmentRunner(_segment(tmp_path, from_epoch=2), data, TASK, CPU)
    with pytest.raises(BadCheckpointError):
        SegmentRunner(_segment(tmp_path, from_epoch=3), data, TASK, CPU)


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path, data: StudyData) -> None:
    _run(_segment(tmp_path), data, 1)
    with pytest.raises(BadCheckpointError, match="does not fit"):
        SegmentRunner(_segment(tmp_path, from_epoch=1, config={**TINY, "expert_hidden": 9}), data, TASK, CPU)


def test_the_test_equals_one_without_a_checkpoint(tmp_path: Path, data: StudyData) -> None:
    """A lost checkpoint costs time, not results: the model is trained again to the same weights."""
    _run(_segment(tmp_path / "a"), data, 4)
    with_checkpoint = _run(_segment(tmp_path / "a", work="test", from_epoch=4), data, 1)[0]
    without = _run(_segment(tmp_path / "b", work="test"), data, 1)[0]
    assert with_checkpoint["metrics"] == without["metrics"]
    assert with_checkpoint["metrics"]["one"]["test_event_f1_pa_log"] > 0
    assert with_checkpoint["metrics"]["one"]["full_event_f1_pa_log"] > 0
    assert with_checkpoint["facts"]["latency_p50_ms"] > 0
    assert with_checkpoint["threshold_source"] == "labelled_part"


def test_predictions_are_the_scores_of_every_series(tmp_path: Path, data: StudyData) -> None:
    segment = _segment(tmp_path, work="test")
    _run(segment, data, 1)
    frame = pd.read_parquet(segment.prediction_file)
    assert set(frame["series"]) == {"one", "second"}
    one = frame[frame["series"] == "one"]
    assert one["step"].tolist() == list(range(CONTEXT, 1000))
    assert one["untouched"].sum() == len(data.series["one"].part.untouched)
    assert (one["label"].to_numpy() == data.series["one"].labels[CONTEXT:]).all()
    assert list(Path(segment.prediction_file).parent.iterdir()) == [Path(segment.prediction_file)]


def test_a_baseline_reports_its_choice_and_its_test(tmp_path: Path, data: StudyData) -> None:
    report = _run(_segment(tmp_path, work="baseline", arm="sum_of_squares", config={}, max_epochs=0), data, 1)[0]
    assert report["config"].keys() == {"clip"}
    assert report["metrics"]["one"]["test_event_f1_pa_log"] > 0
    assert 0 < report["value"] <= 1


def test_divergence_is_a_report(tmp_path: Path, data: StudyData) -> None:
    config = {**TINY, "learning_rate": 1.0, "clip": None, "scaling": "twice"}
    runner = SegmentRunner(_segment(tmp_path, config=config), data, TASK, CPU)
    for run in runner._runs.values():
        next(run.model.parameters()).data.fill_(float("inf"))
    report = runner.step()
    assert "nan" in report["failed"] or "inf" in report["failed"]
    assert report["trial"] == "search-0000"


def test_whatever_a_model_raises_is_a_report_with_its_place(tmp_path: Path, data: StudyData) -> None:
    runner = SegmentRunner(_segment(tmp_path), data, TASK, CPU)
    runner._runs["second"].model.forward = _explode  # type: ignore[assignment, method-assign]
    report = runner.step()
    assert report["failed"] == "RuntimeError: out of luck"
    assert "_explode" in report["traceback"]


def _explode(*_: object) -> None:
    raise RuntimeError("out of luck")


def test_the_last_checkpoint_holds_no_optimizer(tmp_path: Path, data: StudyData) -> None:
    """Nothing is trained on from it: Adam's two moments would treble its size."""
    sizes = [report["checkpoint"]["bytes"] for report in _run(_segment(tmp_path), data, 4)]
    assert sizes[-1] < 0.7 * sizes[0]  # the tiny model's file is half names
