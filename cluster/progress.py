"""What can be said about a study while it runs, as plain values: counts, the best so far, rungs, pace, time left."""

import time
from collections import Counter
from dataclasses import dataclass

from cluster.decide import confirmed_trials, ranked_search
from cluster.plan import AblationPlan, count_runs
from cluster.state import StudyState, Trial

_SECONDS_TO_TELL = 5.0
"""Before, a pace would say more about the start than about the study."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One look at a running study."""

    phase: str
    counts: dict[str, int]
    """Trials by status."""
    n_done: int
    """Trials of the current phase that have ended."""
    n_planned: int
    best: Trial | None
    """The best completed search trial."""
    running: tuple[Trial, ...]
    rungs: dict[int, tuple[int, int]]
    """By rung epoch: how many trials came there, and how many went on."""
    epochs_per_minute: float
    """0 before it can be told."""
    left_s: float | None
    """Estimated seconds of the current phase; ``None`` before anything can be told."""


class ProgressMeter:
    """Keeps the few numbers that a look needs and the state does not hold."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._phase, self._phase_began, self._phase_done = "", 0.0, 0
        self._n_epochs = 0

    def count_epoch(self) -> None:
        """Count an epoch that was reported."""
        self._n_epochs += 1
        if self._began is None:
            self._began = time.monotonic()

    def look(self, state: StudyState) -> Progress:
        """Put a look together."""
        phase, n_done, n_planned = _phase(state)
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._phase_began, self._phase_done = phase, now, n_done
        finished_here = n_done - self._phase_done
        # The first of several side by side says nothing yet: it took as long as those that are about to end too.
        pace_s = (now - self._phase_began) / finished_here if finished_here > 1 else None
        elapsed_s = now - self._began if self._began is not None else 0.0
        ranked = ranked_search(state)
        return Progress(
            phase=phase,
            counts=dict(Counter(trial.status for trial in state.trials.values())),
            n_done=n_done,
            n_planned=n_planned,
            best=ranked[0] if ranked else None,
            running=tuple(state.trials[name] for name in state.busy),
            rungs=_count_rungs(state),
            epochs_per_minute=60 * self._n_epochs / elapsed_s if elapsed_s >= _SECONDS_TO_TELL else 0.0,
            left_s=None if pace_s is None else pace_s * (n_planned - n_done),
        )


def _count_rungs(state: StudyState) -> dict[int, tuple[int, int]]:
    rungs = {}
    for rung in state.plan.rungs:
        came = [trial for trial in state.of_stage("search") if rung in trial.values]  # of all searches together
        stopped = [
            trial for trial in came if trial.epoch == rung and (trial.status == "STOPPED" or trial.due == "stop")
        ]
        if came:
            rungs[rung] = (len(came), len(came) - len(stopped))
    return rungs


def _phase(state: StudyState) -> tuple[str, int, int]:
    """Name the current phase, with how many of its trials have ended and how many it will have."""
    if state.plan.ablation is not None:
        return _ablation_phase(state, state.plan.ablation)
    search = list(state.of_stage("search"))
    ended = sum(trial.status != "RUNNING" for trial in search)
    total = len(search) if state.exhausted else max(state.n_trials, len(search))
    if ended < total:
        return "search", ended, total
    groups = confirmed_trials(state)
    confirming = [trial for trials in groups.values() for trial in trials]
    if state.plan.confirm_top > 0 and not state.test_opened:
        planned = len(groups) * state.plan.confirm_seeds
        return "confirm", sum(trial.status != "RUNNING" for trial in confirming), planned
    baselines = list(state.of_stage("baseline"))
    if checking := list(state.of_stage("validity")):
        over = sum(trial.tested or trial.status in ("FAILED", "LOST") for trial in checking)
        wanted = state.n_checks * state.plan.check_seeds
        return "check", over, len(checking) if state.checks_exhausted else max(wanted, len(checking))
    tested = sum(trial.tested for trial in confirming) + sum(trial.tested for trial in baselines)
    return "test", tested, len(confirming) + len(baselines)


def _ablation_phase(state: StudyState, plan: AblationPlan) -> tuple[str, int, int]:
    """Count an ablation's runs, its searches' trials among them; then the tests."""
    trained = [trial for trial in state.trials.values() if trial.stage != "baseline"]
    planned = sum(count_runs(plan, state.n_seeds))
    if not state.test_opened or any(trial.status == "RUNNING" for trial in trained):
        return "ablate", sum(trial.status != "RUNNING" for trial in trained), max(planned, len(trained))
    tested = [trial for trial in state.trials.values() if trial.stage != "search" and trial.status != "FAILED"]
    return "test", sum(trial.tested for trial in tested), len(tested)
