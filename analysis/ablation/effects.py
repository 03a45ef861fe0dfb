"""The arms of an ablation, each with its effect, its verdict and what it costs.

A configuration that several arms share ran once: it is one member of the family that Holm corrects, and each of its
arms has the same effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.ablation.declared import Declaration, DeclaredArm, Kind
from analysis.ablation.expectations import Expectation, compare_with_expected
from analysis.ablation.interim import LookState
from analysis.ablation.multiplicity import alpha_of_look
from analysis.ablation.paired import PairedEffect, effect_over_series, paired_effect
from analysis.ablation.power import minimum_detectable_effect, seeds_to_decide
from analysis.ablation.retuned import RetunedEffect, measure_retuned
from analysis.ablation.runs import Runs
from analysis.ablation.verdicts import PartVerdict, judge_parts
from analysis.arms import Arm
from analysis.contenders import Cost, cost_of
from analysis.intervals import Interval, mean_interval, paired_difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What verdicts follow from, besides the data."""

    higher_is_better: bool
    region: float | None
    """In units of the yardstick; ``None`` where it is relative and the base has no score."""
    look: LookState
    n_family: int
    """Distinct configurations of component arms, which Holm corrects together."""

    @property
    def alpha_of_one(self) -> float | None:
        """What the smallest p value of the family must not exceed."""
        return None if self.look.spendable is None else self.look.spendable / max(1, self.n_family)

    @property
    def alpha_of_next(self) -> float | None:
        """The same at the next look, or at this one where none is left."""
        number = (self.look.number or 0) + (1 if self.look.left else 0)
        if self.look.spendable is None or number > self.look.looks:
            return None
        return alpha_of_look(number, self.look.looks, self.look.alpha) / max(1, self.n_family)

    def judge(self, effects: Sequence[PairedEffect | None]) -> tuple[PartVerdict | None, ...]:
        """Judge a family; ``None`` for each arm where no declared look permits a verdict."""
        if self.look.spendable is None or self.region is None:
            return (None,) * len(effects)
        return judge_parts(
            effects, region=self.region, alpha=self.look.spendable, higher_is_better=self.higher_is_better
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmEffect:
    """What one change to the base does. All differences are arm minus base."""

    name: str
    factor: str
    level: str
    kind: Kind
    value: float | None
    """The level as a number, where the factor is one numeric parameter."""
    size_ratio: float | None
    """Parameters of its model over the base's."""
    config: Mapping[str, Any]
    config_hash: str
    same_as: str | None
    """An earlier arm with the very same configuration."""
    trials: tuple[str, ...]
    """That ran to full fidelity, by seed."""
    n_seeds: int
    n_failed: int
    errors: tuple[str, ...]
    score: Interval | None
    """On the yardstick."""
    effect: PairedEffect | None
    base_is_better: float | None
    """Share of blocks in which the base is the better one, ties half."""
    verdict: PartVerdict | None
    """On the part as the base has it; ``None`` for the levels of a curve, and where no look permits one."""
    smallest_detectable: float | None
    """Difference that blocks like these find four times in five, at what Holm demands of its smallest p value."""
    seeds_to_decide: int | None
    """Of each configuration in all, where it is inconclusive; ``None`` also where a thousand are too few."""
    by_series: Mapping[str, Interval]
    over_series: Interval | None
    """The effect on series like these, from five series on."""
    other_metrics: Mapping[str, Interval]
    """The differences of the other shown test metrics, without verdicts."""
    expectation: Expectation | None
    cost: Cost
    retuned: RetunedEffect | None

    @property
    def word(self) -> str:
        """The verdict's word; ``unjudged`` where a part has none, ``exploratory`` for the level of a curve."""
        if self.kind == "curve":
            return "exploratory"
        return "unjudged" if self.verdict is None else self.verdict.word

    @property
    def difference(self) -> Interval | None:
        """The mean difference, arm minus base."""
        return None if self.effect is None else self.effect.interval


def measure_arms(runs: Runs, declaration: Declaration, rules: Rules, shown: Sequence[str]) -> tuple[ArmEffect, ...]:
    """Compute the effect of every declared arm, in the declared order."""
    base = runs.of(declaration.base.config_hash)
    distinct = {arm.config_hash: runs.of(arm.config_hash) for arm in declaration.arms}
    effects = {key: _compare(runs, arm, base) for key, arm in distinct.items()}
    family = list_family(declaration)
    verdicts = dict(zip(family, rules.judge([effects[key] for key in family]), strict=True))
    retuned = measure_retuned(runs, declaration, rules.judge, effects)
    first: dict[str, str] = {}
    for arm in declaration.arms:
        first.setdefault(arm.config_hash, arm.name)
    return tuple(
        _describe(
            declared,
            _Frozen(
                arm=distinct[declared.config_hash],
                base=base,
                effect=effects[declared.config_hash],
                verdict=verdicts.get(declared.config_hash) if declared.kind == "component" else None,
            ),
            runs=runs,
            rules=rules,
            shown=shown,
            same_as=None if first[declared.config_hash] == declared.name else first[declared.config_hash],
            retuned=retuned.get(declared.name),
        )
        for declared in declaration.arms
    )


def list_family(declaration: Declaration) -> list[str]:
    """List the configurations that are tested together, by hash: those of component arms, each once."""
    return list(dict.fromkeys(arm.config_hash for arm in declaration.arms if arm.kind == "component"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frozen:
    arm: Arm | None
    base: Arm | None
    effect: PairedEffect | None
    verdict: PartVerdict | None


def _describe(
    declared: DeclaredArm,
    found: _Frozen,
    *,
    runs: Runs,
    rules: Rules,
    shown: Sequence[str],
    same_as: str | None,
    retuned: RetunedEffect | None,
) -> ArmEffect:
    arm, base = found.arm, found.base
    trials = () if arm is None else arm.trials
    completed = [] if arm is None else arm.completed
    return ArmEffect(
        **{
            name: getattr(declared, name)
            for name in ("name", "factor", "level", "kind", "value", "size_ratio", "config", "config_hash")
        },
        same_as=same_as,
        trials=tuple(trial.trial_id for trial in completed),
        n_seeds=len(completed),
        n_failed=sum(trial.status in ("FAILED", "LOST") for trial in trials),
        errors=tuple(dict.fromkeys(trial.error for trial in trials if trial.error)),
        score=None if arm is None else mean_interval(runs.scores(arm)),
        effect=found.effect,
        base_is_better=_share_of_base(found.effect, rules.higher_is_better),
        verdict=found.verdict,
        smallest_detectable=_smallest_detectable(found.effect, rules),
        seeds_to_decide=_seeds_to_decide(found, rules),
        by_series=_by_series(runs, arm, base),
        over_series=None if arm is None or base is None else effect_over_series(runs.scores(arm), runs.scores(base)),
        other_metrics=_other_metrics(runs, arm, base, shown),
        expectation=compare_with_expected(declared.expected, arm, base, runs, rules.region),
        cost=cost_of(completed),
        retuned=retuned,
    )


def _compare(runs: Runs, arm: Arm | None, base: Arm | None) -> PairedEffect | None:
    return None if arm is None or base is None else paired_effect(runs.scores(arm), runs.scores(base))


def _share_of_base(effect: PairedEffect | None, higher_is_better: bool) -> float | None:
    if effect is None:
        return None
    return 1 - effect.probability_of_improvement if higher_is_better else effect.probability_of_improvement


def _smallest_detectable(effect: PairedEffect | None, rules: Rules) -> float | None:
    if effect is None or rules.alpha_of_one is None:
        return None
    return minimum_detectable_effect(effect, alpha=rules.alpha_of_one)


def _seeds_to_decide(found: _Frozen, rules: Rules) -> int | None:
    if found.effect is None or found.verdict is None or found.verdict.word != "inconclusive":
        return None
    assert rules.region is not None
    assert rules.alpha_of_next is not None
    return seeds_to_decide(found.effect, region=rules.region, alpha=rules.alpha_of_next)


def _by_series(runs: Runs, arm: Arm | None, base: Arm | None) -> dict[str, Interval]:
    if arm is None or base is None:
        return {}
    scores, reference = runs.scores(arm), runs.scores(base)
    found = {
        name: paired_difference(scores[place : place + 1], reference[place : place + 1])
        for place, name in enumerate(runs.series)
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def _other_metrics(runs: Runs, arm: Arm | None, base: Arm | None, shown: Sequence[str]) -> dict[str, Interval]:
    if arm is None or base is None:
        return {}
    names = [name for name in shown if not (runs.yardstick.on_test and name == runs.yardstick.name)]
    found = {name: paired_difference(runs.test(arm, name), runs.test(base, name)) for name in names}
    return {name: interval for name, interval in found.items() if interval is not None}
