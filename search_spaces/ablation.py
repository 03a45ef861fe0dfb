"""Factors of an ablation: which parts of a model can be changed alone, to what, and what that is expected to cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from search_spaces.distributions import format_value

Kind = Literal["component", "curve"]
Config = dict[str, Any]
Settle = Callable[[Mapping[str, object]], Config]
"""Gives parameters whose conditions do not hold their published values."""
Widen = Callable[[Config, str], Config]
"""Sets a parameter so that the model has as many weights as the base."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One variant of a factor."""

    name: str
    changes: Mapping[str, object]
    """Parameters it sets; empty for the level that the published configuration has."""
    expected: float | None = None
    """Change that the family's specification predicts, in points of 100."""
    widened: str | None = None
    """A parameter that is raised until the model is as large as the base, so that the delta is not one of size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """One part of a model with its variants."""

    name: str
    kind: Kind
    """``component``: a part that must earn its place (these form one family of tests); ``curve``: exploratory."""
    levels: tuple[Level, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that make the factor: those that every level but the published one sets."""
        first, *others = [level.changes for level in self.levels if level.changes]
        return tuple(name for name in first if all(name in changes for changes in others))


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One level of a factor around a base."""

    factor: str
    level: str
    kind: Kind
    config: Config
    changes: tuple[str, ...]
    """Parameters that the level sets, whatever the base has: what a re-tuned search keeps fixed."""
    expected: float | None
    """As the level has it, where the base is the published configuration."""

    @property
    def name(self) -> str:
        """What the arm is called."""
        return f"{self.factor}={self.level}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One combination of levels in a full factorial."""

    levels: Mapping[str, str]
    """Name of the level by factor."""
    config: Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What the levels of a factor are applied to."""

    base: Config
    published: Config
    settle: Settle
    widen: Widen

    def apply(self, factor: Factor, level: Level, config: Config | None = None) -> Config:
        """Return a configuration, the base's own if none is given, with a factor at a level."""
        changes = level.changes or {name: self.published[name] for name in factor.parameters}
        changed = self.settle({**(self.base if config is None else config), **changes})
        return self.settle(self.widen(changed, level.widened)) if level.widened else changed

    def base_level(self, factor: Factor) -> Level | None:
        """Return the level that the base has; ``None`` where it has a value of its own."""
        plain = (level for level in factor.levels if not level.widened)
        return next((level for level in plain if self.apply(factor, level) == self.base), None)

    def name_of_base(self, factor: Factor) -> str:
        """Name what the base has of a factor."""
        level = self.base_level(factor)
        return level.name if level else ", ".join(format_value(self.base[name]) for name in factor.parameters)


def list_arms(factor: Factor, around: Surroundings) -> list[Arm]:
    """List the levels of a factor that differ from the base."""
    is_published = around.base == around.published
    arms = [
        Arm(
            factor=factor.name,
            level=level.name,
            kind=factor.kind,
            config=around.apply(factor, level),
            changes=tuple(level.changes or factor.parameters) + ((level.widened,) if level.widened else ()),
            expected=level.expected if is_published else None,
        )
        for level in factor.levels
    ]
    return [arm for arm in arms if arm.config != around.base]


def list_cells(factors: Sequence[Factor], around: Surroundings) -> list[Cell]:
    """List every combination of the factors' levels, the base's own first of each factor.

    Widened levels are left out: what they compensate changes from combination to combination.
    """
    choices: list[list[tuple[Factor, Level | None]]] = []
    for factor in factors:
        own = around.base_level(factor)
        choices.append([(factor, own), *((factor, one) for one in factor.levels if one is not own and not one.widened)])
    cells = []
    for combination in product(*choices):
        config, levels = around.base, {}
        for factor, level in combination:
            levels[factor.name] = level.name if level else around.name_of_base(factor)
            config = around.apply(factor, level, config) if level else config
        cells.append(Cell(levels=levels, config=config))
    return cells


def choose_factors(factors: Sequence[Factor], names: Sequence[str]) -> list[Factor]:
    """Return the named factors, in the space's order; ``all`` names every one.

    Raises:
        ValueError: If there is no factor of a name.
    """
    known = [factor.name for factor in factors]
    for name in names:
        if name not in known and name != "all":
            raise ValueError(
                f"`--ablate` names {name!r}, but the space's factors are {', '.join(known) or 'none'}; "
                "see --describe, or say all"
            )
    return [factor for factor in factors if factor.name in names or "all" in names]


def curve(parameter: str, values: tuple[object, ...], published: object) -> Factor:
    """Make a factor of one parameter's values; the published one changes nothing."""
    levels = tuple(
        Level(name=format_value(value), changes={} if value == published else {parameter: value}) for value in values
    )
    return Factor(name=parameter, kind="curve", levels=levels)
