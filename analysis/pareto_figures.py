"""The figure of score against cost: the front, what lies behind it, and how sure that is."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from analysis.drawing import ACCENT, FAINT, INK, MUTED, Picture, finish, new_grid
from analysis.pareto import COSTS, Front, Point


def draw_fronts(fronts: Sequence[Front]) -> list[Picture]:
    """Draw all fronts as one figure; call it within the house style."""
    if not fronts:
        return []
    figure, panels = new_grid(len(fronts), height=2.5)
    for axes, front in zip(panels, fronts, strict=True):
        _draw_front(axes, front)
    faint = (
        " Faint: trials of the search at full fidelity, one seed each." if any(one.searched for one in fronts) else ""
    )
    return [
        finish(
            figure,
            name="score-against-cost",
            title="Score against parameters and latency of the confirmed configurations",
            caption="Confirmed configurations by score and cost; the line joins those that none beats on both. "
            "Crosses: 95 % interval of the score, and the spread of a latency over the runs. Hollow: dominated, but "
            f"not beyond noise (the interval of the paired difference to each dominator holds zero).{faint}",
        )
    ]


def _draw_front(axes: Axes, front: Front) -> None:
    if front.searched:
        axes.plot(*zip(*front.searched, strict=True), "o", color=FAINT, ms=3, mew=0, alpha=0.7)
    best = [point for point in front.points if point.standing == "front"]
    axes.step(
        [point.cost for point in best],
        [point.score.mean for point in best],
        where="post",
        color=ACCENT,
        linewidth=1,
        alpha=0.6,
    )
    costs = [point.cost for point in front.points] + [cost for cost, _ in front.searched]
    is_log = _scale_cost(axes, costs)
    middle = (min(costs) * max(costs)) ** 0.5 if is_log else (min(costs) + max(costs)) / 2
    for point in front.points:
        _draw_point(axes, point, is_right=point.cost > middle)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.margins(x=0.18, y=0.12)
    axes.grid()
    axes.set_xlabel(COSTS[front.cost])
    axes.set_ylabel(f"{front.score_label}{', test' if front.on_test else ''}")


def _draw_point(axes: Axes, point: Point, *, is_right: bool) -> None:
    colour = ACCENT if point.standing == "front" else MUTED
    filling = "none" if point.standing == "dominated within noise" else colour
    axes.plot([point.cost_low, point.cost_high], [point.score.mean] * 2, color=colour, linewidth=1)
    if point.score.low is not None and point.score.high is not None:
        axes.plot([point.cost] * 2, [point.score.low, point.score.high], color=colour, linewidth=1)
    axes.plot(point.cost, point.score.mean, "o", color=colour, markerfacecolor=filling, markersize=5.5)
    axes.annotate(
        point.label,
        (point.cost, point.score.mean),
        xytext=(-5, -10) if is_right else (5, 4),  # apart, where scores are alike
        textcoords="offset points",
        ha="right" if is_right else "left",
        fontsize=7.5,
        color=INK if point.is_best else MUTED,
    ).set_in_layout(False)


def _scale_cost(axes: Axes, costs: Sequence[float]) -> bool:
    """Take a logarithmic scale, and tell so, where the costs differ in their order of magnitude."""
    is_log = min(costs) > 0 and max(costs) > 20 * min(costs)
    if is_log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=4, subs=(1.0,)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(lambda value, _: _shorten(value))
    return is_log


def _shorten(value: float) -> str:
    """Write a tick with few characters: ``80 k``, ``1.5 M``."""
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
