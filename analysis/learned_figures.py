"""Figures of training: losses by epoch, and what a model learned beside its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.drawing import ACCENT, BAD, FAINT, MUTED, SECOND, Picture, finish, new_figure, new_grid, new_panels, zoom
from analysis.formatting import count, format_share
from analysis.learned import Convergence, Course, Curve, Learning, Measure, MeasureGroup

MOST_PANELS = 4
"""Members of a numbered group that have a panel each."""
MOST_SMALL_PANELS = 8
NARROWEST = 0.1
"""Units that the axis of a weight or share spans at least, so that a tremor does not look like a move."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """How a group of measures is put into words."""

    title: str
    axis: str
    member: str
    is_weight: bool = False
    """Whether its values lie between 0 and 1."""


_WORDS = {
    "alpha": _Words(
        title="Weight of the Mamba branch by epoch", axis="weight of Mamba", member="layer", is_weight=True
    ),
    "expert_usage": _Words(
        title="Share of each expert in the mixture by epoch", axis="share in the mixture", member="expert"
    ),
    "expert_top1_share": _Words(
        title="Share of windows for which the gate ranks each expert first, by epoch",
        axis="share ranked first",
        member="expert",
    ),
}
_BANDS = tuple((colour, alpha) for alpha in (0.75, 0.4) for colour in (ACCENT, SECOND, MUTED, BAD))
"""Of stacked shares, in turn, so that neighbours differ in hue."""


def draw_learning(learning: Learning) -> list[Picture]:
    """Draw how training went and what was learned; call it within the house style."""
    pictures = [] if learning.convergence is None else [_draw_convergence(learning.convergence, learning)]
    small = []
    for group in learning.groups:
        if group.are_shares:
            pictures.append(_draw_shares(group, learning))
        elif group.is_numbered or group.name in _WORDS:
            pictures.append(_draw_members(group, learning))
        else:
            small.append(group)
    return [*pictures, *([_draw_small(small, learning)] if small else [])]


def name_figure(group: MeasureGroup) -> str:
    """Name the figure of a group: ``expert_usage`` is drawn in ``expert-usage``."""
    return group.name.replace("_", "-")


def _describe_means(learning: Learning) -> str:
    what = "means over seeds" if learning.n_series < 2 else "means over series and seeds"
    return f"{what} (thick) and single seeds (thin); what stopped early stands in a mean with its last value"


def _draw_convergence(convergence: Convergence, learning: Learning) -> Picture:
    parts = [("training loss", convergence.training), (convergence.objective, convergence.validation)]
    parts = [(label, courses) for label, courses in parts if courses]
    figure, panels = new_panels([1.5] * len(parts))
    for axes, (label, courses) in zip(panels, parts, strict=True):
        _draw_courses(axes, courses)
        axes.set_ylabel(label)
        zoom(axes, [value for course in courses for seed in course.seeds for value in seed.values()])
    for course in convergence.validation:
        _mark_kept(panels[-1], course, convergence.kept[course.label])
    _finish_epochs(panels)
    figure.align_ylabels(panels)
    _explain(figure, panels[-1])
    return finish(
        figure,
        name="convergence",
        title=f"Training loss and {convergence.objective} by epoch",
        caption=f"Training loss and {convergence.objective} by epoch: {_describe_means(learning)}. A dot is an epoch "
        "whose weights were kept, since no later one was better, once per seed and series.",
    )


def _mark_kept(axes: Axes, course: Course, kept: Sequence[Sequence[int]]) -> None:
    for seed, epochs in zip(course.seeds, kept, strict=False):
        values = np.interp(list(epochs), list(seed), list(seed.values()))
        axes.plot(list(epochs), values, "o", color=_colour(course), markersize=4, mew=0)


def _draw_members(group: MeasureGroup, learning: Learning) -> Picture:
    words = _find_words(group)
    shown = group.measures[:MOST_PANELS]
    figure, panels = new_panels([1.35 if len(shown) > 1 else 1.9] * len(shown), share_y=True)
    for axes, measure in zip(panels, shown, strict=True):
        _draw_courses(axes, measure.courses)
        axes.set_ylabel(words.axis)
        if measure.member:
            axes.set_title(f"{words.member} {measure.member}", loc="left")
    if words.is_weight:
        _widen(panels[0], [course for measure in shown for course in measure.courses])
    _finish_epochs(panels)
    _explain(figure, panels[0])
    left_out = (
        f" Of {len(group.measures)}, the first {len(shown)} are shown." if len(group.measures) > len(shown) else ""
    )
    return finish(
        figure,
        name=name_figure(group),
        title=words.title,
        caption=f"{words.title}: {_describe_means(learning)}.{left_out}",
    )


def _draw_shares(group: MeasureGroup, learning: Learning) -> Picture:
    words = _find_words(group)
    figure, axes = new_figure(2.7)
    curves = [course.mean for measure in group.measures for course in measure.courses if course.is_best]
    epochs, below = list(curves[0]), np.zeros(len(curves[0]))
    for place, (measure, curve) in enumerate(zip(group.measures, curves, strict=True)):
        above = below + np.array(list(curve.values()))
        colour, alpha = _BANDS[place % len(_BANDS)]
        axes.fill_between(epochs, below, above, color=colour, alpha=alpha, linewidth=0)
        _name_band(axes, f"{words.member} {measure.member}".strip(), (epochs[-1], below[-1], above[-1]))
        below = above
    axes.set_ylim(0, 1)
    axes.set_xlim(epochs[0] - (0.5 if len(epochs) == 1 else 0), epochs[-1] + (0.5 if len(epochs) == 1 else 0))
    axes.set_ylabel(words.axis)
    _finish_epochs([axes], grid=False)
    over = f"mean over {count(learning.n_seeds, 'seed')}"
    over += f" and {count(learning.n_series, 'series', 'series')}" if learning.n_series > 1 else ""
    return finish(
        figure,
        name=name_figure(group),
        title=words.title,
        caption=f"{words.title}, best row, {over}; at the right the last epoch. Numbers of experts mean nothing across "
        "seeds or series: a mean that is even may hide some that are not.",
    )


def _name_band(axes: Axes, name: str, end: tuple[float, float, float]) -> None:
    epoch, below, above = end
    if above - below >= 0.04:  # a thinner band has no room for its name
        axes.annotate(
            f"{name}: {format_share(above - below)}",
            (epoch, (below + above) / 2),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )


def _draw_small(groups: Sequence[MeasureGroup], learning: Learning) -> Picture:
    shown = groups[:MOST_SMALL_PANELS]
    figure, panels = new_grid(len(shown), height=1.35)
    for axes, group in zip(panels, shown, strict=True):
        axes.set_title(group.name.replace("_", " "), loc="left")
        if len(group.measures) > 1:
            _draw_together(axes, group.measures)
        else:
            _draw_courses(axes, group.measures[0].courses)
    _finish_epochs(panels, columns=2)
    single = next((axes for axes, group in zip(panels, shown, strict=True) if len(group.measures) == 1), None)
    if single is not None:
        _explain(figure, single)
    together = [group.name.replace("_", " ") for group in shown if len(group.measures) > 1]
    best_only = f"; {', '.join(together)}: the best row's means" if together else ""
    left_out = (
        f" Left out: {', '.join(group.name for group in groups[len(shown) :])}." if len(groups) > len(shown) else ""
    )
    return finish(
        figure,
        name="learned",
        title="What the model recorded of itself by epoch",
        caption=f"What the model recorded of itself by epoch: {_describe_means(learning)}{best_only}.{left_out}",
    )


def _draw_together(axes: Axes, measures: Sequence[Measure]) -> None:
    """Draw the best row's means of a whole group, each line named at its end."""
    ends = []
    for place, measure in enumerate(measures):
        colour, alpha = _BANDS[place % len(_BANDS)]
        for course in (course for course in measure.courses if course.is_best):
            epochs, values = _points(course.mean)
            axes.plot(epochs, values, color=colour, alpha=min(1.0, alpha + 0.25))
            ends.append((values[-1], measure.member, colour))
    low, high = axes.get_ylim()
    above = -1.0
    for value, member, colour in sorted(ends):
        above = max((value - low) / (high - low), above + 0.14)  # lines that end together have names one above another
        axes.text(1.02, above, member, transform=axes.transAxes, va="center", fontsize=7.5, color=colour)


