"""What decides a study besides its log: fixed when the study is made, the same after every resume."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.rungs import rung_epochs

Config = Mapping[str, Any]
Settle = Callable[[Config], Config]
"""Gives parameters whose conditions do not hold their published values."""
PhaseName = Literal["search", "confirm", "select", "ablate", "test", "check", "look"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenArm:
    """A configuration that an ablation runs under every seed."""

    name: str
    factor: str | None
    level: str | None
    config: Config


@dataclass(frozen=True, kw_only=True, slots=True)
class RetunedArm:
    """An arm, or the base, that has searches of its own."""

    name: str
    factor: str | None
    level: str | None
    config: Config
    """What its searches begin with."""
    fixed: tuple[str, ...]
    """Parameters that they leave as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AblationPlan:
    """What an ablation runs besides its number of seeds, which may grow."""

    frozen: tuple[FrozenArm, ...]
    """Each configuration once, the base first."""
    retuned: tuple[RetunedArm, ...]
    """The base first; empty without re-tuning."""
    retune_trials: int
    """Of each search."""
    searches: int
    """Of each re-tuned arm."""
    path: tuple[str, ...]
    """Parameters in which the published configuration and the base differ; empty where no path is wanted."""
    path_singles: Mapping[str, Config]
    """The published configuration with one of them changed."""
    path_settle: Settle
    """Completes a configuration on the path."""
    base: Config
    looks: int
    """How often the result may be looked at, declared beforehand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The inputs of every decision."""

    family: str
    seed: int
    """The study's seed, from which all others come."""
    phases: tuple[PhaseName, ...]
    listed: tuple[Config, ...]
    """Configurations that a search begins with, before the sampler is asked: the published one, then the user's, then
    the variants."""
    published: Config
    """The published configuration, confirmed beside the best ones."""
    variants: tuple[Config, ...]
    """It with other preparations of the data, the best of which is confirmed too; empty where a search has no trials
    to spare for them."""
    max_epochs: int
    rungs: tuple[int, ...]
    reduction_factor: int
    maximize: bool
    confirm_top: int
    confirm_seeds: int
    check_seeds: int
    """Seeds of each random configuration that checks the objective."""
    search_series: tuple[str, ...]
    """Series that a search trial trains."""
    all_series: tuple[str, ...]
    """Series that a confirmation trains."""
    baselines: tuple[str, ...]
    ablation: AblationPlan | None = None
    """Where the study is one."""

    def hash_config(self, config: Config) -> str:
        """Identify a configuration of the study's family."""
        content = json.dumps([self.family, dict(config)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def plan_rungs(*, scheduler: str, grace_epochs: int, reduction_factor: int, max_epochs: int) -> tuple[int, ...]:
    """List the rungs of a scheduler; ``fifo`` has none."""
    if scheduler == "fifo":
        return ()
    return rung_epochs(grace_epochs=grace_epochs, reduction_factor=reduction_factor, max_epochs=max_epochs)


def count_runs(plan: AblationPlan, n_seeds: int) -> tuple[int, int]:
    """Count the runs at full fidelity, and the trials of searches before them."""
    frozen = {repr(arm.config) for arm in plan.frozen} | {repr(config) for config in plan.path_singles.values()}
    # The published configuration, and what lies between the first change and the base.
    on_path = 1 + max(0, len(plan.path) - 2) if plan.path else 0
    n_searches = plan.searches * len(plan.retuned)
    return n_seeds * (len(frozen) + on_path + n_searches), n_searches * plan.retune_trials
