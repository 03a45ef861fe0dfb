"""Ray Tune carries out what the engine decides.

To Ray Tune, one of our segments is a trial. Its searcher interface asks us for the next one, its scheduler interface
brings us every report before anything acts on it, and its own restore, retries, checkpoints and stopping rules stay
unused: the log knows better. What Ray does with each hook was measured on Ray 2.60; the order that matters here is

    result arrives -> scheduler.on_trial_result -> the actor is stopped, reused or goes on
    actor dies     -> scheduler.on_trial_error -> searcher.on_trial_complete(error=True)
"""

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read when ray.tune is imported: one line of ours instead of its table, and no files of its loggers.
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
# Ray's snapshots of its own state would be restored from never.
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", str(10**9))

from ray import cloudpickle, tune
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from cluster.actions import Wait
from cluster.engine import Engine, Finished
from trainables.tasks.base import StudyData
from trainables.trainable import REPORT, SEGMENT, SegmentTrainable


def run_segments(
    engine: Engine,
    data: StudyData,
    *,
    n_workers: int,
    cpus_per_trial: int,
    gpus_per_trial: float,
) -> Finished:
    """Run segments on the cluster that is connected, until the engine says that the study is over."""
    source = SegmentSource(engine)
    trainable = tune.with_parameters(SegmentTrainable, data=data, n_threads=cpus_per_trial, use_gpu=gpus_per_trial > 0)
    with _scratch_folder() as scratch, _quiet_ray_tune():
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": cpus_per_trial, "gpu": gpus_per_trial}),
            tune_config=tune.TuneConfig(
                search_alg=source,
                scheduler=ReportTaker(engine, n_workers),
                num_samples=-1,
                max_concurrent_trials=n_workers,
                reuse_actors=True,
                trial_name_creator=_name_trial,
                trial_dirname_creator=lambda trial: f"{_name_trial(trial)}-{trial.trial_id}",
            ),
            run_config=tune.RunConfig(
                storage_path=str(scratch),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        tuner.fit()
    assert source.finished is not None
    return source.finished


class _Live:
    """Base of what Ray Tune must not copy.

    Tune pickles its searcher and scheduler when it is made and now and then while it runs, for a restore that we never
    use; an open log cannot be pickled. What it gets is a stub, and it keeps working with the object itself.
    """

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return object, ()

    def __deepcopy__(self, memo: object) -> "_Live":
        return self


class SegmentSource(_Live, Searcher):
    """Gives Ray Tune the engine's segments, as if a search algorithm suggested them."""

    def __init__(self, engine: Engine) -> None:
        # Without metric and mode, Tune demands no metric of a report: a failed one has none.
        super().__init__()
        self._engine = engine
        self._trial_ids: dict[str, str] = {}
        self.finished: Finished | None = None

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's own lacks FINISHED
        """Return the next segment; ``None`` while nothing can begin, ``FINISHED`` when the study is over."""
        segment = self._engine.next_segment()
        if isinstance(segment, Wait):
            return None
        if isinstance(segment, Finished):
            self.finished = segment
            finished: str = Searcher.FINISHED
            return finished
        self._trial_ids[trial_id] = segment.trial_id
        return {SEGMENT: segment.to_dict()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """End of a segment. One that ends without a verdict of ours lost its worker."""
        del result
        name = self._trial_ids.pop(trial_id)
        if not error and self._engine.state.trials[name].handed_out is not None:
            self._engine.lose(name, "its worker ended without a report")

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the log is what a resume needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: a resume replays the log."""


class ReportTaker(_Live, FIFOScheduler):
    """Brings every report to the engine before anything acts on it, and tells Ray Tune the engine's verdict."""

    def __init__(self, engine: Engine, n_workers: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._engine, self._n_workers, self._keeps_actors = engine, n_workers, False

    def on_trial_add(self, tune_controller: Any, trial: RayTrial) -> None:
        """Have Ray Tune keep as many idle actors as there are workers.

        By itself it keeps one: of two trials that end together, the second one's actor is thrown away, and its next
        trial waits seconds for Python and PyTorch to start. There is no public setting for this.
        """
        super().on_trial_add(tune_controller, trial)
        if not self._keeps_actors:
            tune_controller._actor_cache.increase_max(trial.placement_group_factory, self._n_workers)
            self._keeps_actors = True

    def on_trial_result(self, tune_controller: Any, trial: RayTrial, result: dict[str, Any]) -> str:
        """Take a report."""
        del tune_controller, trial
        verdict = self._engine.report(json.loads(result[REPORT]))
        decision: str = TrialScheduler.CONTINUE if verdict == "continue" else TrialScheduler.STOP
        return decision

    def on_trial_error(self, tune_controller: Any, trial: RayTrial) -> None:
        """Record that a worker died; what a model raises comes as a report instead."""
        del tune_controller
        self._engine.lose(trial.config[SEGMENT]["trial_id"], _why(trial))


def _name_trial(trial: RayTrial) -> str:
    segment = trial.config[SEGMENT]
    return f"{segment['trial_id']}-{segment['work']}-{segment['attempt']}"


def _why(trial: RayTrial) -> str:
    """Say why a worker died. Ray keeps the error in a file; its own accessors look for it where it is not yet."""
    with contextlib.suppress(Exception):
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        cause = getattr(error, "cause", None) or error
        return f"{type(cause).__name__}: {str(cause).strip().splitlines()[0]}"
    return "the worker died without a word"


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A folder for the few files that Ray Tune insists on; nothing in it is ever read again."""
    folder = Path(tempfile.mkdtemp(prefix="ablatune-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _quiet_ray_tune() -> Iterator[None]:
    """Silence Ray Tune's own messages: each of our trials that ends badly is told by us."""
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
