"""What an ablation runs: the arms around a base, as the space declares them and the data make them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from cluster.base_study import Base
from cluster.plan import AblationPlan, FrozenArm, RetunedArm
from cluster.region import Region, parse_region
from search_spaces.ablation import Arm, Cell, Factor, Surroundings, choose_factors, list_arms, list_cells
from search_spaces.space import Restricted, SearchSpace
from trainables.models.base import Family, Sizes
from trainables.tasks.base import StudyData, Task

Config = dict[str, Any]
ALPHA = 0.05
"""Chance that any claim about a component is false, over all components and all declared looks."""
WIDEST = 65_536
"""Beyond, no parameter is raised to make an arm as large as the base."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AblationRequest:
    """What a user asks of an ablation."""

    factors: tuple[str, ...]
    """Names, or ``all``."""
    factorial: tuple[str, ...]
    with_path: bool
    retune: int
    """Trials of each search of each arm; 0 without re-tuning."""
    searches: int
    looks: int
    region: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """An ablation that can be run and told of."""

    base: Base
    factors: tuple[Factor, ...]
    arms: tuple[Arm, ...]
    cells: tuple[Cell, ...]
    factorial: tuple[str, ...]
    around: Surroundings
    n_params: Mapping[str, int]
    """By name of the arm, ``base`` for the base: summed over the study's series."""
    region: Region
    plan: AblationPlan

    def describe(self, hash_config: Callable[[Config], str]) -> dict[str, Any]:
        """Describe it for ``study.json``."""
        return {
            "base": {**dataclasses.asdict(self.base), "config_hash": hash_config(self.base.config)},
            "factors": [self._describe_factor(factor) for factor in self.factors],
            "arms": [self._describe_arm(arm, hash_config) for arm in self.arms],
            "factorial": {
                "factors": list(self.factorial),
                "cells": [{**dataclasses.asdict(cell), "config_hash": hash_config(cell.config)} for cell in self.cells],
            }
            if self.cells
            else None,
            "path": {"from": self.around.published, "parameters": list(self.plan.path)} if self.plan.path else None,
            "region": dataclasses.asdict(self.region),
            "alpha": ALPHA,
            "looks": self.plan.looks,
            "retune": {"trials": self.plan.retune_trials, "searches": self.plan.searches}
            if self.plan.retuned
            else None,
        }

    def _describe_factor(self, factor: Factor) -> dict[str, Any]:
        return {
            "name": factor.name,
            "kind": factor.kind,
            "parameters": list(factor.parameters),
            "base_level": self.around.name_of_base(factor),
            "base_value": _as_number(factor, self.base.config),
        }

    def _describe_arm(self, arm: Arm, hash_config: Callable[[Config], str]) -> dict[str, Any]:
        factor = next(factor for factor in self.factors if factor.name == arm.factor)
        return {
            "name": arm.name,
            "factor": arm.factor,
            "level": arm.level,
            "kind": arm.kind,
            "config": arm.config,
            "config_hash": hash_config(arm.config),
            "expected": arm.expected,
            "value": _as_number(factor, arm.config),
            "size_ratio": self.n_params[arm.name] / self.n_params["base"],
        }


def resolve_ablation(
    request: AblationRequest,
    *,
    space: SearchSpace,
    family: Family,
    task: Task,
    data: StudyData,
    base: Base,
) -> Ablation:
    """List the arms around the base and check that each can be run on the data.

    Raises:
        ValueError: If a factor is unknown, an arm does not fit the data, or nothing is left to compare.
    """
    restricted = Restricted(space=space)

    def settle(config: Mapping[str, object]) -> Config:
        return family.config.from_dict(restricted.settle(config)).to_dict()

    count = _make_counter(family, task, data)
    around = Surroundings(
        base=base.config,
        published=family.config.from_dict(space.defaults).to_dict(),
        settle=settle,
        widen=lambda config, name: _widen(config, name, target=count(base.config), count=count),
    )
    wanted = (*request.factors, *request.factorial)
    factors = choose_factors(space.factors, wanted)
    named = choose_factors(space.factors, request.factors)
    arms = [arm for factor in named for arm in list_arms(factor, around)]
    # In the order in which the user names them, which is the order of the interaction map.
    crossed = [next(factor for factor in factors if factor.name == name) for name in request.factorial]
    cells = list_cells(crossed, around) if crossed else []
    path = _list_path(around) if request.with_path else ()
    if not arms and not cells and not path:
        raise ValueError(f"nothing to compare with: no level of {', '.join(wanted)} differs from the base")
    _check_arms(arms, cells, family, task, data)
    return Ablation(
        base=base,
        factors=tuple(factors),
        arms=tuple(arms),
        cells=tuple(cells),
        factorial=request.factorial,
        around=around,
        n_params={"base": count(base.config), **{arm.name: count(arm.config) for arm in arms}},
        region=parse_region(request.region, maximize=data.objective.direction == "maximize"),
        plan=_plan(request, around, arms, cells, path),
    )


