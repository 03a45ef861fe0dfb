"""Which configurations nothing beats on score and cost at once, and which of the others are beaten beyond noise.

A configuration is dominated where another one scores at least as well for at most the same cost. Scores are means over
seeds, so a dominator may be no better in truth: where the interval of the paired difference to every dominator holds
zero, the configuration is dominated within noise only. Costs are taken as they are, latencies as medians of the runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.arms import Arm, Measurements, find_configurations
from analysis.contenders import Comparison, Contender, judge
from analysis.intervals import ROUNDING, Blocks, Interval, mean_interval, paired_difference
from analysis.records import Records

CostName = Literal["n_params", "latency_p50_ms"]
Standing = Literal["front", "dominated within noise", "dominated"]

MOST_SEARCHED = 300
"""Search trials that a figure shows; of more, an even sample."""

COSTS: dict[CostName, str] = {"n_params": "parameters", "latency_p50_ms": "latency p50, ms"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A confirmed configuration."""

    label: str
    is_best: bool
    """Whether it is the study's winner."""
    score: Interval
    cost: float
    cost_low: float
    """The lowest cost among its runs."""
    cost_high: float
    standing: Standing
    dominated_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """All confirmed configurations by one score and one cost."""

    score: str
    """A test metric without its prefix, or the objective."""
    score_label: str
    on_test: bool
    higher_is_better: bool
    cost: CostName
    points: tuple[Point, ...]
    """The cheapest first."""
    searched: tuple[tuple[float, float], ...]
    """Cost and score of search trials at full fidelity, one seed each; only where the score is the objective."""


def find_fronts(records: Records, comparison: Comparison) -> tuple[Front, ...]:
    """Find the fronts over what was confirmed; none where nothing was, or where there is nothing to compare.

    Args:
        records: Of the study.
        comparison: Of its rows.
    """
    if comparison.basis != "confirmed" or records.study.get("ablation"):
        return ()
    _, arms = find_configurations(records)
    measured = Measurements(records, arms)
    # What the search knew, its objective and the size of a model, stands beside what was measured on the test part.
    wanted: list[tuple[bool, CostName]] = [(comparison.yardstick.on_test, cost) for cost in COSTS]
    wanted += [(False, "n_params")] if comparison.yardstick.on_test else []
    fronts = [
        _Table(records=records, comparison=comparison, arms=arms, measured=measured, on_test=on_test).front(cost)
        for on_test, cost in wanted
    ]
    return tuple(front for front in fronts if len(front.points) > 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """What the fronts on one score are made from."""

    records: Records
    comparison: Comparison
    arms: Sequence[Arm]
    measured: Measurements
    on_test: bool

    def front(self, cost: CostName) -> Front:
        """Make the front against a cost."""
        yardstick, objective = self.comparison.yardstick, self.records.objective_name
        rows = {row.label: row for row in self.comparison.configurations}
        placed = [place for arm in self.arms for place in self._place(arm, rows[arm.label], cost)]
        placed.sort(key=lambda place: place.cost)
        return Front(
            score=yardstick.name if self.on_test else objective,
            score_label=yardstick.label if self.on_test else objective,
            on_test=self.on_test,
            higher_is_better=self.higher_is_better,
            cost=cost,
            points=tuple(self._judge(place, placed) for place in placed),
            searched=() if self.on_test else tuple(self._search(cost)),
        )

    @property
    def higher_is_better(self) -> bool:
        return self.comparison.yardstick.higher_is_better if self.on_test else self.records.maximize

    def _place(self, arm: Arm, row: Contender, cost: CostName) -> Iterable["_Placed"]:
        """Place a row, where it has both a score and a cost."""
        blocks = self._blocks(arm)
        score, amount = mean_interval(blocks), getattr(row.cost, cost)
        spent = [one for trial in arm.completed if (one := getattr(trial, cost)) is not None]
        if score is not None and amount is not None:
            yield _Placed(row=row, blocks=blocks, score=score, cost=float(amount), low=min(spent), high=max(spent))

    def _blocks(self, arm: Arm) -> Blocks:
        return self.measured.test(arm, self.comparison.yardstick.name) if self.on_test else self.measured.objective(arm)

    def _judge(self, place: "_Placed", others: Sequence["_Placed"]) -> Point:
        dominators = [other for other in others if other is not place and self._dominates(other, place)]
        differences = [paired_difference(place.blocks, other.blocks) for other in dominators]
        is_beaten = any(judge(one, higher_is_better=self.higher_is_better) == "worse" for one in differences)
        return Point(
            label=place.row.label,
            is_best=place.row.is_best,
            score=place.score,
            cost=place.cost,
            cost_low=float(place.low),
            cost_high=float(place.high),
            standing="front" if not dominators else "dominated" if is_beaten else "dominated within noise",
            dominated_by=tuple(other.row.label for other in dominators),
        )

    def _dominates(self, one: "_Placed", other: "_Placed") -> bool:
        sign = 1 if self.higher_is_better else -1
        gain, saving = sign * (one.score.mean - other.score.mean), other.cost - one.cost
        gain = 0.0 if abs(gain) < ROUNDING else gain
        return gain >= 0 and saving >= 0 and (gain > 0 or saving > 0)

    def _search(self, cost: CostName) -> Iterable[tuple[float, float]]:
        found = [
            (float(amount), trial.objective)
            for trial in self.records.of_stage("search")
            if trial.status == "COMPLETED"
            and trial.objective is not None
            and (amount := getattr(trial, cost)) is not None
        ]
        return found[:: -(-len(found) // MOST_SEARCHED)] if found else []


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Placed:
    """A row with its score, the blocks behind it, and its cost."""

    row: Contender
    blocks: Blocks
    score: Interval
    cost: float
    low: float
    high: float
