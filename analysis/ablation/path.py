"""The way from the published configuration to the base, one parameter at a time.

Each step adds a change to those before it; how much a step gains depends on what came before. Beside it stands what the
same change gains alone. Where the two differ, the order carries part of the credit, and no order is the right one.

References:
    Fawcett and Hoos 2016, "Analysing differences between algorithm configurations through ablation", Journal of
    Heuristics 22(4). Their order is greedy, by real runs at every step; here the single changes are run once and
    ordered by their objective on validation, which costs a linear number of runs instead of a quadratic one.
"""

from dataclasses import dataclass

from analysis.ablation.declared import Declaration
from analysis.ablation.runs import Runs
from analysis.arms import Arm
from analysis.intervals import Interval, mean_interval, paired_difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One parameter changed on the way."""

    parameter: str
    before: object
    after: object
    score: Interval | None
    """With this change and all before it; ``None`` before the order is fixed, or where it did not run."""
    gain: Interval | None
    """Over the step before, paired."""
    alone: Interval | None
    """What the change gains by itself over the published configuration, paired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Path:
    """All steps, in their order."""

    start: Interval | None
    """The published configuration's score."""
    is_ordered: bool
    """Whether the study has fixed the order; before, the steps stand as they were declared."""
    steps: tuple[Step, ...]
    total: Interval | None
    """The base minus the published configuration, paired."""


def walk_path(runs: Runs, declaration: Declaration) -> Path | None:
    """Follow the declared way; ``None`` where none was declared."""
    if declaration.path_from is None:
        return None
    ordered = runs.records.log.path
    start = runs.named("published", declaration.path_from)
    before, steps = start, []
    for place, parameter in enumerate([one["parameter"] for one in ordered] or declaration.path_parameters):
        after = runs.of(ordered[place]["config_hash"]) if ordered else None
        steps.append(_take_step(runs, declaration, parameter, start, before, after))
        before = after
    return Path(
        start=None if start is None else mean_interval(runs.scores(start)),
        is_ordered=bool(ordered),
        steps=tuple(steps),
        total=_difference(runs, runs.of(declaration.base.config_hash), start),
    )


def _take_step(
    runs: Runs, declaration: Declaration, parameter: str, start: Arm | None, before: Arm | None, after: Arm | None
) -> Step:
    assert declaration.path_from is not None
    published, base = declaration.path_from.get(parameter), declaration.base.config.get(parameter)
    alone = runs.named(f"path {parameter}", {**declaration.path_from, parameter: base})
    return Step(
        parameter=parameter,
        before=published,
        after=base,
        score=None if after is None else mean_interval(runs.scores(after)),
        gain=_difference(runs, after, before),
        alone=_difference(runs, alone, start),
    )


def _difference(runs: Runs, one: Arm | None, other: Arm | None) -> Interval | None:
    return None if one is None or other is None else paired_difference(runs.scores(one), runs.scores(other))
