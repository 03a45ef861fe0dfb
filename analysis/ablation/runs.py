"""The runs of an ablation, grouped by configuration, and their values as blocks.

``[S, K]`` = series, seeds.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.ablation.declared import Declaration
from analysis.ablation.interim import choose_seen
from analysis.arms import Arm, Measurements
from analysis.contenders import choose_yardstick
from analysis.intervals import Blocks
from analysis.records import Records, Trial

FROZEN, RETUNED, SEARCH = "ablate_frozen", "ablate_retuned", "search"
BASE = "base"
"""What the base is called in the column ``arm``."""


class Runs:
    """Every configuration's runs and values on one yardstick; all blocks have the same places."""

    def __init__(self, records: Records, declaration: Declaration) -> None:
        self.records = records
        frozen = choose_seen(records.of_stage(FROZEN), records.log)
        retuned = choose_seen(records.of_stage(RETUNED), records.log)
        self.seen = frozenset(trial.trial_id for trial in [*frozen, *retuned])
        self._frozen = _group(frozen, lambda trial: trial.config_hash)
        self._retuned = _group(retuned, lambda trial: (trial.arm, trial.block.partition("/")[0]))
        self._hashes = {_freeze(trial.config): trial.config_hash for trial in frozen}
        self._hashes |= {trial.arm: trial.config_hash for trial in frozen}
        self._measured = Measurements(records, [*self._frozen.values(), *self._retuned.values()])
        base = self.of(declaration.base.config_hash)
        self.yardstick = choose_yardstick(records, self._measured, [*self._frozen.values()] if base is None else [base])

    def of(self, config_hash: str) -> Arm | None:
        """Return the frozen runs of a configuration."""
        return self._frozen.get(config_hash)

    def named(self, arm: str, config: Mapping[str, Any]) -> Arm | None:
        """Return the frozen runs of a configuration whose hash is not declared.

        Args:
            arm: What it is called, unless another arm had the same configuration before.
            config: What it is, unless a condition changed it.
        """
        return self._frozen.get(self._hashes.get(arm) or self._hashes.get(_freeze(config), ""))

    def retuned(self, arm: str, search: int) -> Arm | None:
        """Return the runs of what one search of an arm found."""
        return self._retuned.get((arm, f"search-{search}"))

    def scores(self, arm: Arm | None) -> Blocks:
        """Return the values on the yardstick."""
        if self.yardstick.on_test:
            return self.test(arm, self.yardstick.name)
        series = self.records.study["objective_series"]
        return _nothing(len(series)) if arm is None else self._measured.objective(arm)

    def test(self, arm: Arm | None, metric: str) -> Blocks:
        """Return a test metric's values; nothing but NaN where there are no runs."""
        if arm is None:
            return _nothing(len(self.records.study["test_series"]))
        return self._measured.test(arm, metric)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The names of the places in a row of blocks, such as ``seed-0``."""
        return tuple(self._measured.seeds)

    @property
    def series(self) -> tuple[str, ...]:
        """The series on which the yardstick is read."""
        return tuple(self.records.study["test_series" if self.yardstick.on_test else "objective_series"])


def _group(trials: list[Trial], key: Any) -> dict[Any, Arm]:
    groups: dict[Any, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(key(trial), []).append(trial)
    return {
        name: Arm(label=str(name), kind="configuration", is_published=False, is_variant=False, trials=tuple(some))
        for name, some in groups.items()
    }


def _freeze(config: Mapping[str, Any]) -> str:
    return repr(sorted(config.items(), key=lambda item: item[0]))


def _nothing(n_series: int) -> Blocks:
    return np.full((n_series, 1), np.nan)
