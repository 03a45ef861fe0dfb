"""What an audit finds: places where two accounts of a study disagree."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import TypeGuard

TOLERANCE = 1e-12
"""Relative. A library of another version may add up in another order; what a person changed is further off."""

_WIDEST = 160
"""Characters of a value that are shown."""

NOT_THERE = object()
"""Stands for a value that one of the two accounts lacks."""


@dataclass(kw_only=True, slots=True)
class Findings:
    """Disagreements, and how many numbers were compared to find them."""

    mismatches: list[str] = field(default_factory=list)
    """One line each: the place, what stands there, and what it should be."""
    n_numbers: int = 0

    def add(self, place: str, written: object, recomputed: object) -> None:
        """Record that a place holds another value than it should."""
        self.mismatches.append(f"{place}: {_show(written)}, recomputed {_show(recomputed)}")

    def compare(self, place: str, written: object, recomputed: object, path: str = "") -> None:
        """Compare two values, and what is inside them, entry by entry.

        Args:
            place: Where the value stands.
            written: What stands there.
            recomputed: What should.
            path: The way to it within the place, such as ``rows[0].mean``.
        """
        if isinstance(written, Mapping) and isinstance(recomputed, Mapping):
            for name in dict.fromkeys([*written, *recomputed]):
                one, other = written.get(name, NOT_THERE), recomputed.get(name, NOT_THERE)
                self.compare(place, one, other, f"{path}.{name}" if path else str(name))
        elif isinstance(written, list) and isinstance(recomputed, list):
            for index, (one, other) in enumerate(zip_longest(written, recomputed, fillvalue=NOT_THERE)):
                self.compare(place, one, other, f"{path}[{index}]")
        else:
            self.n_numbers += _is_number(recomputed)
            if not agree(written, recomputed):
                self.add(f"{place}, {path}" if path else place, written, recomputed)

    def extend(self, others: Iterable["Findings"]) -> "Findings":
        """Take in what others found."""
        for other in others:
            self.mismatches += other.mismatches
            self.n_numbers += other.n_numbers
        return self


def agree(written: object, recomputed: object) -> bool:
    """Tell whether two values are the same: fractions but for rounding, everything else exactly."""
    if isinstance(written, float) or isinstance(recomputed, float):
        if not (_is_number(written) and _is_number(recomputed)):
            return False
        return math.isclose(written, recomputed, rel_tol=TOLERANCE) or (math.isnan(written) and math.isnan(recomputed))
    return type(written) is type(recomputed) and written == recomputed


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _show(value: object) -> str:
    if value is NOT_THERE:
        return "not there"
    text = " ".join(str(value).split() if isinstance(value, datetime) else repr(value).split())
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."
