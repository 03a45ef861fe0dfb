"""What decides a study besides its log: fixed when the study is made, the same after every resume."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.rungs import rung_epochs

Config = Mapping[str, Any]
PhaseName = Literal["search", "confirm", "select", "test", "check"]


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

    def hash_config(self, config: Config) -> str:
        """Identify a configuration of the study's family."""
        content = json.dumps([self.family, dict(config)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def plan_rungs(*, scheduler: str, grace_epochs: int, reduction_factor: int, max_epochs: int) -> tuple[int, ...]:
    """List the rungs of a scheduler; ``fifo`` has none."""
    if scheduler == "fifo":
        return ()
    return rung_epochs(grace_epochs=grace_epochs, reduction_factor=reduction_factor, max_epochs=max_epochs)
