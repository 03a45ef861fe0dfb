"""Whether two parts work together: what changing both costs beyond the sum of what each change costs alone.

Within every (series, seed) block the interaction of a level of one factor with a level of another is
Y(both) - Y(first) - Y(second) + Y(base), in units of the yardstick. It is read as it is, with its interval and without
a verdict: interactions are exploratory. All other factors stay as the base has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.ablation.declared import Cell, Declaration
from analysis.ablation.runs import Runs
from analysis.intervals import ROUNDING, Blocks, Interval, mean_interval, paired_difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Interaction:
    """Two changes, alone and together."""

    first: str
    """The change, such as ``gate=average``."""
    second: str
    first_effect: Interval | None
    """Of the first change alone, arm minus base."""
    second_effect: Interval | None
    joint_effect: Interval | None
    """Of both together."""
    sum_of_singles: float | None
    """What both would cost if they did not interact, over the blocks that all four configurations have."""
    interaction: Interval | None
    """Joint effect minus the sum; below zero where together they do more harm than apart, if higher is better."""


def find_interactions(runs: Runs, declaration: Declaration) -> tuple[Interaction, ...]:
    """Compute the interaction of every pair of levels, of every pair of factors, in the declared order."""
    cells = {tuple(sorted(cell.levels.items())): cell for cell in declaration.cells}
    base = next((cell for cell in declaration.cells if cell.config_hash == declaration.base.config_hash), None)
    if base is None:
        return ()
    found = []
    for (first, one), (second, other) in _pair_levels(declaration.cells, base):
        at = {**base.levels}
        corners = [base.levels, {**at, first: one}, {**at, second: other}, {**at, first: one, second: other}]
        chosen = [cells.get(tuple(sorted(levels.items()))) for levels in corners]
        scores = [_scores_of(runs, cell) for cell in chosen]
        found.append(_interact(f"{first}={one}", f"{second}={other}", scores))
    return tuple(found)


def _pair_levels(cells: Sequence[Cell], base: Cell) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for first, second in combinations(base.levels, 2):
        for one in _other_levels(cells, first, base):
            for other in _other_levels(cells, second, base):
                yield (first, one), (second, other)


def _other_levels(cells: Sequence[Cell], factor: str, base: Cell) -> list[str]:
    return [level for level in dict.fromkeys(cell.levels[factor] for cell in cells) if level != base.levels[factor]]


def _scores_of(runs: Runs, cell: Cell | None) -> Blocks | None:
    arm = None if cell is None else runs.of(cell.config_hash)
    return None if arm is None else runs.scores(arm)


def _interact(first: str, second: str, scores: Sequence[Blocks | None]) -> Interaction:
    base, one, other, both = scores
    interval = sum_of_singles = None
    if base is not None and one is not None and other is not None and both is not None:
        apart = (one - base) + (other - base)
        beyond = (both - base) - apart
        beyond[np.abs(beyond) < ROUNDING] = 0.0
        interval = mean_interval(beyond)
        shared = mean_interval(np.where(np.isnan(beyond), np.nan, apart))
        sum_of_singles = None if shared is None else shared.mean
    return Interaction(
        first=first,
        second=second,
        first_effect=_effect(one, base),
        second_effect=_effect(other, base),
        joint_effect=_effect(both, base),
        sum_of_singles=sum_of_singles,
        interaction=interval,
    )


def _effect(scores: Blocks | None, base: Blocks | None) -> Interval | None:
    return None if scores is None or base is None else paired_difference(scores, base)
