"""Dose and response: how the score changes along the levels of a factor that has a scale."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator

from analysis.ablation.declared import Factor
from analysis.ablation.effects import ArmEffect
from analysis.ablation.result import Ablation
from analysis.drawing import ACCENT, GRID, MUTED, Picture, finish, new_figure, new_grid

FEWEST_LEVELS = 2
"""Besides the base's own, for a curve."""
WIDE = 4.0
"""Ratio of the largest level to the smallest from which on the scale is logarithmic."""


def draw_levels(ablation: Ablation) -> list[Picture]:
    """Draw every factor that has a scale, side by side; call it within the house style."""
    curves = find_curves(ablation)
    if not curves:
        return []
    label = ablation.yardstick.label
    figure, panels = _make_panels(len(curves))
    span = _common_span(ablation, [arm for _, arms in curves for arm in arms])
    for place, (axes, (factor, arms)) in enumerate(zip(panels, curves, strict=True)):
        _draw_curve(axes, factor, arms, ablation)
        axes.set_ylim(*span)
        axes.set_title(factor.name, loc="left")
        if place % 2:
            axes.set_yticklabels([])
    figure.supylabel("level minus base", fontsize=9.5)
    names = ", ".join(factor.name for factor, _ in curves)
    return [
        finish(
            figure,
            name="level-curves",
            title=f"Difference in {label} to the base along the levels of {names}",
            caption=f"{label} along the levels of a factor, minus that of the base (ring, zero by definition): dots "
            "are paired means, bars their 95 % intervals, not corrected for their number. Exploratory: no verdict "
            "follows.",
        )
    ]


def find_curves(ablation: Ablation) -> list[tuple[Factor, list[ArmEffect]]]:
    """Find the factors that have a scale on which the base and two levels or more lie, with these levels."""
    found = [(factor, _levels_of(ablation, factor)) for factor in ablation.factors]
    return [(factor, arms) for factor, arms in found if len(arms) >= FEWEST_LEVELS and factor.base_value is not None]


def _make_panels(number: int) -> tuple[Figure, list[Axes]]:
    if number > 1:
        return new_grid(number, height=1.75)
    figure, axes = new_figure(2.6)
    return figure, [axes]


def _levels_of(ablation: Ablation, factor: Factor) -> list[ArmEffect]:
    arms = [arm for arm in ablation.arms if arm.factor == factor.name and arm.value is not None]
    return [arm for arm in arms if arm.difference is not None]


def _common_span(ablation: Ablation, arms: Sequence[ArmEffect]) -> tuple[float, float]:
    ends = [0.0]
    for arm in arms:
        if arm.difference is not None:
            ends += [end for end in (arm.difference.mean, arm.difference.low, arm.difference.high) if end is not None]
    region = ablation.rules.region or 0.0
    low, high = min(*ends, -region), max(*ends, region)
    pad = 0.08 * (high - low or 1)
    return low - pad, high + pad


def _draw_curve(axes: Axes, factor: Factor, arms: Sequence[ArmEffect], ablation: Ablation) -> None:
    assert factor.base_value is not None
    points = [(factor.base_value, 0.0)]
    if ablation.rules.region:
        axes.axhspan(-ablation.rules.region, ablation.rules.region, color=GRID, linewidth=0)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    for arm in arms:
        assert arm.difference is not None
        assert arm.value is not None
        points.append((arm.value, arm.difference.mean))
        if arm.difference.low is not None and arm.difference.high is not None:
            axes.plot([arm.value, arm.value], [arm.difference.low, arm.difference.high], color=ACCENT, linewidth=2)
    # A level may stand twice, widened to the size of the base: the line takes the mean of no two.
    axes.plot(*zip(*sorted(points), strict=True), color=ACCENT, linewidth=1, alpha=0.6)
    axes.plot(*zip(*points[1:], strict=True), "o", color=ACCENT, markersize=5)
    axes.plot(*points[0], "o", markerfacecolor="none", markeredgecolor=ACCENT, markersize=6.5)
    _scale(axes, sorted({x for x, _ in points}))
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _scale(axes: Axes, levels: Sequence[float]) -> None:
    """Put a tick at every level, as far as there is room."""
    if levels[0] > 0 and levels[-1] >= WIDE * levels[0]:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    step = math.ceil(len(levels) / 5)
    axes.xaxis.set_major_locator(FixedLocator(list(levels[::step])))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
