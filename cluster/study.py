"""What a study is: the question a user asks, checked, and all that follows from it before a cluster is touched."""

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from optuna.distributions import CategoricalDistribution

from cluster.plan import Plan, plan_rungs
from search_spaces import load_space
from search_spaces.distributions import parse_range
from search_spaces.space import Restricted
from trainables.models import FAMILIES
from trainables.models.base import Family, check_range
from trainables.tasks import TASKS
from trainables.tasks.base import DataRequest, StudyData, Task
from trainables.training import Precision

Sampler = Literal["tpe", "random"]
Scheduler = Literal["asha", "fifo"]


MOST_LISTED = 0.5
"""Share of a search's trials up to which the published configuration is also tried with other preparations of the data:
the sampler must have something left to find."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySpec:
    """One question asked of one model family, as a user states it. Every field is a flag of ``launch.py``.

    Raises:
        ValueError: If a value breaks its own rule; the data and the space are checked by :func:`resolve`.
    """

    space: str
    data: str | None = None
    """``None``: the built-in data set of the space."""
    data_root: str | None = None
    series: tuple[str, ...] | None = None
    label_column: str | None = None
    timestamp: str | None = None
    target: tuple[str, ...] | None = None
    horizon: int | None = None
    difference: str | None = None
    objective: str | None = None
    labelled_by: str | None = None
    trials: int | None = None
    """``None``: the space's own."""
    max_epochs: int | None = None
    """``None``: the space's own."""
    seed: int = 0
    sampler: Sampler = "tpe"
    scheduler: Scheduler = "asha"
    reduction_factor: int = 3
    grace_epochs: int = 1
    fixed: Mapping[str, object] = field(default_factory=dict)
    """Parameters that are not searched (``--set``)."""
    ranges: Mapping[str, str] = field(default_factory=dict)
    """Ranges that replace the space's own (``--range``), as typed."""
    enqueue: tuple[Mapping[str, object], ...] = ()
    """Configurations to try right after the published one; what they leave out has its published value."""
    confirm_top: int = 3
    confirm_seeds: int = 5
    full_test: bool = False
    precision: Precision = "fp32"
    check_objective: int = 0
    """Random configurations on which the objective's ranking is measured; 0 measures nothing."""
    check_seeds: int = 1
    """Seeds of each of them; their scores are averaged."""

    def __post_init__(self) -> None:
        if self.trials is not None:
            check_range("--trials", self.trials, 1, 1_000_000)
        if self.max_epochs is not None:
            check_range("--max-epochs", self.max_epochs, 1, 100_000)
        check_range("--seed", self.seed, 0, 2**63 - 1)
        check_range("--grace-epochs", self.grace_epochs, 1, 100_000)
        check_range("--confirm-top", self.confirm_top, 0, 1000)
        check_range("--confirm-seeds", self.confirm_seeds, 1, 1000)
        check_range("--check-objective", self.check_objective, 0, 100_000)
        check_range("--check-seeds", self.check_seeds, 1, 1000)
        if self.reduction_factor < 2:
            raise ValueError(
                f"`--reduction-factor` is {self.reduction_factor}, but must be at least 2; "
                "use --scheduler fifo to run every trial to its end"
            )
        for flag, value, choices in (
            ("--sampler", self.sampler, typing.get_args(Sampler)),
            ("--scheduler", self.scheduler, typing.get_args(Scheduler)),
            ("--precision", self.precision, typing.get_args(Precision)),
        ):
            if value not in choices:
                raise ValueError(f"`{flag}` is {value!r}, but must be one of {', '.join(choices)}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StudySpec":
        """Build a spec from a loose mapping, as ``study.json`` and study files hold it.

        Raises:
            ValueError: If a name is unknown or ``space`` is missing.
        """
        known = {one.name: one for one in dataclasses.fields(cls)}
        if unknown := [name for name in values if name not in known]:
            raise ValueError(f"a study has no setting {unknown[0]!r}; it has: {', '.join(known)}")
        if "space" not in values:
            raise ValueError("the study names no search space; give --space NAME, or `space: NAME` in the study file")
        lists = {name: tuple(values[name]) for name in ("series", "target", "enqueue") if values.get(name) is not None}
        return cls(**{**values, **lists})

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain values, fit for JSON."""
        return {one.name: _plain(getattr(self, one.name)) for one in dataclasses.fields(self)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What carries a study out; never part of the question, so a resume may change it."""

    address: str | None = None
    """``None``: a cluster of its own on this machine; ``auto`` or HOST:PORT: an existing one."""
    cpus_per_trial: int = 1
    gpus_per_trial: float = 0.0
    max_concurrent: int | None = None
    """Trials at a time; ``None``: as many as the cluster has room for."""
    checkpoint_budget_mb: float = 2000.0
    """Space for the checkpoints of the whole study; beyond it, the worst finished trials' go first."""

    def __post_init__(self) -> None:
        check_range("--cpus-per-trial", self.cpus_per_trial, 1, 4096)
        check_range("--gpus-per-trial", self.gpus_per_trial, 0, 64)
        if self.max_concurrent is not None:
            check_range("--max-concurrent", self.max_concurrent, 1, 1_000_000)
        if self.address is not None and self.address.startswith("ray://"):
            raise ValueError(
                f"`--address` is {self.address!r}, but Ray Client addresses are not supported; run this command on a "
                "machine of the cluster with --address auto"
            )


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

    def canonical(self, config: Mapping[str, object]) -> dict[str, Any]:
        """Bring a configuration into the one form in which it is compared, stored and run."""
        return self.family.config.from_dict(config).to_dict()


def resolve(spec: StudySpec) -> ResolvedStudy:
    """Load the space and the data and make the plan.

    Raises:
        ValueError: If anything in the question is wrong; nothing was written and nothing started.
    """
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
        trials=space.trials if spec.trials is None else spec.trials,
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
    plan = _make_plan(spec, restricted, family, task, data)
    _check_sizes(restricted, family, task, data, plan)
    return ResolvedStudy(
        spec=spec,
        n_trials=spec.trials or space.trials,
        restricted=restricted,
        family=family,
        task=task,
        data=data,
        plan=plan,
    )


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


def check_name(name: str) -> str:
    """Return a study's name if it is fit for a folder.

    Raises:
        ValueError: If it is not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            f"`--name` is {name!r}, but must be up to 100 letters, digits, dots, dashes and underscores, "
            "the first a letter or digit; use --results for the folder it lies in"
        )
    return name


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
    assert spec.trials is not None
    assert spec.max_epochs is not None

    def canonical(config: Mapping[str, object]) -> dict[str, Any]:
        return family.config.from_dict(config).to_dict()

    published = canonical(restricted.space.defaults)
    listed = [canonical(restricted.project(published))]
    listed += [_listed(restricted, canonical, config, index) for index, config in enumerate(spec.enqueue)]
    variants = [canonical(config) for config in restricted.prepare_otherwise(published)]
    if MOST_LISTED * spec.trials < len(listed) + len(variants):
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


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def describe_sequence(names: Sequence[str], most: int = 4) -> str:
    """Join names for a line of text, the first few of many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
