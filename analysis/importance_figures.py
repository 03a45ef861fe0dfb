"""Figures of which hyperparameters mattered: each measure against its floor, and slices through the search."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.drawing import ACCENT, FAINT, INK, MUTED, SECOND, WIDTH, Picture, finish, new_grid
from analysis.formatting import format_value
from analysis.importance import Importance, Influence, MeasureName
from analysis.slices import Slice

MOST_BARS = 12
MOST_TICKS = 8
MEASURES: dict[MeasureName, str] = {"fanova": "fANOVA", "ped_anova": "PED-ANOVA"}


def draw_importance(importance: Importance, slices: Sequence[Slice], objective: str) -> list[Picture]:
    """Draw what was computed; call it within the house style."""
    if not importance.influences:
        return []
    return [_draw_measures(importance.influences[:MOST_BARS], len(importance.influences)), *_draw(slices, objective)]


def _draw_measures(influences: Sequence[Influence], n_all: int) -> Picture:
    figure = Figure(figsize=(WIDTH, 1.0 + 0.24 * len(influences)))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, label) in zip(panels, MEASURES.items(), strict=True):
        for place, influence in enumerate(influences):
            if name in influence.levels:
                level = influence.levels[name]
                axes.barh(place, level.raw, height=0.62, color=ACCENT if level.is_above_floor else FAINT)
                axes.plot([level.floor] * 2, [place - 0.4, place + 0.4], color=SECOND, linewidth=1.6)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter(lambda value, _: format_value(round(value, 6)))
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(influences)), [one.parameter for one in influences], color=INK)
    panels[0].set_ylim(len(influences) - 0.5, -0.5)
    few = f" The first {len(influences)} of {n_all}." if len(influences) < n_all else ""
    return finish(
        figure,
        name="importance-measures",
        title="Importance of each hyperparameter by fANOVA and PED-ANOVA, with its shuffled floor",
        caption="What mattered for the score within what was sampled. Lines: floors from shuffled scores; a bar that "
        f"ends before its floor is what chance gives.{few}",
    )


def _draw(slices: Sequence[Slice], objective: str) -> list[Picture]:
    if not slices:
        return []
    figure, panels = new_grid(len(slices), height=1.9)
    for axes, one in zip(panels, slices, strict=True):
        _draw_slice(axes, one)
    figure.supylabel(objective, fontsize=9.5)
    return [
        finish(
            figure,
            name="slices",
            title=f"{objective} against the hyperparameters above their floor",
            caption=f"{objective} of every trial at full fidelity against the hyperparameters above their floor; all "
            "others vary too, and the sampler chose where to look.",
        )
    ]


def _draw_slice(axes: Axes, one: Slice) -> None:
    axes.plot(*zip(*one.points, strict=True), "o", color=ACCENT, ms=3.5, mew=0, alpha=0.65)
    if one.levels:
        step = -(-len(one.levels) // MOST_TICKS)
        shown = range(0, len(one.levels), step)
        size = 8.5 if len(shown) < 6 else 7
        axes.set_xticks(list(shown), [one.levels[place] for place in shown], color=MUTED, fontsize=size)
        axes.set_xlim(-0.5, len(one.levels) - 0.5)
    elif one.is_log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y")
    axes.set_xlabel(one.label)
