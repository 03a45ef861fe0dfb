"""What a study is: the question a user asks, and what carries it out, checked value by value."""

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.models.base import check_range
from trainables.training import Precision

Sampler = Literal["tpe", "random"]
Scheduler = Literal["asha", "fifo"]

_TUPLES = ("series", "target", "enqueue", "ablate", "factorial")


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
    ablate: tuple[str, ...] = ()
    """Factors whose levels are compared with the base, or ``all``; with it the study is an ablation and no search."""
    from_study: str | None = None
    """Folder of the study whose winner is the base (``--from``); ``None``: the published configuration is."""
    seeds: int = 5
    """Of every arm of an ablation."""
    factorial: tuple[str, ...] = ()
    """Factors whose levels are combined in every way."""
    path: bool = False
    """Whether an ablation also walks from the published configuration to the base, parameter by parameter."""
    retune: int = 0
    """Trials of each search that an arm gets for itself; 0: arms are only run as they are."""
    searches: int = 3
    """Such searches of each arm."""
    looks: int = 3
    """How often an ablation's result may be looked at in all, each time with more seeds."""
    region: str | None = None
    """Differences of the primary metric that do not matter, such as ``0.01`` or ``1%``."""

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
        check_range("--seeds", self.seeds, 1, 1000)
        check_range("--retune", self.retune, 0, 100_000)
        check_range("--searches", self.searches, 1, 100)
        check_range("--looks", self.looks, 1, 20)
        self._check_ablation()
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

    @property
    def is_ablation(self) -> bool:
        """Whether the study compares arms with a base, instead of searching."""
        return bool(self.ablate or self.factorial or self.path)

    def _check_ablation(self) -> None:
        if not self.is_ablation:
            given = {"--from": self.from_study, "--retune": self.retune, "--region": self.region}
            for flag, value in given.items():
                if value:
                    raise ValueError(
                        f"`{flag}` is for ablations, but nothing is ablated; name factors by --ablate, or all"
                    )
            return
        if self.trials is not None:
            raise ValueError("`--trials` is for a search, but an ablation has none; --retune N gives each arm searches")
        if self.check_objective:
            raise ValueError("`--check-objective` is for a search, but this is an ablation; leave it out")
        if len(set(self.factorial)) != len(self.factorial) or len(self.factorial) == 1:
            raise ValueError("`--factorial` takes two or more different factors, such as gate,towers")

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
        lists = {name: tuple(values[name]) for name in _TUPLES if values.get(name) is not None}
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


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value
