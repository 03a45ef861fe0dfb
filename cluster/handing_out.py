"""Which trial goes to a worker next, among those that are known."""

from collections.abc import Iterable

from cluster.actions import Run
from cluster.state import Stage, StudyState, Trial
from trainables.segment import Work


def of_stage(state: StudyState, names: Iterable[str], stage: Stage) -> list[Trial]:
    """Return the trials of a stage among those named."""
    return [trial for name in names if (trial := state.trials[name]).stage == stage]


def hand_out(trials: Iterable[Trial], work: Work) -> Run | None:
    """Continue a trial that nobody works on: it is new, or its driver or worker died."""
    for trial in trials:
        if trial.handed_out is None:
            return Run(trial_id=trial.trial_id, work=work)
    return None
