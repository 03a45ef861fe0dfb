"""How a search came along: the best so far against its cost, the learning curves, and what early stopping saved.

Trials that were stopped, failed or are still running never count as finished: their objective belongs to another
fidelity, and the best of many half-trained models is no model that anybody has.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Ending = Literal["completed", "stopped", "failed", "running"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochReport:
    """One epoch of one trial, as it was reported."""

    trial_id: str
    epoch: int
    value: float
    """The objective after this epoch."""
    train_s: float
    """Spent on this epoch alone."""
    wall_s: float
    """Since the study began, without the time in which no driver ran."""


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
    reports: Sequence[EpochReport], *, completed: Collection[str], max_epochs: int, maximize: bool
) -> tuple[AnytimePoint, ...]:
    """Follow the best objective at full fidelity over the cost of the search.

    Args:
        reports: Of the search, in the order in which they came.
        completed: Trials that reached full fidelity.
        max_epochs: The full fidelity.
        maximize: Whether a higher objective is better.

    Returns:
        One point per completed trial, in the order in which they completed.
    """
    points: list[AnytimePoint] = []
    train_s = 0.0
    for report in reports:
        train_s += report.train_s
        if report.trial_id not in completed or report.epoch < max_epochs:
            continue
        so_far = [report.value, *(point.best for point in points[-1:])]
        points.append(
            AnytimePoint(
                trial_id=report.trial_id,
                value=report.value,
                best=max(so_far) if maximize else min(so_far),
                train_s=train_s,
                wall_s=report.wall_s,
            )
        )
    return tuple(points)


def rung_curves(reports: Sequence[EpochReport], endings: Mapping[str, Ending]) -> tuple[RungCurve, ...]:
    """Collect the learning curve of every trial that reported an epoch.

    Args:
        reports: Of the search, in the order in which they came.
        endings: How each trial of the search ended; those of others are left out.
    """
    by_trial: dict[str, list[EpochReport]] = {}
    for report in reports:
        if report.trial_id in endings:
            by_trial.setdefault(report.trial_id, []).append(report)
    return tuple(
        RungCurve(
            trial_id=trial_id,
            epochs=tuple(report.epoch for report in found),
            values=tuple(report.value for report in found),
            ending=endings[trial_id],
        )
        for trial_id, found in by_trial.items()
    )


def early_stopping_thrift(curves: Sequence[RungCurve], *, max_epochs: int) -> Thrift:
    """Count the epochs that early stopping saved, over the trials that completed or were stopped.

    A trial that failed would have failed without early stopping too, so it counts on neither side.
    """
    ended = [curve for curve in curves if curve.ending in ("completed", "stopped")]
    return Thrift(epochs_run=sum(curve.epochs[-1] for curve in ended), epochs_without=max_epochs * len(ended))


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
