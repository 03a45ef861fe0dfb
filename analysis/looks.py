"""How the rows of a comparison look in the figures that draw them as lines or bars."""

from dataclasses import dataclass
from typing import Any

from analysis.contenders import Comparison, Contender
from analysis.drawing import ACCENT, MUTED, SECOND
from analysis.metric_catalogue import LAST_VALUE, label_baseline


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a row looks in every figure."""

    name: str
    colour: str
    dashes: Any = "-"
    width: float = 1.2

    @property
    def line(self) -> dict[str, Any]:
        """Return the options of a line."""
        return {"color": self.colour, "linestyle": self.dashes, "linewidth": self.width}


def find_look(row: Contender, comparison: Comparison) -> Look:
    """Choose the look of a row: colours tell kinds apart, dashes one baseline from the next."""
    if row.is_best:
        return Look(name=f"best: {row.label}", colour=ACCENT, width=1.7)
    if row.kind == "configuration":
        return Look(name=row.label, colour=MUTED, width=1.5)
    others = [one.label for one in comparison.baselines if one.label != label_baseline(LAST_VALUE)]
    dashes = (0, (4, 2)) if row.label not in others else (0, (1, 1.5 + others.index(row.label)))
    return Look(name=row.label, colour=SECOND, dashes=dashes)
