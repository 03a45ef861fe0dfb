"""Which checkpoints go first, when a study's have no room left."""

from pathlib import Path
from typing import Any

import pytest

from cluster.checkpoint_budget import CheckpointBudget
from cluster.events import Event
from cluster.state import StudyState
from tests.cluster.simulation import DEFAULTS, make_plan

MB = 1_000_000


class Study:
    """Puts events to a state and to the budget, and files where workers would."""

    def __init__(self, folder: Path, *, budget_mb: float) -> None:
        self.folder, self.state = folder, StudyState(make_plan(rungs=()))
        self.budget = CheckpointBudget(folder, budget_mb=budget_mb)
        self._seq = 0

    def put(self, kind: str, **fields: Any) -> None:
        event = Event(seq=self._seq, time=0.0, kind=kind, fields=fields)
        self._seq += 1
        self.state.apply(event)
        self.budget.apply(event, self.state)

    def complete(self, trial: str, stage: str, *, value: float) -> None:
        asked = {"arm": stage, "number": 0, "config": DEFAULTS, "active": [], "config_hash": trial, "seed": 0}
        self.put("asked", trial=trial, stage=stage, block=None, series=["s1"], max_epochs=2, **asked)
        for epoch in (1, 2):
            path = self.folder / trial / f"epoch-{epoch:05d}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"weights")
            self.put("reported", trial=trial, epoch=epoch, value=value, checkpoint={"epoch": epoch, "bytes": MB})
        self.put("decided", trial=trial, epoch=2, verdict="complete")

    def left(self) -> dict[str, list[str]]:
        return {path.name: sorted(file.name for file in path.iterdir()) for path in sorted(self.folder.iterdir())}


def test_of_a_completed_trial_the_last_one_is_kept(tmp_path: Path) -> None:
    study = Study(tmp_path, budget_mb=100)
    study.complete("search-0000", "search", value=1.0)
    assert study.left() == {"search-0000": ["epoch-00002.pt"]}


def test_what_awaits_its_test_goes_last_however_bad_it_is(tmp_path: Path) -> None:
    study = Study(tmp_path, budget_mb=2.5)
    study.complete("search-0000", "search", value=9.0)
    study.complete("confirm-0000", "confirm", value=5.0)
    study.put("tested", trial="confirm-0000")
    study.complete("confirm-0001", "confirm", value=1.0)
    assert list(study.left()) == ["confirm-0000", "confirm-0001"]  # the search's went first
    study.complete("confirm-0002", "confirm", value=2.0)
    assert list(study.left()) == ["confirm-0001", "confirm-0002"]  # then the one that is tested


@pytest.mark.parametrize(("stage", "kept"), [("ablate_frozen", False), ("validity", False), ("confirm", True)])
def test_a_tested_trial_that_cannot_win_needs_none(tmp_path: Path, stage: str, kept: bool) -> None:
    study = Study(tmp_path, budget_mb=100)
    study.complete("trial", stage, value=1.0)
    assert list(study.left()) == ["trial"]
    study.put("tested", trial="trial")
    assert (tmp_path / "trial").exists() == kept
