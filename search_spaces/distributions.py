"""Ranges: what lies in them, what is nearest, how they are written and read."""

import math
from typing import Any, TypeGuard

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution


def contains(distribution: BaseDistribution, value: object) -> bool:
    """Tell whether a value lies in a range; whole floats count as whole numbers, true and false as neither."""
    if isinstance(distribution, CategoricalDistribution):
        return any(
            value is choice or (_same_kind(value, choice) and value == choice) for choice in distribution.choices
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if not distribution.low <= value <= distribution.high:
        return False
    if distribution.step is None or distribution.log:
        return isinstance(distribution, FloatDistribution) or float(value).is_integer()
    steps = (value - distribution.low) / distribution.step
    return math.isclose(steps, round(steps), abs_tol=1e-9)


def nearest(distribution: BaseDistribution, value: Any) -> Any:
    """Return the member of a range nearest to a value; for choices that are no numbers, the first one."""
    if contains(distribution, value):
        return value
    if isinstance(distribution, CategoricalDistribution):
        numbers = [choice for choice in distribution.choices if _is_number(choice)]
        if not _is_number(value) or not numbers:
            return distribution.choices[0]
        return min(numbers, key=lambda choice: abs(choice - value))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if not _is_number(value):
        return distribution.low
    bounded = min(max(value, distribution.low), distribution.high)
    if distribution.step is None:
        return bounded
    return distribution.low + round((bounded - distribution.low) / distribution.step) * distribution.step


def describe(distribution: BaseDistribution) -> str:
    """Write a range as a person reads it."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(format_value(choice) for choice in distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = f" in steps of {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g}..{distribution.high:g}{step}{' (log)' if distribution.log else ''}"


def format_value(value: object) -> str:
    """Write a value as it is given on the command line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_value(text: str) -> object:
    """Read a value from the command line: ``none``, ``true``, ``false``, a number, else the text itself."""
    named: dict[str, object] = {"none": None, "null": None, "true": True, "yes": True, "false": False, "no": False}
    stripped = text.strip()
    if stripped.lower() in named:
        return named[stripped.lower()]
    for number in (int, float):
        try:
            return number(stripped)
        except ValueError:
            continue
    return stripped


def parse_range(name: str, text: str, own: BaseDistribution | None) -> BaseDistribution:
    """Read ``LOW..HIGH`` or ``A,B,C`` for a parameter.

    Args:
        name: The parameter, for messages.
        text: What the user typed.
        own: The space's own range: it decides between whole numbers and floats, and whether the scale is logarithmic.

    Raises:
        ValueError: If the text is neither form or the range is empty.
    """
    if ".." not in text:
        choices: tuple[Any, ...] = tuple(parse_value(part) for part in text.split(","))
        return CategoricalDistribution(choices)
    low, high = (_parse_bound(part) for part in text.split("..", 1))
    if low is None or high is None or low > high:
        raise ValueError(
            f"--range {name}={text} is no range; write LOW..HIGH with numbers, the lower first, or choices as A,B,C"
        )
    if isinstance(own, CategoricalDistribution):
        inside = tuple(choice for choice in own.choices if _is_number(choice) and low <= choice <= high)
        if not inside:
            raise ValueError(f"--range {name}={text} holds none of its choices; they are {describe(own)}")
        return CategoricalDistribution(inside)
    log = isinstance(own, FloatDistribution | IntDistribution) and own.log and low > 0
    if isinstance(own, IntDistribution):
        return IntDistribution(round(low), round(high), log=log)
    return FloatDistribution(low, high, log=log)


def _parse_bound(text: str) -> float | None:
    value = parse_value(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _same_kind(value: object, choice: object) -> bool:
    return isinstance(value, bool) == isinstance(choice, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
