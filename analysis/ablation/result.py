"""An ablation's result, computed once: everything that a report says about which parts earn their place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.ablation.declared import Base, Declaration, Factor, Retuning, read_declaration
from analysis.ablation.effects import ArmEffect, Rules, list_family, measure_arms
from analysis.ablation.interactions import Interaction, find_interactions
from analysis.ablation.interim import find_look
from analysis.ablation.path import Path, walk_path
from analysis.ablation.retuned import Budget, find_unequal, spent_by
from analysis.ablation.runs import BASE, FROZEN, RETUNED, Runs
from analysis.contenders import Cost, Yardstick, cost_of, list_test_metrics
from analysis.intervals import Interval, mean_interval
from analysis.metric_catalogue import choose_shown
from analysis.records import Records


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseResult:
    """What every arm is compared with."""

    label: str
    is_published: bool
    study: str | None
    """The search that it is the winner of."""
    config: Mapping[str, Any]
    config_hash: str
    trials: tuple[str, ...]
    n_seeds: int
    n_failed: int
    errors: tuple[str, ...]
    score: Interval | None
    cost: Cost


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """Which parts of the base earn their place."""

    base: BaseResult
    yardstick: Yardstick
    shown: tuple[str, ...]
    """Test metrics besides the yardstick that stand in the tables."""
    series: tuple[str, ...]
    """By the places in an effect's blocks."""
    blocks: tuple[str, ...]
    """Names of the seeds, likewise."""
    factors: tuple[Factor, ...]
    arms: tuple[ArmEffect, ...]
    rules: Rules
    interactions: tuple[Interaction, ...]
    path: Path | None
    retuning: Retuning | None
    base_retuned: Interval | None
    """The base's own re-tuned score, over searches."""
    unequal: Mapping[str, Budget]
    """Re-tuned arms whose searches spent another budget than the base's."""
    waiting: int
    """Runs that ended after the latest look, and count from the next one on."""

    @property
    def components(self) -> tuple[ArmEffect, ...]:
        """The parts that must earn their place, each configuration once."""
        return tuple(arm for arm in self.arms if arm.kind == "component" and arm.same_as is None)

    @property
    def curves(self) -> tuple[ArmEffect, ...]:
        """The levels of exploratory factors."""
        return tuple(arm for arm in self.arms if arm.kind == "curve")

    def judged(self, word: str) -> tuple[ArmEffect, ...]:
        """Return the parts of a verdict, the largest difference first."""
        found = [arm for arm in self.components if arm.word == word]
        return tuple(sorted(found, key=lambda arm: -abs(arm.difference.mean) if arm.difference else 0.0))


def study_ablation(records: Records) -> Ablation | None:
    """Compute the result of an ablation, whatever state it is in; ``None`` for the study of a search."""
    declaration = read_declaration(records.study)
    if declaration is None:
        return None
    runs = Runs(records, declaration)
    base, look = _describe_base(runs, declaration.base), find_look(records.log, declaration)
    rules = Rules(
        higher_is_better=runs.yardstick.higher_is_better,
        region=_size_region(declaration, base.score),
        look=look,
        n_family=len(list_family(declaration)),
    )
    metrics = choose_shown(list_test_metrics(records))
    shown = tuple(name for name in metrics if not (runs.yardstick.on_test and name == runs.yardstick.name))
    arms = measure_arms(runs, declaration, rules, shown)
    return Ablation(
        base=base,
        yardstick=runs.yardstick,
        shown=shown if runs.yardstick.on_test else (),
        series=runs.series,
        blocks=runs.blocks,
        factors=declaration.factors,
        arms=arms,
        rules=rules,
        interactions=find_interactions(runs, declaration),
        path=walk_path(runs, declaration),
        retuning=declaration.retuning,
        base_retuned=_score_retuned_base(runs, declaration.retuning),
        unequal=_find_unequal(runs, arms),
        waiting=_count_waiting(records, runs),
    )


def _describe_base(runs: Runs, base: Base) -> BaseResult:
    arm = runs.of(base.config_hash)
    trials, completed = (() if arm is None else arm.trials), ([] if arm is None else arm.completed)
    return BaseResult(
        label=base.label,
        is_published=base.is_published,
        study=base.study,
        config=base.config,
        config_hash=base.config_hash,
        trials=tuple(trial.trial_id for trial in completed),
        n_seeds=len(completed),
        n_failed=sum(trial.status in ("FAILED", "LOST") for trial in trials),
        errors=tuple(dict.fromkeys(trial.error for trial in trials if trial.error)),
        score=None if arm is None else mean_interval(runs.scores(arm)),
        cost=cost_of(completed),
    )


def _size_region(declaration: Declaration, score: Interval | None) -> float | None:
    if not declaration.region_is_relative:
        return declaration.region
    return None if score is None else declaration.region * abs(score.mean)


def _score_retuned_base(runs: Runs, retuning: Retuning | None) -> Interval | None:
    if retuning is None:
        return None
    arms = [runs.retuned(BASE, place) for place in range(retuning.searches)]
    means = [found.mean for arm in arms if arm is not None and (found := mean_interval(runs.scores(arm))) is not None]
    return mean_interval(np.array([means])) if means else None


def _find_unequal(runs: Runs, arms: Sequence[ArmEffect]) -> dict[str, Budget]:
    budgets = {arm.name: arm.retuned.spent for arm in arms if arm.retuned is not None}
    return find_unequal({BASE: spent_by(runs, BASE), **budgets}) if budgets else {}


def _count_waiting(records: Records, runs: Runs) -> int:
    everything = [*records.of_stage(FROZEN), *records.of_stage(RETUNED)]
    return sum(trial.trial_id not in runs.seen and trial.status == "COMPLETED" for trial in everything)
