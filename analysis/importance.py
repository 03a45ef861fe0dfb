"""Which hyperparameters mattered for the score, within what a search sampled, against what chance alone gives.

Importance is not the effect of a part: a part that no good trial went without mattered to none of them. What a part is
worth is measured by an ablation.

Both measures come out as positive numbers, normalised even to a sum of 1, where no parameter has any influence at all.
So each stands against a floor: the same measure on the same configurations with the scores dealt out anew at random.

References:
    Hutter, Hoos and Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter Importance", for fANOVA.
    Watanabe, Bansal and Hutter 2023, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces"; for parameters with a condition "Conditional PED-ANOVA: Hyperparameter Importance in Hierarchical &
    Dynamic Search Spaces", arXiv 2601.20800, as Optuna implements them.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.functional_anova import explain_variance
from analysis.records import Records, Trial
from analysis.sampled_axes import SampledAxis, list_axes

MeasureName = Literal["fanova", "ped_anova"]

FEWEST_TRIALS = 10
"""Fewer say nothing: of 18 parameters, chance alone explains ten scores."""
MOST_TRIALS = 300
"""Of more, an even sample in the order of the search is taken: a forest takes 0.1 s on so many, and there are 40."""
N_SHUFFLES = 39
FLOOR_RANK = 2
"""The floor is the second largest of 39 shuffles. Without influence, the real order is as likely as any of the 40 to be
among the two largest: a parameter then stands above its floor in exactly 5 % of all studies. (The 95th percentile of 30
would be passed in 7 to 8 %.)"""
CHANCE = FLOOR_RANK / (N_SHUFFLES + 1)

_SEED = 0
_EQUAL = 1 + 1e-9
"""Values that chance often repeats exactly, such as all best trials at one choice, may differ by their rounding."""

Floats = NDArray[np.float64]
Evaluate = Callable[[Floats], dict[str, float]]
"""From losses, ``[N]``, to the importance of each axis by its label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """How much a parameter mattered by one measure."""

    raw: float
    share: float
    """Of the sum over all parameters; 0 to 1."""
    floor: float
    """Raw value that shuffled scores pass in 5 % of all cases."""
    is_above_floor: bool
    is_clear: bool
    """Whether it stands out more than the most conspicuous of all parameters does in 5 % of all shuffles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Influence:
    """What both measures say of a parameter."""

    parameter: str
    """Its label: a parameter that can be left out has two, for whether and how much."""
    levels: Mapping[MeasureName, Level]
    """fANOVA leaves out what does not take part in every trial."""

    @property
    def is_above_floor(self) -> bool:
        """Tell whether it stands above its floor by either measure."""
        return any(level.is_above_floor for level in self.levels.values())

    @property
    def is_clear(self) -> bool:
        """Tell whether it stands out, by either measure, beyond what looking at many parameters explains."""
        return any(level.is_clear for level in self.levels.values())

    @property
    def height(self) -> tuple[bool, float]:
        """Return what parameters are ordered by: above a floor first, then the largest share that counts."""
        counting = [level for level in self.levels.values() if level.is_above_floor or not self.is_above_floor]
        return self.is_above_floor, max(level.share for level in counting)


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    """Which hyperparameters mattered, or why that cannot be told."""

    n_completed: int
    """Trials of the search at full fidelity."""
    n_used: int
    reason: str
    """Why nothing was computed; empty where it was."""
    influences: tuple[Influence, ...] = ()
    """The largest first."""
    left_out: tuple[str, ...] = ()
    """By fANOVA, for not every trial has a value."""

    @property
    def leading(self) -> tuple[Influence, ...]:
        """Those above their floor."""
        return tuple(influence for influence in self.influences if influence.is_above_floor)


def assess_importance(records: Records) -> Importance | None:
    """Assess what mattered in a study's search; ``None`` where there was none, or one for each arm of an ablation."""
    searched = records.of_stage("search")
    if not searched or records.study.get("ablation"):
        return None
    axes = list_axes(records.study["parameters"])
    trials = choose_trials(searched, axes)
    n_completed = sum(trial.status == "COMPLETED" for trial in searched)
    losses = np.array([trial.objective or 0.0 for trial in trials]) * (-1.0 if records.maximize else 1.0)
    if reason := _find_obstacle(trials, losses):
        return Importance(n_completed=n_completed, n_used=len(trials), reason=reason)
    axes = [axis for axis in axes if len({axis.locate(trial) for trial in trials} - {None}) > 1]
    everywhere = [axis for axis in axes if all(axis.locate(trial) is not None for trial in trials)]
    measured: dict[MeasureName, dict[str, Level]] = {
        "fanova": hold_against_chance(_make_fanova(everywhere, trials), losses),
        "ped_anova": hold_against_chance(_make_ped_anova(axes, trials), losses),
    }
    influences = [
        Influence(
            parameter=axis.label,
            levels={name: levels[axis.label] for name, levels in measured.items() if axis.label in levels},
        )
        for axis in axes
    ]
    return Importance(
        n_completed=n_completed,
        n_used=len(trials),
        reason="",
        influences=tuple(sorted(influences, key=lambda influence: influence.height, reverse=True)),
        left_out=tuple(axis.label for axis in axes if axis not in everywhere),
    )


