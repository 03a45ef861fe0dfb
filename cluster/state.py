"""What the event log says so far: a fold of events, the same whether they happen or are replayed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from cluster.events import Event
from cluster.plan import Config, Plan
from cluster.rungs import passes
from trainables.segment import Work

Stage = Literal["search", "confirm", "ablate_frozen", "ablate_retuned", "validity", "baseline"]
Status = Literal["RUNNING", "COMPLETED", "STOPPED", "FAILED", "LOST"]
Verdict = Literal["continue", "stop", "complete"]
Group = tuple[str, str | None]
"""One search of a study: its arm and its block. Trials of different searches are no rivals."""

MOST_LOSSES = 3
"""A trial whose worker dies this often without an epoch in between is given up."""


@dataclass(kw_only=True, slots=True)
class Trial:
    """One configuration under one seed over the series of the study."""

    trial_id: str
    stage: Stage
    arm: str
    number: int
    config: Config
    active: frozenset[str]
    """Parameters whose conditions hold."""
    config_hash: str
    seed: int
    block: str | None
    series: tuple[str, ...]
    max_epochs: int
    status: Status = "RUNNING"
    handed_out: Work | None = None
    """What a worker is doing for it right now."""
    attempts: int = 0
    losses: int = 0
    """Workers lost since its last epoch."""
    values: dict[int, float] = field(default_factory=dict)
    """The objective by epoch."""
    checkpoints: list[int] = field(default_factory=list)
    """Epochs after which a checkpoint was recorded, in order."""
    due: Verdict | None = None
    """A verdict that follows from the last report and is not on record yet."""
    tested: bool = False
    error: str = ""

    @property
    def group(self) -> Group:
        """The search that a search trial belongs to."""
        return self.arm, self.block

    @property
    def epoch(self) -> int:
        """The last epoch on record."""
        return max(self.values, default=0)

    @property
    def value(self) -> float | None:
        """The objective at the last epoch on record."""
        return self.values.get(self.epoch)


class StudyState:
    """All trials of a study and how far it has come."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trials: dict[str, Trial] = {}
        self.unfinished: dict[str, None] = {}
        """Trials that are not trained to their end, in the order in which they were asked."""
        self.busy: dict[str, None] = {}
        """Trials that a worker is on."""
        self.n_trials = 0
        """The search's budget."""
        self.n_asked = 0
        self.searched: dict[Group, set[str]] = {}
        """Hashes of the configurations that each search has asked for."""
        self.exhausted = False
        """Whether the space holds no further configuration."""
        self.groups_exhausted: set[Group] = set()
        """The searches of arms for which that is so."""
        self.n_seeds = 0
        """Seeds that every arm of an ablation is to have."""
        self.looked_at: list[int] = []
        """Seeds that there were at each look at an ablation's result."""
        self.path_order: tuple[str, ...] = ()
        """Parameters from the published configuration to the base, once their order is known."""
        self.n_checks = 0
        """Random configurations that the check of the objective wants."""
        self.checks_exhausted = False
        """Whether the space holds no further one of them."""
        self.selected: str | None = None
        """Hash of the winning configuration, fixed before the test split is opened."""
        self.test_opened = False
        self._rung_values: dict[tuple[Group, int], list[float]] = {}

    def apply(self, event: Event) -> None:
        """Take an event in."""
        handler = getattr(self, f"_apply_{event.kind}", None)
        if handler is not None:
            handler(event.fields)

    def of_stage(self, stage: Stage) -> Iterator[Trial]:
        """Iterate over the trials of a stage."""
        return (trial for trial in self.trials.values() if trial.stage == stage)

    def score(self, value: float) -> float:
        """Turn an objective value round where needed, so that higher is better."""
        return value if self.plan.maximize else -value

    def first_due(self) -> Trial | None:
        """Return the first trial with a verdict that is not on record yet: there is one after a crash in between."""
        return next((self.trials[name] for name in self.unfinished if self.trials[name].due), None)

    def _apply_session(self, fields: Any) -> None:  # noqa: ARG002
        """Start of a driver: whatever an earlier one had handed out is nobody's now."""
        for name in self.busy:
            self.trials[name].handed_out = None
        self.busy.clear()

    def _apply_budget(self, fields: Any) -> None:
        self.n_trials, self.n_checks = fields["trials"], fields.get("checks", 0)
        self.n_seeds = fields.get("seeds", 0)
        self.exhausted = self.checks_exhausted = False

    def _apply_asked(self, fields: Any) -> None:
        trial = Trial(
            trial_id=fields["trial"],
            stage=fields["stage"],
            arm=fields["arm"],
            number=fields["number"],
            config=fields["config"],
            active=frozenset(fields["active"]),
            config_hash=fields["config_hash"],
            seed=fields["seed"],
            block=fields["block"],
            series=tuple(fields["series"]),
            max_epochs=fields["max_epochs"],
        )
        self.trials[trial.trial_id] = trial
        self.unfinished[trial.trial_id] = None
        if trial.stage == "search":
            self.n_asked += 1
            self.searched.setdefault(trial.group, set()).add(trial.config_hash)

    def _apply_started(self, fields: Any) -> None:
        trial = self.trials[fields["trial"]]
        trial.handed_out = fields["work"]
        trial.attempts = fields["attempt"]
        self.busy[trial.trial_id] = None

    def _apply_reported(self, fields: Any) -> None:
        trial, epoch = self.trials[fields["trial"]], fields["epoch"]
        trial.losses = 0
        if fields["checkpoint"] is not None:
            trial.checkpoints.append(epoch)
        trial.due = self._judge(trial, epoch, fields["value"], over=fields.get("over", False))
        trial.values[epoch] = fields["value"]

    def _judge(self, trial: Trial, epoch: int, value: float, *, over: bool) -> Verdict:
        if over and trial.stage == "search":
            # It would stand at later rungs as it stands now: others must pass it there.
            for rung in self.plan.rungs:
                if rung >= epoch:
                    self._rung_values.setdefault((trial.group, rung), []).append(self.score(value))
        if over or epoch >= trial.max_epochs:
            return "complete"
        if trial.stage != "search" or epoch not in self.plan.rungs:
            return "continue"
        earlier = self._rung_values.setdefault((trial.group, epoch), [])
        goes_on = passes(earlier, self.score(value), reduction_factor=self.plan.reduction_factor)
        earlier.append(self.score(value))
        return "continue" if goes_on else "stop"

    def _apply_decided(self, fields: Any) -> None:
        trial = self.trials[fields["trial"]]
        trial.due = None
        if fields["verdict"] != "continue":
            self._finish(trial, "COMPLETED" if fields["verdict"] == "complete" else "STOPPED")

    def _apply_failed(self, fields: Any) -> None:
        trial = self.trials[fields["trial"]]
        trial.error = fields["error"]
        if fields["work"] == "test":  # its training stands, only its test is missing
            trial.tested = True
            self._release(trial)
        else:
            self._finish(trial, "FAILED")

    def _apply_lost(self, fields: Any) -> None:
        trial = self.trials[fields["trial"]]
        trial.losses += 1
        if fields.get("bad_checkpoint") in trial.checkpoints:
            trial.checkpoints.remove(fields["bad_checkpoint"])
        self._release(trial)
        if trial.losses >= MOST_LOSSES:
            trial.error = fields["reason"]
            if trial.status == "RUNNING":
                self._finish(trial, "LOST")
            else:
                trial.tested = True

    def _apply_tested(self, fields: Any) -> None:
        trial = self.trials[fields["trial"]]
        trial.tested = True
        self._release(trial)
        if trial.stage == "baseline":
            self._finish(trial, "COMPLETED")

    def _apply_exhausted(self, fields: Any) -> None:
        if "arm" in fields:
            self.groups_exhausted.add((fields["arm"], fields["block"]))
        elif fields.get("stage", "search") == "search":
            self.exhausted = True
        else:
            self.checks_exhausted = True

    def _apply_selected(self, fields: Any) -> None:
        self.selected = fields["config_hash"]

    def _apply_ordered(self, fields: Any) -> None:
        self.path_order = tuple(step["parameter"] for step in fields["path"])

    def _apply_looked(self, fields: Any) -> None:
        self.looked_at.append(fields["seeds"])

    def _apply_test_opened(self, fields: Any) -> None:  # noqa: ARG002
        self.test_opened = True

    def _finish(self, trial: Trial, status: Status) -> None:
        trial.status = status
        self.unfinished.pop(trial.trial_id, None)
        self._release(trial)

    def _release(self, trial: Trial) -> None:
        trial.handed_out = None
        self.busy.pop(trial.trial_id, None)
