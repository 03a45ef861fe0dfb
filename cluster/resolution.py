"""All that follows from a question before a cluster is touched: its space, its data, and the plan."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution

from cluster.ablation import Ablation, AblationRequest, resolve_ablation
from cluster.base_study import Base, inherit, read_winner
from cluster.plan import Plan, RetunedArm, plan_rungs
from cluster.study import StudySpec
from search_spaces import load_space
from search_spaces.distributions import format_value, parse_range
from search_spaces.space import Restricted
from trainables.models import FAMILIES
from trainables.models.base import Family
from trainables.tasks import TASKS
from trainables.tasks.base import DataRequest, StudyData, Task

MOST_LISTED = 0.5
"""Share of a search's trials up to which the published configuration is also tried with other preparations of the data:
the sampler must have something left to find."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedStudy:
    """A question with its space, its data and the plan that follows, ready to be run."""

    spec: StudySpec
    """With what the user left open filled in."""
    n_trials: int
    restricted: Restricted
    family: Family
    task: Task
    data: StudyData
    plan: Plan
    ablation: Ablation | None = None
    """Where the study is one."""

    @property
    def n_seeds(self) -> int:
        """Seeds of an ablation's arms, as first asked for; 0 for a search."""
        return self.spec.seeds if self.ablation is not None else 0

    def describe_ablation(self) -> dict[str, Any] | None:
        """Describe the ablation for ``study.json``; ``None`` where there is none."""
        return None if self.ablation is None else _plain_deep(self.ablation.describe(self.plan.hash_config))

    def restrict_to(self, arm: RetunedArm) -> Restricted:
        """Return the space that an arm's own searches move in."""
        fixed = {**self.restricted.fixed, **{name: arm.config[name] for name in arm.fixed}}
        ranges = {name: one for name, one in self.restricted.ranges.items() if name not in fixed}
        return Restricted(space=self.restricted.space, fixed=fixed, ranges=ranges)

    def canonical(self, config: Mapping[str, object]) -> dict[str, Any]:
        """Bring a configuration into the one form in which it is compared, stored and run."""
        return self.family.config.from_dict(config).to_dict()


def resolve(spec: StudySpec, *, base: Base | None = None) -> ResolvedStudy:
    """Load the space and the data and make the plan.

    Args:
        spec: The question.
        base: What an ablation is built around, where that is on record; otherwise it is found.

    Raises:
        ValueError: If anything in the question is wrong; nothing was written and nothing started.
    """
    if spec.from_study is not None and base is None:
        spec = inherit(spec)
    space = load_space(spec.space)
    if space.family not in FAMILIES:
        raise ValueError(
            f"the search space {spec.space!r} is of the family {space.family!r}, which does not exist; "
            f"known: {', '.join(FAMILIES)}"
        )
    family = FAMILIES[space.family]
    spec = dataclasses.replace(
        spec,
        data=spec.data or space.data,
        trials=space.trials if spec.trials is None and not spec.is_ablation else spec.trials,
        max_epochs=space.max_epochs if spec.max_epochs is None else spec.max_epochs,
    )
    restricted = restrict(spec, family)
    task = TASKS[family.task]
    data = task.open(_request_data(spec))
    if spec.check_objective > 0 and not task.has_test_scores(data):
        raise ValueError(
            f"`--check-objective` is {spec.check_objective}, but no series has a labelled event in its untouched part, "
            "so there are no test scores to rank by; give labelled series, or leave it out"
        )
    ablation = _resolve_ablation(spec, restricted, family, task, data, base) if spec.is_ablation else None
    plan = _make_plan(spec, restricted, family, task, data)
    if ablation is None:
        _check_sizes(restricted, family, task, data, plan)
    else:
        plan = dataclasses.replace(
            plan, phases=("ablate", "test", "look"), search_series=plan.all_series, ablation=ablation.plan
        )
    return ResolvedStudy(
        spec=spec,
        n_trials=spec.trials or 0,
        restricted=restricted,
        family=family,
        task=task,
        data=data,
        plan=plan,
        ablation=ablation,
    )


def _resolve_ablation(
    spec: StudySpec, restricted: Restricted, family: Family, task: Task, data: StudyData, base: Base | None
) -> Ablation:
    request = AblationRequest(
        factors=spec.ablate,
        factorial=spec.factorial,
        with_path=spec.path,
        retune=spec.retune,
        searches=spec.searches,
        looks=spec.looks,
        region=spec.region,
    )
    base = base or _find_base(spec, restricted, family)
    return resolve_ablation(request, space=restricted.space, family=family, task=task, data=data, base=base)


