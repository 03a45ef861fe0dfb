"""Names of series and columns, as people expect to see them: in natural order, and not too many at once."""

import re
from collections.abc import Iterable, Sequence


def sort_naturally(names: Iterable[str]) -> list[str]:
    """Sort with numbers compared as numbers: ``machine-1-2`` comes before ``machine-1-10``."""
    return sorted(names, key=lambda name: ([_as_key(piece) for piece in re.split(r"([0-9]+)", name)], name))


def enumerate_names(names: Sequence[str], at_most: int = 10) -> str:
    """Quote the names for a message; of a long list only the beginning."""
    shown = ", ".join(repr(name) for name in names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"


def _as_key(piece: str) -> tuple[int, str]:
    """Give text and numbers keys that compare with each other."""
    return (int(piece), "") if piece.isdecimal() else (-1, piece)