def _explain(figure: Figure, panel: Axes) -> None:
    """Add the legend, the best row first; it was drawn last."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=3)


def _draw_courses(axes: Axes, courses: Sequence[Course]) -> None:
    for course in reversed(courses):  # the best on top
        colour = _colour(course)
        for seed in course.seeds if len(course.seeds) > 1 else ():
            axes.plot(*_points(seed), color=colour, linewidth=0.8, alpha=0.5)
        label = f"best: {course.label}" if course.is_best else course.label
        marker = "o" if len(course.mean) == 1 else ""
        axes.plot(*_points(course.mean), color=colour, linewidth=1.8, label=label, marker=marker, markersize=4)


def _colour(course: Course) -> str:
    return ACCENT if course.is_best else MUTED


def _points(curve: Curve) -> tuple[list[int], list[float]]:
    return list(curve), list(curve.values())


def _find_words(group: MeasureGroup) -> _Words:
    plain = group.name.replace("_", " ")
    return _WORDS.get(group.name, _Words(title=f"{plain} by epoch", axis=plain, member="number"))


def _finish_epochs(panels: Sequence[Axes], *, columns: int = 1, grid: bool = True) -> None:
    for place, axes in enumerate(panels):
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        if axes.get_yscale() == "linear":
            axes.yaxis.set_major_locator(MaxNLocator(4))
        if grid:
            axes.grid(axis="y")
        if place >= len(panels) - columns:
            axes.set_xlabel("epoch")


def _widen(axes: Axes, courses: Sequence[Course]) -> None:
    """Let the axis of a weight span enough, within 0 to 1, with one half marked where it is in sight."""
    values = [value for course in courses for curve in (course.mean, *course.seeds) for value in curve.values()]
    low, high = min(values), max(values)
    room = max(0.05 * (high - low), (NARROWEST - (high - low)) / 2)
    axes.set_ylim(max(0.0, low - room), min(1.0, high + room))
    for panel in axes.figure.axes:
        panel.axhline(0.5, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
