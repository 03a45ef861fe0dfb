"""A score against one hyperparameter at a time, for those that stand above what chance gives."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.formatting import format_value
from analysis.importance import Importance, choose_trials
from analysis.records import Records
from analysis.sampled_axes import SampledAxis, list_axes

MOST_SLICES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """One hyperparameter, and the score of every trial at full fidelity that it took part in."""

    label: str
    levels: tuple[str, ...]
    """Names of its choices; empty for a range."""
    is_log: bool
    points: tuple[tuple[float, float], ...]
    """Value, or place among the choices, and the objective."""


def cut_slices(records: Records, importance: Importance) -> tuple[Slice, ...]:
    """Cut a slice along each of the parameters that stand above their floor, up to four."""
    axes = {axis.label: axis for axis in list_axes(records.study["parameters"])}
    leading = [axes[influence.parameter] for influence in importance.leading[:MOST_SLICES]]
    trials = choose_trials(records.of_stage("search"), list(axes.values()))
    return tuple(
        Slice(
            label=axis.label,
            levels=_name_levels(axis),
            is_log=axis.is_log,
            points=tuple(
                (float(trial.config[axis.parameter]) if axis.kind == "range" else place, trial.objective)
                for trial in trials
                if (place := axis.locate(trial)) is not None and trial.objective is not None
            ),
        )
        for axis in leading
    )


def _name_levels(axis: SampledAxis) -> tuple[str, ...]:
    choices: Sequence[object] = (axis.absent, "in use") if axis.kind == "switch" else axis.choices
    return tuple(format_value(choice) for choice in choices)
