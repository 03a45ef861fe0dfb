"""The engine: the log, the state it adds up to, and the proposers, moved forward one event at a time.

Whoever carries actions out calls :meth:`Engine.next_segment` for work and :meth:`Engine.report` with what came of it.
Nothing here knows Ray: a loop in a test drives a whole study.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cluster.actions import Ask, Create, Done, Draw, Record, Run, Tune, Wait
from cluster.decide import CHECK_ARM, VARIANT_ARM, check_name, decision, next_action
from cluster.events import Event, EventLog
from cluster.plan import Config, Plan
from cluster.proposer import ExhaustedError
from cluster.proposers import MAIN_SEARCH, Proposers
from cluster.state import MOST_LOSSES, Stage, StudyState, Trial, Verdict
from search_spaces.space import Restricted
from trainables.checkpoints import checkpoint_path
from trainables.seeding import stage_seed
from trainables.segment import Segment
from trainables.training import Precision

_IN_BLOCKS: tuple[Stage, ...] = ("confirm", "ablate_frozen", "ablate_retuned")
"""Stages whose trials share their seed with those that they are compared with."""


class Observer(Protocol):
    """Follows a study without a say in it."""

    def apply(self, event: Event, state: StudyState) -> None:
        """Take an event in, after it has taken effect."""

    def close(self) -> None:
        """The driver ends, for whatever reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The study is over."""

    failure: str = ""
    """Why it has no answer; empty where it has one."""


class Engine:
    """Decides, records and applies."""

    def __init__(
        self,
        *,
        log: EventLog,
        plan: Plan,
        restricted: Restricted,
        proposers: Proposers,
        folder: Path,
        full_test: bool,
        precision: Precision,
        gpus_per_trial: float,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        """Rebuild everything from the log.

        Args:
            log: The study's log, open.
            plan: What decides besides the log.
            restricted: The space, to know which parameters count in a configuration.
            proposers: Propose configurations; freshly made.
            folder: The study's folder, where workers keep checkpoints and predictions.
            full_test: Whether tests also state metrics on the whole published test part.
            precision: What models are trained in.
            gpus_per_trial: For the cost of a step.
            observers: Told of every event from now on.
        """
        self.state = StudyState(plan)
        self._log, self._plan, self._restricted, self._proposers = log, plan, restricted, proposers
        self._folder, self._full_test, self._gpus = folder, full_test, gpus_per_trial
        self._precision = precision
        self._observers = observers
        self.write_error: OSError | None = None
        """Why the study's folder cannot be written any more; Ray Tune hides from its caller what ended it."""
        for event in log.replay:
            self._apply(event)
        log.replay = []

    def put(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Record an event, then let it take effect.

        Raises:
            OSError: If the study's folder cannot be written any more; the study can only be resumed.
        """
        try:
            event = self._log.append(kind, fields)
            self._apply(event)
            for observer in self._observers:
                observer.apply(event, self.state)
        except OSError as error:
            self.write_error = error
            raise

    def next_segment(self) -> Segment | Wait | Finished:
        """Decide until there is work for a worker, nothing can begin, or the study is over."""
        while True:
            action = next_action(self.state)
            if isinstance(action, Run):
                return self._start(self.state.trials[action.trial_id], action)
            if isinstance(action, Wait):
                return action
            if isinstance(action, Done):
                self.put("finished", {"failure": action.failure})
                return Finished(failure=action.failure)
            self._carry_out(action)

    def report(self, report: Mapping[str, Any]) -> Verdict:
        """Record what a worker reported, and say whether it goes on with the trial.

        Returns:
            ``continue``, or why the segment is over: ``stop`` or ``complete``.

        Raises:
            OSError: If the worker or the driver cannot write to the study's folder any more. That is no fault of the
                trial, so nothing is recorded against it.
        """
        trial = self.state.trials[report["trial"]]
        if report["attempt"] != trial.attempts or trial.handed_out is None:
            return "stop"  # a worker that was given up for lost, or works for a driver that is gone
        if "unwritable" in report:
            self.write_error = OSError(report["unwritable"])
            raise self.write_error
        identity = {"trial": trial.trial_id, "attempt": trial.attempts, "work": report["work"]}
        if "failed" in report:
            traceback = {"traceback": report["traceback"]} if "traceback" in report else {}
            self.put("failed", identity | {"epoch": trial.epoch, "error": report["failed"]} | traceback)
            return "stop"
        if "lost" in report:
            self.lose(trial.trial_id, report["lost"], bad_checkpoint=report["bad_checkpoint"])
            return "stop"
        cost = {"step_s": report["step_s"], "gpus": self._gpus}
        if report["work"] == "train":
            return self._take_epoch(trial, identity | cost, report)
        names = ("metrics", "config", "threshold_source", "facts")
        self.put("tested", identity | cost | {name: report[name] for name in names} | {"value": report.get("value")})
        return "complete"

    def lose(self, trial_id: str, reason: str, *, bad_checkpoint: int | None = None) -> None:
        """Record that a trial's worker is gone; the trial is handed out again unless that happens too often."""
        trial = self.state.trials[trial_id]
        if trial.handed_out is None:
            return
        fields = {
            "trial": trial_id,
            "attempt": trial.attempts,
            "work": trial.handed_out,
            "reason": reason,
            "bad_checkpoint": bad_checkpoint,
            "final": trial.losses + 1 >= MOST_LOSSES,
        }
        self.put("lost", fields)

    def _apply(self, event: Event) -> None:
        self.state.apply(event)
        self._proposers.apply(event)

    def _carry_out(self, action: Ask | Tune | Draw | Create | Record) -> None:
        if isinstance(action, Record):
            self.put(action.kind, action.fields)
        elif isinstance(action, Create):
            self._put_asked(
                trial_id=action.trial_id,
                stage=action.stage,
                arm=action.arm,
                factor=action.factor,
                level=action.level,
                number=action.number,
                source="plan",
                config=action.config,
                seed=action.seed,
                block=action.block,
                series=action.series,
            )
        elif isinstance(action, Tune):
            self._tune(action)
        elif isinstance(action, Draw):
            self._draw(action)
        else:
            self._ask(action)

    def _ask(self, action: Ask) -> None:
        if action.config is not None:
            config = dict(action.config)
            source = self._source_of(config)
        else:
            try:
                tried = self.state.searched.get(MAIN_SEARCH, set())
                config, _ = self._proposers.main.propose(action.number, tried)
                source = "sampler"
            except ExhaustedError:
                self.put("exhausted", {"stage": "search", "after": self.state.n_asked})
                return
        self._put_asked(
            trial_id=f"search-{action.number:04d}",
            stage="search",
            arm="search",
            number=action.number,
            source=source,
            config=config,
            seed=stage_seed(self._plan.seed, "search", action.number),
            block=None,
            series=self._plan.search_series,
        )

    def _tune(self, action: Tune) -> None:
        arm, block = action.group
        if action.config is not None:
            config, source = dict(action.config), "plan"
        else:
            try:
                tried = self.state.searched.get(action.group, set())
                config, _ = self._proposers.of(action.group).propose(action.number, tried)
                source = "sampler"
            except ExhaustedError:
                self.put("exhausted", {"stage": "search", "arm": arm, "block": block, "after": action.number})
                return
        self._put_asked(
            trial_id=action.trial_id,
            stage="search",
            arm=arm,
            factor=action.factor or None,
            level=action.level or None,
            number=action.number,
            source=source,
            config=config,
            seed=action.seed,
            block=block,
            series=self._plan.search_series,
        )

    def _source_of(self, config: Config) -> str:
        if config == self._plan.published:
            return "published"
        return VARIANT_ARM if config in self._plan.variants else "enqueued"

    def _draw(self, action: Draw) -> None:
        drawn = {trial.config_hash for trial in self.state.of_stage("validity")}
        try:
            config, _ = self._proposers.main.draw(action.index, drawn)
        except ExhaustedError:
            self.put("exhausted", {"stage": "validity", "after": action.index})
            return
        self._put_asked(
            trial_id=check_name(action.number),
            stage="validity",
            arm=CHECK_ARM,
            number=action.number,
            source="random",
            config=config,
            seed=stage_seed(self._plan.seed, "validity", action.number),
            block="seed-0",
            series=self._plan.all_series,
        )

    def _put_asked(self, *, trial_id: str, config: Mapping[str, Any], series: tuple[str, ...], **fields: Any) -> None:
        baseline = fields["stage"] == "baseline"
        asked = {
            "trial": trial_id,
            **fields,
            "config": dict(config),
            "active": [] if baseline else sorted(self._restricted.active(config)),
            "config_hash": self._plan.hash_config({"baseline": fields["arm"]} if baseline else config),
            "series": list(series),
            "max_epochs": 0 if baseline else self._plan.max_epochs,
        }
        self.put("asked", asked)

    def _start(self, trial: Trial, action: Run) -> Segment:
        checkpoints = self._folder / "checkpoints" / trial.trial_id
        usable = [epoch for epoch in trial.checkpoints if checkpoint_path(checkpoints, epoch).exists()]
        from_epoch = max(usable, default=0)
        attempt = trial.attempts + 1
        started = {"trial": trial.trial_id, "attempt": attempt, "work": action.work, "from_epoch": from_epoch}
        self.put("started", started)
        return Segment(
            trial_id=trial.trial_id,
            attempt=attempt,
            work=action.work,
            family=self._plan.family,
            arm=trial.arm,
            config=trial.config,
            seed=trial.seed,
            series=trial.series,
            from_epoch=from_epoch,
            max_epochs=trial.max_epochs,
            checkpoint_epochs=(*self._plan.rungs, trial.max_epochs),
            checkpoint_folder=str(checkpoints),
            prediction_file=str(self._folder / "predictions" / f"{trial.trial_id}.parquet"),
            artifact_folder=str(self._folder / "artifacts"),
            # Confirmations and ablations are blocks: what is shared within one differs between them. All else shares
            # everything.
            artifact_seed=trial.seed if trial.stage in _IN_BLOCKS else self._plan.seed,
            precision=self._precision,
            full_test=self._full_test,
            # A search needs its own objective; the others are for judging objectives, on runs at full fidelity.
            all_objectives=trial.stage != "search",
        )

    def _take_epoch(self, trial: Trial, fields: dict[str, Any], report: Mapping[str, Any]) -> Verdict:
        if report["epoch"] in trial.values:
            return "continue"  # trained again after the last checkpoint: the first record stands
        names = ("epoch", "value", "over", "metrics", "kept", "train_s", "checkpoint", "facts")
        self.put("reported", fields | {name: report[name] for name in names})
        record = decision(trial)
        self.put(record.kind, record.fields)
        verdict: Verdict = record.fields["verdict"]
        return verdict
