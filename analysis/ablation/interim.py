"""Which blocks may be seen, and how much of alpha a look at them may spend.

Whoever adds seeds after a look, and looks again, tests twice. So looks are logged, and between two of them the report
shows what the last one showed: a block that ran since counts from the next look on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.ablation.declared import Declaration
from analysis.ablation.multiplicity import alpha_of_look
from analysis.records import Log, Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class LookState:
    """Where an ablation stands with its declared looks."""

    number: int | None
    """Of the latest look; ``None`` before the first."""
    seeds: int | None
    """Of each configuration at that look."""
    looks: int
    """So many were declared."""
    alpha: float
    """Of all of them together."""
    spendable: float | None
    """What this look may spend of alpha; ``None`` before the first look, and beyond the last that was declared."""

    @property
    def is_beyond(self) -> bool:
        """Tell whether there were more looks than declared."""
        return self.number is not None and self.number > self.looks

    @property
    def left(self) -> int:
        """Return how many declared looks are left."""
        return max(0, self.looks - (self.number or 0))


def find_look(log: Log, declaration: Declaration) -> LookState:
    """Find the latest look."""
    latest = log.looks[-1] if log.looks else None
    is_declared = latest is not None and latest.number <= declaration.looks
    return LookState(
        number=latest.number if latest else None,
        seeds=latest.seeds if latest else None,
        looks=declaration.looks,
        alpha=declaration.alpha,
        spendable=alpha_of_look(latest.number, declaration.looks, declaration.alpha)
        if latest and is_declared
        else None,
    )


def choose_seen(trials: Sequence[Trial], log: Log) -> list[Trial]:
    """Choose the trials whose seeds were there at the latest look; all of them before the first."""
    if not log.looks:
        return list(trials)
    return [trial for trial in trials if _place_of_seed(trial) < log.looks[-1].seeds]


def _place_of_seed(trial: Trial) -> int:
    """Return which seed it has: 1 for ``seed-1`` and for ``search-0/seed-1``."""
    return int(trial.block.rpartition("seed-")[2] or 0)