def _plan(
    request: AblationRequest, around: Surroundings, arms: Sequence[Arm], cells: Sequence[Cell], path: tuple[str, ...]
) -> AblationPlan:
    base = FrozenArm(name="base", factor=None, level=None, config=around.base)
    frozen = [FrozenArm(name=arm.name, factor=arm.factor, level=arm.level, config=arm.config) for arm in arms]
    for cell in cells:
        levels = " ".join(f"{factor}={level}" for factor, level in cell.levels.items())
        frozen.append(FrozenArm(name=levels, factor="factorial", level=levels, config=cell.config))
    unique: dict[str, FrozenArm] = {}  # a configuration runs once, however many arms come to it
    for arm in (base, *frozen):
        unique.setdefault(repr(arm.config), arm)
    retuned = [RetunedArm(name="base", factor=None, level=None, config=around.base, fixed=())]
    retuned += [
        RetunedArm(name=arm.name, factor=arm.factor, level=arm.level, config=arm.config, fixed=arm.changes)
        for arm in arms
        if arm.kind == "component"
    ]
    return AblationPlan(
        frozen=tuple(unique.values()),
        retuned=tuple(retuned) if request.retune else (),
        retune_trials=request.retune,
        searches=request.searches,
        path=path,
        path_singles={name: around.settle({**around.published, name: around.base[name]}) for name in path},
        path_settle=around.settle,
        base=around.base,
        looks=request.looks,
    )


def _list_path(around: Surroundings) -> tuple[str, ...]:
    """List the parameters in which published and base differ.

    Raises:
        ValueError: If they do not differ.
    """
    path = tuple(name for name, value in around.published.items() if around.base[name] != value)
    if not path:
        raise ValueError(
            "`--path` leads from the published configuration to the base, but the base is the published one; "
            "give the study whose winner is the base by --from"
        )
    return path


def _check_arms(arms: Sequence[Arm], cells: Sequence[Cell], family: Family, task: Task, data: StudyData) -> None:
    named = [(f"{arm.factor} at {arm.level}", arm.config) for arm in arms]
    named += [(" and ".join(f"{factor} at {level}" for factor, level in c.levels.items()), c.config) for c in cells]
    for name, config in named:
        for series in data.series.values():
            try:
                task.sizes(series, family.config.from_dict(config))
            except ValueError as error:
                raise ValueError(f"the arm with {name} cannot be run: {error}; name the factors to keep") from error


def _make_counter(family: Family, task: Task, data: StudyData) -> Callable[[Config], int]:
    """Return what counts the weights of a configuration, summed over the series."""

    @cache
    def count_one(frozen: tuple[tuple[str, Any], ...], sizes: Sizes) -> int:
        model = family.build(family.config.from_dict(dict(frozen)), sizes, torch.Generator().manual_seed(0))
        return sum(parameter.numel() for parameter in model.parameters())

    def count(config: Config) -> int:
        made = family.config.from_dict(config)
        return sum(count_one(tuple(config.items()), task.sizes(series, made)) for series in data.series.values())

    return count


def _widen(config: Config, name: str, *, target: int, count: Callable[[Config], int]) -> Config:
    """Raise a whole-numbered parameter until the model is as large as wanted, as nearly as whole numbers allow."""

    def size(value: int) -> int:
        return count({**config, name: value})

    low = high = int(config[name])
    while size(high) < target and high < WIDEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) < target else (low, middle)
    return {**config, name: min((low, high), key=lambda value: abs(size(value) - target))}


def _as_number(factor: Factor, config: Mapping[str, Any]) -> float | None:
    """Return where a level stands on an axis, for a factor of one numeric parameter."""
    value = config[factor.parameters[0]] if len(factor.parameters) == 1 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
