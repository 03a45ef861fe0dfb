"""How training went and what models learned in it, epoch by epoch, over the rows that a figure shows.

Whatever a model measures beside its losses is followed; names alone say what belongs together: ``alpha_1`` and
``alpha_2`` are one group, and numbered values that add up to 1 are shares.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.contenders import Comparison, Contender
from analysis.records import Records
from analysis.trial_table import KEPT

TRAINING_LOSS = "train_loss"
MOST_EPOCHS = 200
"""Points of a curve; of more epochs, an even sample is taken."""

_GROUPS = ("loss_weight",)
"""Beginnings of names that belong together though their ends are words."""
_NOT_LEARNED = ("val_", "test_", "full_", KEPT)

Curve = Mapping[int, float]
"""Value by epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """One measure of one row over its training."""

    label: str
    is_best: bool
    mean: Curve
    """Over the seeds; one that stopped early stands in it with its last value, as a series does in its seed."""
    seeds: tuple[Curve, ...]
    """Means over series."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A measure of the model, or one member of a group."""

    name: str
    member: str
    """What tells it from the others of its group; empty for one that stands alone."""
    courses: tuple[Course, ...]
    """The best row first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureGroup:
    """Measures that belong together."""

    name: str
    measures: tuple[Measure, ...]
    is_numbered: bool
    are_shares: bool
    """Whether they are numbered and add up to 1 in the best row at every epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Convergence:
    """Losses over training."""

    objective: str
    training: tuple[Course, ...]
    validation: tuple[Course, ...]
    kept: Mapping[str, tuple[tuple[int, ...], ...]]
    """Epochs whose weights were kept, by row, seed and series."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Learning:
    """What the figures show of training."""

    convergence: Convergence | None
    groups: tuple[MeasureGroup, ...]
    n_series: int
    n_seeds: int
    """Of the best row."""


def follow_learning(records: Records, comparison: Comparison) -> Learning:
    """Follow the best row, and the published one where it is another, over their training."""
    published = comparison.published
    rows = [comparison.best, *([published] if published is not None and not published.is_best else [])]
    values = _by_epoch(records, rows)
    learned = [str(name) for name in values["name"].unique() if _is_learned(str(name), records.study["objectives"])]
    return Learning(
        convergence=_find_convergence(values, rows, records.objective_name),
        groups=tuple(_follow_group(values, rows, *group) for group in group_names(learned)),
        n_series=values["series"].nunique(),
        n_seeds=len(comparison.best.trials),
    )


def group_names(names: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Put names that belong together into groups: members by what tells them apart, in the order of their numbers."""
    groups: dict[str, dict[str, str]] = {}
    for name in sorted(names, key=_by_number):
        base, member = _split(name)
        groups.setdefault(base, {})[member] = name
    for members in groups.values():
        if len(members) > 1:
            members.pop("", None)  # "alpha" beside "alpha_1" and "alpha_2" is their mean
    return sorted(groups.items())


def _split(name: str) -> tuple[str, str]:
    for base in _GROUPS:
        if name.startswith(f"{base}_"):
            return base, name.removeprefix(f"{base}_")
    found = re.fullmatch(r"(.+)_(\d+)", name)
    return (found[1], found[2]) if found else (name, "")


def _by_number(name: str) -> tuple[str, int, str]:
    base, member = _split(name)
    return base, int(member) if member.isdigit() else -1, member


def _is_learned(name: str, objectives: Sequence[str]) -> bool:
    return name not in (TRAINING_LOSS, "objective", *objectives) and not name.startswith(_NOT_LEARNED)


def _by_epoch(records: Records, rows: Sequence[Contender]) -> pd.DataFrame:
    """Select the rows' values by series and epoch; of an epoch that was trained twice, the later one."""
    table = records.metrics.of({trial for row in rows for trial in row.trials})
    table = table.dropna(subset=["series", "value"])
    table = table[(table["step"] > 0) & ~table["name"].str.startswith(("test_", "full_"))]
    table = table.sort_values("event_seq", kind="stable")
    return table.drop_duplicates(["trial_id", "series", "step", "name"], keep="last")