def choose_trials(searched: Sequence[Trial], axes: Sequence[SampledAxis]) -> list[Trial]:
    """Choose the trials that reached full fidelity and lie within the ranges; of too many, an even sample."""
    completed = [trial for trial in searched if trial.status == "COMPLETED" and trial.objective is not None]
    most = min(len(completed), MOST_TRIALS)
    sample = [completed[turn * len(completed) // most] for turn in range(most)]
    return [trial for trial in sample if all(axis.holds(trial) for axis in axes)]


def hold_against_chance(evaluate: Evaluate, losses: Floats) -> dict[str, Level]:
    """Compute a measure and its floors, from the same shuffles for every parameter.

    Args:
        evaluate: The measure.
        losses: ``[N]``
    """
    raw = evaluate(losses)
    labels, rng = list(raw), np.random.default_rng(_SEED)
    if not labels:
        return {}
    shuffled = [evaluate(rng.permutation(losses)) for _ in range(N_SHUFFLES)]
    found = np.array([[one[label] for label in labels] for one in (raw, *shuffled)])
    floors = np.sort(found[1:], axis=0)[-FLOOR_RANK]
    is_above, is_clear = found[0] > _EQUAL * floors, _find_clear(found)
    total = float(found[0].sum())
    return {
        label: Level(
            raw=value,
            share=value / total if total > 0 else 0.0,
            floor=float(floors[place]),
            is_above_floor=bool(is_above[place]),
            is_clear=bool(is_above[place] and is_clear[place]),
        )
        for place, (label, value) in enumerate(raw.items())
    }


def _find_clear(found: Floats) -> NDArray[np.bool_]:
    """Tell which parameters stand out more than chance lets the most conspicuous of all stand out.

    Chance gives a range more than it gives a choice of two, so values count in units of what chance gives to each. The
    unit is taken over all rows, the real one too: without influence they then differ in nothing but their order.

    Args:
        found: ``[1 + N_SHUFFLES, P]``, the real values first.
    """
    units = np.sort(found, axis=0)[-FLOOR_RANK]
    heights = np.divide(found, units, out=np.zeros_like(found), where=units > 0)
    clear: NDArray[np.bool_] = heights[0] > _EQUAL * np.sort(heights[1:].max(axis=1))[-FLOOR_RANK]
    return clear


def _find_obstacle(trials: Sequence[Trial], losses: Floats) -> str:
    if len(trials) < FEWEST_TRIALS:
        return f"fewer than {FEWEST_TRIALS} trials reached full fidelity, too few to tell influence from chance"
    if np.ptp(losses) == 0:
        return "all trials that reached full fidelity have the same score"
    return ""


def _make_fanova(axes: Sequence[SampledAxis], trials: Sequence[Trial]) -> Evaluate:
    levels = np.array([[axis.level(trial) for axis in axes] for trial in trials], dtype=np.int64)
    n_levels = np.array([axis.n_levels for axis in axes], dtype=np.int64)

    def evaluate(losses: Floats) -> dict[str, float]:
        if not axes:
            return {}
        found = explain_variance(levels, n_levels, losses, seed=_SEED)
        return {axis.label: float(value) for axis, value in zip(axes, found, strict=True)}

    return evaluate


def _make_ped_anova(axes: Sequence[SampledAxis], trials: Sequence[Trial]) -> Evaluate:
    # Optuna's importance module imports scikit-learn: a second that reports of small studies need not pay.
    import optuna  # noqa: PLC0415
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # noqa: PLC0415

    distributions = {axis.label: _make_distribution(axis) for axis in axes}
    located = [{axis.label: axis.locate(trial) for axis in axes} for trial in trials]
    frozen = []
    for positions in located:
        params = {label: _as_answer(distributions[label], one) for label, one in positions.items() if one is not None}
        own = {label: distributions[label] for label in params}
        frozen.append(optuna.trial.create_trial(params=params, distributions=own, value=0.0))
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    optuna.logging.set_verbosity(verbosity)
    study.add_trials(frozen)
    # The best tenth, but no fewer than five trials: Optuna's own advice. Half a trial less, for it rounds up.
    evaluator = PedAnovaImportanceEvaluator(target_quantile=max(0.1, 4.5 / len(trials)))

    def evaluate(losses: Floats) -> dict[str, float]:
        with warnings.catch_warnings():
            # Optuna warns that raw values are experimental, and that with a target lower is better, whatever the
            # direction of its study: these are losses.
            warnings.simplefilter("ignore")
            return get_param_importances(
                study, evaluator=evaluator, target=lambda trial: float(losses[trial.number]), normalize=False
            )

    return evaluate


def _make_distribution(axis: SampledAxis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: PLC0415

    if axis.n_choices is not None:
        return CategoricalDistribution(range(axis.n_choices))
    if axis.is_whole:
        return IntDistribution(int(axis.low), int(axis.high))
    return FloatDistribution(axis.low, axis.high)


def _as_answer(distribution: Any, position: float) -> float | int:
    return position if type(distribution).__name__ == "FloatDistribution" else math.floor(position)
