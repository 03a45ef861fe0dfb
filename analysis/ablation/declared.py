"""What an ablation set out to compare, as ``study.json`` declares it before the first run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analysis.formatting import format_value

Kind = Literal["component", "curve"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The configuration that every arm differs from in one part."""

    label: str
    config: Mapping[str, Any]
    config_hash: str
    is_published: bool
    study: str | None
    """The search that it is the winner of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """One part of the model."""

    name: str
    kind: Kind
    parameters: tuple[str, ...]
    base_level: str
    base_value: float | None
    """The base's level as a number, where the factor is one numeric parameter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredArm:
    """The base with one factor at another level."""

    name: str
    factor: str
    level: str
    kind: Kind
    config: Mapping[str, Any]
    config_hash: str
    expected: float | None
    """Change that the specification predicts, in points of 100."""
    value: float | None
    """The level as a number, where the factor is one numeric parameter."""
    size_ratio: float | None
    """Parameters of the arm's model over the base's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One combination of levels of a factorial."""

    levels: Mapping[str, str]
    """By factor."""
    config_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Retuning:
    """The searches that every arm and the base have."""

    trials: int
    """Of one search."""
    searches: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """An ablation's question."""

    base: Base
    factors: tuple[Factor, ...]
    arms: tuple[DeclaredArm, ...]
    cells: tuple[Cell, ...]
    """Of the factorial; empty where there is none."""
    path_from: Mapping[str, Any] | None
    """The published configuration, where the way from it to the base was walked."""
    path_parameters: tuple[str, ...]
    region: float
    region_is_relative: bool
    """Whether the region counts in units of the base's score."""
    alpha: float
    looks: int
    retuning: Retuning | None


def read_declaration(study: Mapping[str, Any]) -> Declaration | None:
    """Read the ``ablation`` entry of ``study.json``; ``None`` in the study of a search."""
    found = study.get("ablation")
    if not found:
        return None
    factors = tuple(_read_factor(factor, found["base"]["config"]) for factor in found["factors"])
    path, region, retune = found.get("path"), found["region"], found.get("retune")
    return Declaration(
        base=Base(**{name: found["base"].get(name) for name in Base.__dataclass_fields__}),
        factors=factors,
        arms=tuple(_read_arm(arm) for arm in found["arms"]),
        cells=tuple(
            Cell(
                levels={name: format_value(level) for name, level in cell["levels"].items()},
                config_hash=cell["config_hash"],
            )
            for cell in (found.get("factorial") or {}).get("cells", ())
        ),
        path_from=path["from"] if path else None,
        path_parameters=tuple(path["parameters"]) if path else (),
        region=float(region["value"]),
        region_is_relative=bool(region["relative"]),
        alpha=float(found["alpha"]),
        looks=int(found["looks"]),
        retuning=Retuning(trials=retune["trials"], searches=retune["searches"]) if retune else None,
    )


def _read_factor(factor: Mapping[str, Any], base: Mapping[str, Any]) -> Factor:
    parameters = tuple(factor["parameters"])
    value = factor.get("base_value", base.get(parameters[0]) if len(parameters) == 1 else None)
    return Factor(
        name=factor["name"],
        kind=factor["kind"],
        parameters=parameters,
        base_level=format_value(factor["base_level"]),
        base_value=float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None,
    )


def _read_arm(arm: Mapping[str, Any]) -> DeclaredArm:
    return DeclaredArm(
        name=arm["name"],
        factor=arm["factor"],
        level=format_value(arm["level"]),
        kind=arm["kind"],
        config=arm["config"],
        config_hash=arm["config_hash"],
        expected=arm.get("expected"),
        value=arm.get("value"),
        size_ratio=arm.get("size_ratio"),
    )
