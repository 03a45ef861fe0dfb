"""Factors of an ablation: which parts of a model can be changed alone, to what, and what that is expected to cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from search_spaces.distributions import format_value


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One variant of a factor."""

    name: str
    changes: Mapping[str, object]
    """Parameters it sets; empty for the level that the published configuration has."""
    expected: float | None = None
    """Change of the primary metric that the family's specification predicts, in points of 100."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """One part of a model with its variants."""

    name: str
    kind: Literal["component", "curve"]
    """``component``: a part that must earn its place (these form one family of tests); ``curve``: exploratory."""
    levels: tuple[Level, ...]


def curve(parameter: str, values: tuple[object, ...], published: object) -> Factor:
    """Make a factor of one parameter's values; the published one changes nothing."""
    levels = tuple(
        Level(name=format_value(value), changes={} if value == published else {parameter: value}) for value in values
    )
    return Factor(name=parameter, kind="curve", levels=levels)
