"""How a search came along: the best so far against its cost, the learning curves, and what early stopping saved.

Trials that were stopped, failed or are still running never count as finished: their objective belongs to another
fidelity, and the best of many half-trained models is no model that anybody has.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ending = Literal["completed", "stopped", "failed", "running"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EpochReports:
    """Epochs of trials as they were reported, ``N`` of them in the order in which they came."""

    trial_ids: tuple[str, ...]
    trials: NDArray[np.int64]
    """``[N]``, places in ``trial_ids``."""
    epochs: NDArray[np.int64]
    """``[N]``"""
    values: NDArray[np.float64]
    """``[N]``, the objective after the epoch."""
    train_s: NDArray[np.float64]
    """``[N]``, spent on the epoch alone."""
    wall_s: NDArray[np.float64]
    """``[N]``, since the study began, without the time in which no driver ran."""

    @classmethod
    def none(cls) -> "EpochReports":
        """Return what a study has before its first report."""
        whole, real = np.empty(0, np.int64), np.empty(0)
        return cls(trial_ids=(), trials=whole, epochs=whole, values=real, train_s=real, wall_s=real)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnytimePoint:
    """What the search had found, and at what cost, when a trial reached full fidelity."""

    trial_id: str
    value: float
    """The trial's own objective."""
    best: float
    """The best objective at full fidelity so far."""
    train_s: float
    """Training seconds of all trials so far, of those that were stopped too."""
    wall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RungCurve:
    """The objective of one trial by epoch."""

    trial_id: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]
    ending: Ending


@dataclass(frozen=True, kw_only=True, slots=True)
class Thrift:
    """What early stopping saved."""

    epochs_run: int
    epochs_without: int
    """If every one of these trials had run to its end."""

    @property
    def saved_share(self) -> float:
        """Share of the epochs that were not needed, 0 to 1."""
        return 1 - self.epochs_run / self.epochs_without if self.epochs_without else 0.0


def anytime_curve(
    reports: EpochReports, *, completed: Collection[str], max_epochs: int, maximize: bool
) -> tuple[AnytimePoint, ...]:
    """Follow the best objective at full fidelity over the cost of the search.

    Args:
        reports: Of the search.
        completed: Trials that reached full fidelity.
        max_epochs: The full fidelity.
        maximize: Whether a higher objective is better.

    Returns:
        One point per completed trial, in the order in which they completed.
    """
    is_completed = np.array([trial in completed for trial in reports.trial_ids], dtype=bool)
    ends = np.flatnonzero((reports.epochs >= max_epochs) & is_completed[reports.trials])
    values = reports.values[ends]
    best = (np.maximum if maximize else np.minimum).accumulate(values)
    costs = (np.cumsum(reports.train_s)[ends].tolist(), reports.wall_s[ends].tolist())
    trials = [reports.trial_ids[trial] for trial in reports.trials[ends]]
    return tuple(
        AnytimePoint(trial_id=trial, value=value, best=so_far, train_s=train_s, wall_s=wall_s)
        for trial, value, so_far, train_s, wall_s in zip(trials, values.tolist(), best.tolist(), *costs, strict=True)
    )


def rung_curves(reports: EpochReports, endings: Mapping[str, Ending]) -> tuple[RungCurve, ...]:
    """Collect the learning curve of every trial that reported an epoch, in the order of their first reports.

    Args:
        reports: Of the search.
        endings: How each trial of the search ended; those of others are left out.
    """
    order = np.argsort(reports.trials, kind="stable")
    bounds = np.flatnonzero(np.diff(reports.trials[order], prepend=-1, append=len(reports.trial_ids)))
    stretches = [order[begin:end] for begin, end in pairwise(bounds.tolist())]
    return tuple(
        RungCurve(
            trial_id=trial,
            epochs=tuple(reports.epochs[found].tolist()),
            values=tuple(reports.values[found].tolist()),
            ending=endings[trial],
        )
        for found in sorted(stretches, key=lambda found: int(found[0]))
        if (trial := reports.trial_ids[reports.trials[found[0]]]) in endings
    )


def early_stopping_thrift(curves: Sequence[RungCurve], *, max_epochs: int) -> Thrift:
    """Count the epochs that early stopping saved, over the trials that completed or were stopped.

    A trial that failed would have failed without early stopping too, so it counts on neither side.
    """
    ended = [curve for curve in curves if curve.ending in ("completed", "stopped")]
    return Thrift(epochs_run=sum(curve.epochs[-1] for curve in ended), epochs_without=max_epochs * len(ended))


def thin_points(points: Sequence[AnytimePoint], most: int) -> tuple[AnytimePoint, ...]:
    """Choose points of a course: an even sample, the first, the last, and all at which the best became better."""
    step = max(1, -(-len(points) // most))
    better = {place for place in range(1, len(points)) if points[place].best != points[place - 1].best}
    kept = {*range(0, len(points), step), *better, max(0, len(points) - 1)} if points else ()
    return tuple(points[place] for place in sorted(kept))


def thin_out(curves: Sequence[RungCurve], most: int, *, always: str | None = None) -> tuple[RungCurve, ...]:
    """Choose curves for a figure: even samples of those that completed and of the others, in their old order.

    Args:
        curves: All of them.
        most: So many are chosen; up to two thirds of them completed, and more where there are few others.
        always: A trial whose curve is chosen in any case.
    """
    if len(curves) <= most:
        return tuple(curves)
    chosen = [place for place, curve in enumerate(curves) if curve.trial_id == always]
    completed = [place for place, curve in enumerate(curves) if curve.ending == "completed" and place not in chosen]
    others = [place for place, curve in enumerate(curves) if curve.ending != "completed" and place not in chosen]
    room = most - len(chosen)
    chosen += _spread(completed, max(room * 2 // 3, room - len(others)))
    chosen += _spread(others, most - len(chosen))
    return tuple(curves[place] for place in sorted(chosen))


def _spread(places: Sequence[int], most: int) -> list[int]:
    """Take at most so many, evenly spread."""
    if len(places) <= most:
        return list(places)
    return [places[turn * len(places) // most] for turn in range(most)]
