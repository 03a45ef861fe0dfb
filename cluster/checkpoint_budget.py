"""Checkpoints of a whole study under one byte budget: what nobody will load again goes, then the worst first."""

import shutil
from pathlib import Path

from cluster.events import Event
from cluster.state import Stage, StudyState, Trial

_DROP_AT = frozenset({"decided", "failed", "lost", "tested"})
_OVER_WHEN_TESTED: frozenset[Stage] = frozenset({"ablate_frozen", "ablate_retuned", "validity"})
"""Stages of which no trial can become the winner."""


class CheckpointBudget:
    """Deletes checkpoints as a study goes on."""

    def __init__(self, folder: Path, *, budget_mb: float) -> None:
        """Watch over a study's ``checkpoints`` folder."""
        self._folder, self._budget_bytes = folder, budget_mb * 1e6
        self._kept: dict[str, int] = {}

    def apply(self, event: Event, state: StudyState) -> None:
        """Take an event in and delete what it made useless or too much."""
        if event.kind == "reported" and event.fields["checkpoint"] is not None:
            self._kept[event.fields["trial"]] = event.fields["checkpoint"]["bytes"]
        if event.kind in _DROP_AT and event.fields["trial"] in self._kept:
            self._drop_useless(state.trials[event.fields["trial"]])
            self._drop_worst(state)

    def close(self) -> None:
        """Do nothing: what is kept is kept for a resume."""

    def _drop_useless(self, trial: Trial) -> None:
        """Only what is trained to its end may be loaded again: by its test, or as the exported winner."""
        if trial.status in ("STOPPED", "FAILED", "LOST") or (trial.tested and trial.stage in _OVER_WHEN_TESTED):
            self._drop(trial.trial_id)
        elif trial.status == "COMPLETED":
            for path in sorted((self._folder / trial.trial_id).glob("epoch-*.pt"))[:-1]:
                path.unlink(missing_ok=True)

    def _drop_worst(self, state: StudyState) -> None:
        """Delete finished trials' checkpoints beyond the budget: what awaits its test last, and the worse first.

        A test whose checkpoint is gone trains its model again, to the same weights, so this costs time, not results.
        """
        total = sum(self._kept.values())
        if total <= self._budget_bytes:
            return
        finished = [state.trials[name] for name in self._kept if state.trials[name].status == "COMPLETED"]
        finished.sort(key=lambda trial: (trial.stage != "search", not trial.tested, state.score(trial.value or 0.0)))
        for trial in finished:
            if total <= self._budget_bytes:
                return
            total -= self._kept[trial.trial_id]
            self._drop(trial.trial_id)

    def _drop(self, trial_id: str) -> None:
        self._kept.pop(trial_id, None)
        shutil.rmtree(self._folder / trial_id, ignore_errors=True)
