"""The axes of a search space as its sampler saw them: where on each of its parameters a trial lies.

A parameter that can be left out altogether, such as a weight decay of 0 or within a logarithmic range, is two axes:
whether it takes part, and how much of it where it does. A logarithmic range is measured by its logarithm.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from analysis.records import Trial

CELLS = 32
"""Equal parts of a range, where a measure needs levels."""

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledAxis:
    """One axis of a search space."""

    label: str
    parameter: str
    kind: Literal["choice", "switch", "range"]
    choices: tuple[Any, ...] = ()
    """Of a choice."""
    low: float = 0.0
    """Of a range, as it is measured."""
    high: float = 1.0
    is_log: bool = False
    is_whole: bool = False
    absent: Any = None
    """Value of a parameter that is left out, of a switch and of the range behind it."""
    has_switch: bool = False
    """Whether a range is behind a switch."""

    @property
    def n_choices(self) -> int | None:
        """Return the number of choices, ``None`` for a range."""
        return {"choice": len(self.choices), "switch": 2, "range": None}[self.kind]

    @property
    def n_levels(self) -> int:
        """Return the number of levels: choices, whole numbers, or cells."""
        if self.n_choices is not None:
            return self.n_choices
        width = int(self.high - self.low) + 1
        return width if self.is_whole and width <= CELLS else CELLS

    def locate(self, trial: Trial) -> float | None:
        """Return where a trial lies: the place of its choice, or its value as measured.

        ``None`` where the parameter takes no part; not a number where the value lies outside the space.
        """
        value: Any = trial.config.get(self.parameter)
        if self.parameter not in trial.used or (self.has_switch and value == self.absent):
            return None
        if self.kind == "switch":
            return float(value != self.absent)
        if self.kind == "choice":
            return float(self.choices.index(value)) if value in self.choices else math.nan
        measured = math.log(value) if self.is_log and value > 0 else float(value)
        return min(max(measured, self.low), self.high) if self._is_inside(measured) else math.nan

    def holds(self, trial: Trial) -> bool:
        """Tell whether a trial lies within the range, or takes no part in it."""
        place = self.locate(trial)
        return place is None or not math.isnan(place)

    def level(self, trial: Trial) -> int:
        """Return the level, from 0 on, of a trial that takes part."""
        place = self.locate(trial)
        assert place is not None, f"{trial.trial_id} takes no part in {self.label}"
        if self.n_choices is not None:
            return int(place)
        if self.is_whole and self.n_levels == self.high - self.low + 1:
            return int(place - self.low)
        return min(int((place - self.low) / (self.high - self.low) * CELLS), CELLS - 1)

    def _is_inside(self, measured: float) -> bool:
        slack = _ROUNDING * (self.high - self.low)
        return self.low - slack <= measured <= self.high + slack


def list_axes(parameters: Sequence[Mapping[str, Any]]) -> list[SampledAxis]:
    """List the axes of the parameters in ``study.json``, without those that have nothing to choose."""
    axes: list[SampledAxis] = []
    for parameter in parameters:
        name = parameter["name"]
        if "choices" in parameter:
            axes.append(SampledAxis(label=name, parameter=name, kind="choice", choices=tuple(parameter["choices"])))
        else:
            axes += _list_parts(name, parameter)
    return [axis for axis in axes if axis.n_levels > 1]


def _list_parts(name: str, parameter: Mapping[str, Any]) -> list[SampledAxis]:
    """List the axes of a range: whether it takes part, where it need not, and its value."""
    low, high, is_log = parameter["low"], parameter["high"], bool(parameter["log"])
    has_switch = "absent" in parameter
    parts = []
    if has_switch:
        label = f"{name}, whether"
        parts.append(SampledAxis(label=label, parameter=name, kind="switch", absent=parameter["absent"]))
    if low < high:
        parts.append(
            SampledAxis(
                label=f"{name}, how much" if has_switch else name,
                parameter=name,
                kind="range",
                low=math.log(low) if is_log else float(low),
                high=math.log(high) if is_log else float(high),
                is_log=is_log,
                is_whole=isinstance(low, int) and isinstance(high, int) and not is_log,
                absent=parameter.get("absent"),
                has_switch=has_switch,
            )
        )
    return parts
