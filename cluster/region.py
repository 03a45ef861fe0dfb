"""The region of practical equivalence: differences too small to matter, declared before anything runs."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """Around zero, in units of the primary metric."""

    value: float
    relative: bool
    """Whether ``value`` is a share of the base's own score."""


def parse_region(text: str | None, *, maximize: bool) -> Region:
    """Read a region, such as ``0.01`` or ``1%``; a point of F1, or one per cent of an error, if none is given.

    Raises:
        ValueError: If it is no positive number.
    """
    if text is None:
        return Region(value=0.01, relative=not maximize)
    relative = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(
            f"`--region` is {text!r}, but must be a positive number of the primary metric's units, such as 0.01, or of "
            "per cent of the base's score, such as 1%"
        )
    return Region(value=value / 100 if relative else value, relative=relative)