def _find_base(spec: StudySpec, restricted: Restricted, family: Family) -> Base:
    """Take the winner of the study that the user names, else the published configuration, with what ``--set`` sets."""
    published = family.config.from_dict(restricted.space.defaults).to_dict()
    label, config = read_winner(Path(spec.from_study)) if spec.from_study else ("published", published)
    changed = {name: value for name, value in restricted.fixed.items() if config[name] != value}
    config = family.config.from_dict(Restricted(space=restricted.space).settle({**config, **changed})).to_dict()
    if changed:
        label += ", " + ", ".join(f"{name} {format_value(value)}" for name, value in changed.items())
    return Base(label=label, config=config, is_published=config == published, study=spec.from_study)


def restrict(spec: StudySpec, family: Family) -> Restricted:
    """Narrow the study's space by ``--set`` and ``--range``, and check that every value is one the family takes.

    Raises:
        ValueError: If a name or a value is wrong.
    """
    space = load_space(spec.space)
    own = {parameter.name: parameter.distribution for parameter in Restricted(space=space).parameters}
    base = family.config.from_dict({**space.defaults, **spec.fixed}).to_dict()
    fixed = {name: base[name] for name in spec.fixed}
    ranges = {name: parse_range(name, text, own.get(name)) for name, text in spec.ranges.items()}
    restricted = Restricted(space=space, fixed=fixed, ranges=ranges)
    for name, distribution in ranges.items():
        choices = isinstance(distribution, CategoricalDistribution)
        for value in distribution.choices if choices else (distribution.low, distribution.high):  # type: ignore[attr-defined]
            family.config.from_dict({**base, name: value})
    return restricted


def _request_data(spec: StudySpec) -> DataRequest:
    assert spec.data is not None
    return DataRequest(
        data=spec.data,
        root=None if spec.data_root is None else Path(spec.data_root),
        series=spec.series,
        label_column=spec.label_column,
        timestamp=spec.timestamp,
        target=spec.target,
        horizon=spec.horizon,
        difference=spec.difference,
        objective=spec.objective,
        labelled_by=spec.labelled_by,
        full_test=spec.full_test,
        seed=spec.seed,
    )


def _check_sizes(restricted: Restricted, family: Family, task: Task, data: StudyData, plan: Plan) -> None:
    """Check that every series is long enough for what is listed and for each value that a parameter can take alone.

    Raises:
        ValueError: If one is not.
    """
    base = plan.listed[0]
    singles = [
        {**base, parameter.name: choice}
        for parameter in restricted.parameters
        if isinstance(parameter.distribution, CategoricalDistribution)
        for choice in parameter.distribution.choices
    ]
    for config in (*plan.listed, *singles):
        for series in data.series.values():
            task.sizes(series, family.config.from_dict(config))


def _make_plan(spec: StudySpec, restricted: Restricted, family: Family, task: Task, data: StudyData) -> Plan:
    assert spec.max_epochs is not None

    def canonical(config: Mapping[str, object]) -> dict[str, Any]:
        return family.config.from_dict(config).to_dict()

    published = canonical(restricted.space.defaults)
    listed = [canonical(restricted.project(published))]
    listed += [_listed(restricted, canonical, config, index) for index, config in enumerate(spec.enqueue)]
    variants = [canonical(config) for config in restricted.prepare_otherwise(published)]
    if MOST_LISTED * (spec.trials or 0) < len(listed) + len(variants):
        variants = []
    listed += variants
    unique = [config for index, config in enumerate(listed) if config not in listed[:index]]
    all_series = tuple(data.series)
    return Plan(
        family=family.name,
        seed=spec.seed,
        phases=("search", "confirm", "select", "test", "check"),
        listed=tuple(unique),
        published=published,
        variants=tuple(variants),
        max_epochs=spec.max_epochs,
        rungs=plan_rungs(
            scheduler=spec.scheduler,
            grace_epochs=spec.grace_epochs,
            reduction_factor=spec.reduction_factor,
            max_epochs=spec.max_epochs,
        ),
        reduction_factor=spec.reduction_factor,
        maximize=data.objective.direction == "maximize",
        confirm_top=spec.confirm_top,
        confirm_seeds=spec.confirm_seeds,
        check_seeds=spec.check_seeds,
        # Without confirmation no later run trains the series that are only tested.
        search_series=data.objective_series if spec.confirm_top > 0 else all_series,
        all_series=all_series,
        baselines=task.baselines,
    )


def _listed(restricted: Restricted, canonical: Any, config: Mapping[str, object], index: int) -> dict[str, Any]:
    """Complete a configuration that the user listed, and check that the study searches it."""
    try:
        complete: dict[str, Any] = canonical({**restricted.space.defaults, **restricted.fixed, **config})
        restricted.encode(complete)
    except ValueError as error:
        raise ValueError(f"configuration {index + 1} to enqueue: {error}") from error
    return complete


def _plain_deep(value: Any) -> Any:
    """Return a value as it comes back from JSON, so that it can be compared with what was stored."""
    return json.loads(json.dumps(value))