def _find_convergence(values: pd.DataFrame, rows: Sequence[Contender], objective: str) -> Convergence | None:
    """Collect the losses where the best epoch is kept; a study that keeps the last one has nothing to mark."""
    kept = values[values["name"] == f"{KEPT}{objective}"]
    training, validation = (_follow(values, rows, name) for name in (TRAINING_LOSS, objective))
    if kept.empty or not validation:
        return None
    return Convergence(
        objective=objective,
        training=training,
        validation=validation,
        kept={row.label: tuple(_kept_epochs(kept[kept["trial_id"] == trial]) for trial in row.trials) for row in rows},
    )


def _kept_epochs(kept: pd.DataFrame) -> tuple[int, ...]:
    """Find for every series the epoch at which the value that counts in the end was reached."""
    epochs = []
    for _, found in kept.sort_values("step").groupby("series"):
        epochs.append(int(found["step"][found["value"] == found["value"].iloc[-1]].iloc[0]))
    return tuple(epochs)


def _follow_group(
    values: pd.DataFrame, rows: Sequence[Contender], name: str, members: Mapping[str, str]
) -> MeasureGroup:
    measures = [Measure(name=one, member=member, courses=_follow(values, rows, one)) for member, one in members.items()]
    is_numbered = all(member.isdigit() for member in members)
    return MeasureGroup(
        name=name,
        measures=tuple(measures),
        is_numbered=is_numbered,
        are_shares=is_numbered and len(measures) > 1 and _add_up_to_one(measures),
    )


def _add_up_to_one(measures: Sequence[Measure]) -> bool:
    curves = [course.mean for measure in measures for course in measure.courses if course.is_best]
    if len(curves) < len(measures) or len({tuple(curve) for curve in curves}) > 1:
        return False
    sums = [sum(curve[epoch] for curve in curves) for epoch in curves[0]]
    return bool(np.allclose(sums, 1, atol=1e-3)) and all(min(curve.values()) >= 0 for curve in curves)


def _follow(values: pd.DataFrame, rows: Sequence[Contender], name: str) -> tuple[Course, ...]:
    found = values[values["name"] == name]
    courses = (_follow_row(found[found["trial_id"].isin(row.trials)], row) for row in rows)
    return tuple(course for course in courses if course is not None)


def _follow_row(found: pd.DataFrame, row: Contender) -> Course | None:
    if found.empty:
        return None
    by_series = found.pivot_table(index="step", columns=["trial_id", "series"], values="value").sort_index()
    seeds = _hold(by_series).T.groupby(level="trial_id", sort=False).mean().T
    mean = _hold(seeds).mean(axis=1)
    return Course(
        label=row.label,
        is_best=row.is_best,
        mean=_to_curve(mean),
        seeds=tuple(_to_curve(_cut(seeds[trial], found, trial)) for trial in row.trials if trial in seeds),
    )


def _hold(table: pd.DataFrame) -> pd.DataFrame:
    """Let what stopped early stand with its last value; what is missing before its first one stays so."""
    return table.ffill()


def _cut(curve: "pd.Series[float]", found: pd.DataFrame, trial: str) -> "pd.Series[float]":
    """End a seed's own curve where its training ended."""
    return curve.loc[: found.loc[found["trial_id"] == trial, "step"].max()]


def _to_curve(curve: "pd.Series[float]") -> Curve:
    curve = curve.dropna()
    step = max(1, -(-len(curve) // MOST_EPOCHS))
    kept = curve.iloc[sorted({*range(0, len(curve), step), max(0, len(curve) - 1)})] if len(curve) else curve
    return {int(epoch): float(value) for epoch, value in kept.items()}  # type: ignore[call-overload]
