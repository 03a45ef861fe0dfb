"""A space or a study in words: ``--describe`` and ``--dry-run``."""

from collections.abc import Iterable, Sequence

import torch

from cluster.ablation_in_words import describe_ablation
from cluster.plan import count_runs
from cluster.resolution import ResolvedStudy
from cluster.rungs import expected_epochs
from cluster.study import Resources
from search_spaces.ablation import Factor
from search_spaces.distributions import format_value
from search_spaces.space import Restricted, SearchSpace
from trainables.cost import seconds_per_epoch
from trainables.models import FAMILIES
from trainables.models.base import Sizes, TaskName

DESCRIBED_SIZES: dict[TaskName, Sizes] = {
    "anomaly": Sizes.one_step(38),
    "forecast": Sizes(n_features=7, horizon=96, targets=tuple(range(7)), n_examples=1),
}
"""Data for which a space's parameter count is stated: the Server Machine Dataset, and ETT."""


def describe_space(space: SearchSpace) -> list[str]:
    """Describe ranges, conditions, defaults, ablation arms and the size at the defaults."""
    return [
        f"{space.name}: {space.description}",
        "",
        *_describe_parameters(Restricted(space=space)),
        "",
        f"parameters at the defaults, {_describe_sizes(space)}: {_count_parameters(space):,}",
        "",
        "ablation factors (* published level; in brackets the change that the specification expects, in points)",
        *_table((factor.name, factor.kind, _describe_levels(factor)) for factor in space.factors),
    ]


def describe_study(resolved: ResolvedStudy, resources: Resources) -> list[str]:
    """Describe a study as it would run, without running it: question, ranges, rungs, resources and cost."""
    spec, data = resolved.spec, resolved.data
    return [
        f"space       {spec.space} ({resolved.restricted.identity()})",
        f"data        {spec.data}: {', '.join(data.series)} ({data.data_hash})",
        *(f"            {note}" for note in data.notes),
        f"objective   {data.objective.direction} {data.objective.name}: {data.objective.description}",
        f"            on {', '.join(data.objective_series)}; tested on {', '.join(data.test_series) or 'nothing'}",
        *([f"            {data.objective.evidence.in_words()}"] if data.objective.evidence is not None else []),
        *(_describe_search(resolved) if resolved.ablation is None else describe_ablation(resolved.ablation, spec)),
        "",
        *(_describe_ranges(resolved) if resolved.ablation is None or spec.retune else []),
        *_describe_cost(resolved, resources),
    ]


def _describe_search(resolved: ResolvedStudy) -> list[str]:
    spec, plan = resolved.spec, resolved.plan
    return [
        f"search      {resolved.n_trials} trials, {spec.sampler} sampler, seed {spec.seed}; "
        f"{len(plan.listed)} listed ones come first",
        f"confirm     the best {spec.confirm_top} and the published configuration"
        f"{_describe_variant(resolved)} on {spec.confirm_seeds} fresh seeds"
        if spec.confirm_top
        else "confirm     nothing: scores will be those of single seeds",
        f"check       the objective's ranking on {spec.check_objective} random configurations, "
        f"seeds of each: {spec.check_seeds}"
        if spec.check_objective
        else "check       nothing: how well the objective ranks test scores will not be measured",
    ]


def _describe_ranges(resolved: ResolvedStudy) -> list[str]:
    return [*_describe_parameters(resolved.restricted), "", *_describe_rungs(resolved), ""]


def _describe_variant(resolved: ResolvedStudy) -> str:
    names = " and ".join(resolved.restricted.space.preparation)
    return f", also with its best {names}," if resolved.plan.variants else ""


def _describe_parameters(restricted: Restricted) -> list[str]:
    defaults = restricted.space.defaults
    rows = [("parameter", "searched", "default", "asked for")]
    for parameter in restricted.searched:
        default = format_value(defaults[parameter.name])
        rows.append((parameter.name, parameter.describe_range(), default, parameter.condition or "always"))
    for name, value in restricted.fixed.items():
        rows.append((name, f"fixed at {format_value(value)}", format_value(defaults[name]), "never"))
    return _table(rows)


def _describe_levels(factor: Factor) -> str:
    levels = []
    for level in factor.levels:
        expected = "" if level.expected is None else f" [{level.expected:+g}]"
        expected += f" (by {level.widened})" if level.widened else ""
        levels.append(f"{level.name}{'' if level.changes else '*'}{expected}")
    return ", ".join(levels)


def _describe_rungs(resolved: ResolvedStudy) -> list[str]:
    spec, plan = resolved.spec, resolved.plan
    if not plan.rungs:
        return [f"rungs       none: every trial trains {plan.max_epochs} epochs"]
    share = 1.0
    rows = [("rung", "trials expected", "of them go on")]
    for epoch in plan.rungs:
        rows.append((f"epoch {epoch}", f"{resolved.n_trials * share:.0f}", f"one in {spec.reduction_factor}"))
        share /= spec.reduction_factor
    rows.append((f"epoch {plan.max_epochs}", f"{resolved.n_trials * share:.0f}", "full fidelity"))
    return _table(rows)


def _describe_cost(resolved: ResolvedStudy, resources: Resources) -> list[str]:
    """Estimate from a few measured steps of the published configuration; others may cost several times as much."""
    spec, plan, data = resolved.spec, resolved.plan, resolved.data
    config = resolved.family.config.from_dict(plan.listed[0])
    first = data.series[plan.search_series[0]]
    epoch_s = seconds_per_epoch(resolved.family, config, first, resolved.task, n_threads=resources.cpus_per_trial)
    per_trial = expected_epochs(plan.rungs, reduction_factor=spec.reduction_factor, max_epochs=plan.max_epochs)
    searched_s = per_trial * len(plan.search_series) * epoch_s
    full_s = plan.max_epochs * len(plan.all_series) * epoch_s
    where = resources.address or "this machine"
    return [
        f"resources   {resources.cpus_per_trial} CPUs and {resources.gpus_per_trial:g} GPUs a trial, on {where}",
        f"cost        about {epoch_s:.2f} s an epoch and series here (published configuration, {first.name}); "
        f"{per_trial:.1f} epochs a trial expected",
        f"            {_describe_phases_cost(resolved, searched_s, full_s)} trial-minutes, "
        "to be divided by the trials at a time; configurations that cost more than the published one add to it",
    ]


def _describe_phases_cost(resolved: ResolvedStudy, searched_s: float, full_s: float) -> str:
    spec = resolved.spec
    if resolved.ablation is not None:
        runs, searched = count_runs(resolved.ablation.plan, spec.seeds)
        return f"searches {searched * searched_s / 60:.1f} and runs {runs * full_s / 60:.1f}"
    confirmed = (spec.confirm_top + 1) * spec.confirm_seeds if spec.confirm_top else 0
    return (
        f"search {resolved.n_trials * searched_s / 60:.1f}, confirmation {confirmed * full_s / 60:.1f} and check "
        f"{spec.check_objective * spec.check_seeds * full_s / 60:.1f}"
    )


def _describe_sizes(space: SearchSpace) -> str:
    sizes = DESCRIBED_SIZES[FAMILIES[space.family].task]
    horizon = "" if sizes.horizon == 1 else f" and a horizon of {sizes.horizon} steps"
    return f"{sizes.n_features} features{horizon}"


def _count_parameters(space: SearchSpace) -> int:
    family = FAMILIES[space.family]
    sizes = DESCRIBED_SIZES[family.task]
    model = family.build(family.config.from_dict(space.defaults), sizes, torch.Generator())
    return sum(parameter.numel() for parameter in model.parameters())


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    rows = list(rows)
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
