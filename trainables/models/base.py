"""What a model family is: its configuration, its module, and how both are made.

``[B]`` batch, ``[W]`` steps that the model sees, ``[C]`` input columns, ``[H]`` horizon, ``[D]`` target columns.
"""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, Protocol, Self

import torch
from torch import Tensor, nn

from trainables.artifacts import Artifacts

TaskName = Literal["anomaly", "forecast"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a model is trained, whatever its family: what :mod:`trainables.training` needs of a configuration."""

    learning_rate: float
    weight_decay: float
    """L2 penalty in Adam's gradient."""
    batch_size: int
    gradient_clip: float | None = None
    """Largest Euclidean norm of all gradients together; ``None`` leaves them."""
    cosine: bool = False
    """Whether the learning rate falls to zero over the epochs of a full trial, as half a cosine."""
    patience: int | None = None
    """Epochs without a better objective after which a model stops; ``None``: it never does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """Base of a family's configuration: one flat, checked, immutable set of hyperparameters.

    A field is a whole number, a float, a bool, a ``Literal`` of strings, or several of these and ``None``.
    """

    family: ClassVar[str]

    learning_rate: float
    weight_decay: float
    """L2 penalty in Adam's gradient."""
    batch_size: int

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Build a configuration from a loose mapping, the only way in for values from outside.

        Raises:
            ValueError: If a name is unknown or missing, or a value has the wrong type or lies outside its rule.
        """
        types_by_name = typing.get_type_hints(cls)
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"{cls.family} has no parameter {name!r}; it has: {', '.join(known)}")
        if missing := [name for name in known if name not in values]:
            raise ValueError(f"the configuration of {cls.family} lacks {', '.join(missing)}; give every parameter")
        converted: dict[str, Any] = {name: _convert(name, values[name], types_by_name[name]) for name in known}
        return cls(**converted)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain values, fit for JSON."""
        return asdict(self)

    @property
    def recipe(self) -> Recipe:
        """How a model of this configuration is trained."""
        return Recipe(learning_rate=self.learning_rate, weight_decay=self.weight_decay, batch_size=self.batch_size)

    def __post_init__(self) -> None:
        check_range("batch_size", self.batch_size, 1, 65536)
        check_range("learning_rate", self.learning_rate, 1e-8, 1)
        check_range("weight_decay", self.weight_decay, 0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorConfig(ModelConfig):
    """What every anomaly detector that is trained by gradient steps has in its configuration."""

    window: int
    """Steps the model sees, 1 to 64."""
    clip: float | Literal["auto"] | None
    """Bound on the absolute z-scores that the model and the score see; ``None`` leaves them, ``auto`` takes the series'
    own (:mod:`trainables.tasks.clipping`)."""
    score_aggregation: Literal["mean", "top_k", "max"]
    """How the features' squared errors become one score; ``top_k`` is the mean of the five largest."""
    scaling: Literal["once", "twice"]
    """``twice`` standardises the training part a second time, as the published loader does by mistake."""

    def __post_init__(self) -> None:
        ModelConfig.__post_init__(self)  # super() is not available in a dataclass with slots
        check_range("window", self.window, 1, 64)
        if isinstance(self.clip, float):
            check_range("clip", self.clip, 0.1, 1e6)


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecasterConfig(ModelConfig):
    """What every forecaster that is trained by gradient steps has in its configuration."""

    lookback: int
    """Steps the model sees."""
    gradient_clip: float | None
    """Largest norm of the gradients; ``None`` leaves them."""
    schedule: Literal["cosine", "constant"]
    patience: int | None
    """Epochs without a better validation score before training stops; ``None``: it never stops early."""

    @property
    def recipe(self) -> Recipe:
        """How a model of this configuration is trained."""
        return Recipe(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            gradient_clip=self.gradient_clip,
            cosine=self.schedule == "cosine",
            patience=self.patience,
        )

    def __post_init__(self) -> None:
        ModelConfig.__post_init__(self)
        check_range("lookback", self.lookback, 1, 100_000)
        if self.gradient_clip is not None:
            check_range("gradient_clip", self.gradient_clip, 1e-6, 1e6)
        if self.patience is not None:
            check_range("patience", self.patience, 1, 100_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What a model must know of its data to be built."""

    n_features: int
    """``C``"""
    horizon: int
    """``H``; detectors predict one step."""
    targets: tuple[int, ...]
    """Which ``D`` of the ``C`` columns are predicted."""
    n_examples: int
    """Training examples, for what a model keeps about each."""

    @classmethod
    def one_step(cls, n_features: int, *, n_examples: int = 0) -> Self:
        """Return the sizes of a detector's data: every feature is predicted, one step ahead."""
        return cls(n_features=n_features, horizon=1, targets=tuple(range(n_features)), n_examples=n_examples)


class Examples(Protocol):
    """Training examples, addressed by number; a model may look through them before it trains."""

    def __len__(self) -> int: ...

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Gather inputs ``[B, W, C]`` and what is to be predicted of them, ``[B, D]`` or ``[B, H, D]``."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the examples lie."""
        ...


class Model(nn.Module):
    """Base of every family's module. ``model(inputs [B, W, C], generator)`` predicts; the rest has a plain default."""

    def prepare(self, examples: Examples, artifacts: Artifacts) -> None:
        """Learn from the training inputs before the first epoch; what is costly is shared through ``artifacts``."""

    def begin_epoch(self, epoch: int, examples: Examples) -> None:
        """Bring up to date what is not learned by gradient steps, before epoch ``epoch`` (from 1)."""

    def training_loss(
        self, inputs: Tensor, wanted: Tensor, indices: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Compute the loss of a batch: the mean squared error, unless a family has a loss of its own.

        Args:
            inputs: ``[B, W, C]``.
            wanted: What is to be predicted.
            indices: ``[B]``, the examples' numbers.
            generator: Source of the dropout masks.
        """
        del indices
        return nn.functional.mse_loss(self(inputs, generator), wanted)

    def undecayed(self) -> Sequence[nn.Parameter]:
        """List the parameters that weight decay must leave alone."""
        return ()

    def measures(self) -> dict[str, float]:
        """Say what the model has learned, for the curves of an epoch; read after the validation of that epoch."""
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A model family: how to read its configuration and build its module."""

    name: str
    task: TaskName
    """The task whose protocol the family is trained and judged under."""
    config: type[ModelConfig]
    build: Callable[[Any, Sizes, torch.Generator], Model]
    """``build(config, sizes, generator)``: the module with weights drawn from the generator (on the CPU)."""
    kernel: Callable[[torch.device], str]
    """Which implementation of its heavy operations runs on a device, for the trial's row."""


def column_types(config: type[ModelConfig]) -> dict[str, str]:
    """Return the kind of table column that holds each hyperparameter: ``int``, ``float``, ``bool`` or ``string``.

    A parameter that may be ``None`` is text, so that "none" is told apart from "not asked for".
    """
    annotations = typing.get_type_hints(config)
    kinds = {int: "int", float: "float", bool: "bool"}
    return {field.name: kinds.get(annotations[field.name], "string") for field in fields(config)}


def check_range(name: str, value: float, low: float, high: float, *, open_high: bool = False) -> None:
    """Refuse a number outside its range.

    Raises:
        ValueError: If ``value`` is not in [low, high], or in [low, high) with ``open_high``.
    """
    if not low <= value <= high or (open_high and value == high):
        rule = f"at least {low:g} and {'below' if open_high else 'at most'} {high:g}"
        raise ValueError(f"`{name}` is {value!r}, but must be {rule}; choose a value in that range")


def _convert(name: str, value: object, annotation: Any) -> object:
    """Check a value against a field's annotation; whole floats become ints and ints become floats where asked."""
    options = typing.get_args(annotation) if typing.get_origin(annotation) in _UNIONS else (annotation,)
    for option in options:
        converted = _convert_one(value, option)
        if converted is not _NO_MATCH:
            return converted
    *others, last = (_describe_type(option) for option in options)
    wanted = f"{', '.join(others)} or {last}" if others else last
    raise ValueError(f"`{name}` is {value!r}, but must be {wanted}")


_NO_MATCH = object()
_UNIONS = (types.UnionType, typing.Union)  # a union with a Literal in it is of the older kind


def _convert_one(value: object, option: Any) -> object:
    if option is types.NoneType:
        return None if value is None or value == "none" else _NO_MATCH
    if typing.get_origin(option) is Literal:
        value = "none" if value is None else value  # on the command line, none is both a choice's name and nothing
        return value if value in typing.get_args(option) and not isinstance(value, bool) else _NO_MATCH
    if option is bool:
        return value if isinstance(value, bool) else _NO_MATCH
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NO_MATCH
    if option is int:
        return int(value) if float(value).is_integer() else _NO_MATCH
    return float(value)


def _describe_type(option: Any) -> str:
    if option is types.NoneType:
        return "none"
    if typing.get_origin(option) is Literal:
        choices = [str(choice) for choice in typing.get_args(option)]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    return {bool: "true or false", int: "a whole number", float: "a number"}[option]
