"""The forest plot: every arm's difference to the base, with its blocks, its interval and its verdict."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.ablation.effects import ArmEffect
from analysis.ablation.level_figure import find_curves
from analysis.ablation.paired import PairedEffect
from analysis.ablation.result import Ablation
from analysis.drawing import ACCENT, BAD, GRID, INK, MUTED, SECOND, Picture, finish, new_figure

LONGEST_NAME = 26
"""Characters; longer names are cut, the table beside has them whole."""
GAP = 0.45
"""Between factors, in rows."""
MOST_DOT_ROWS = 3
"""Lines below an arm's bar, on which the dots of its series take turns, so that equal ones do not hide each other."""

_COLOURS = {"helps": ACCENT, "hurts": BAD, "failed": BAD}


def draw_forest(ablation: Ablation) -> list[Picture]:
    """Draw the parts, and the levels that stand on no curve; call it within the house style."""
    label = ablation.yardstick.label
    drawn = {arm.name for _, arms in find_curves(ablation) for arm in arms}
    nominal = [arm for arm in ablation.curves if arm.name not in drawn]
    dots = "Dots are single blocks (series and seed), bars 95 % intervals of the paired mean"
    band = "; within the shaded band a difference counts as none" if ablation.rules.region else ""
    twins = ". Diamonds: everything else tuned anew, dots and bar over searches" if _has_retuned(ablation) else ""
    pictures = [
        _draw_rows(
            ablation,
            [arm for arm in ablation.arms if arm.kind == "component"],
            name="forest",
            title=f"Difference in {label} of each change to the base, with verdicts on the parts",
            caption=f"{label}, arm minus base. {dots}{band}{twins}. The word is the verdict on the part as the base "
            "has it.",
        ),
        _draw_rows(
            ablation,
            nominal,
            name="levels-without-scale",
            title=f"Difference in {label} of levels that stand on no curve",
            caption=f"{label}, level minus base, exploratory. {dots}{band}.",
        ),
    ]
    return [picture for picture in pictures if picture is not None]


def _has_retuned(ablation: Ablation) -> bool:
    return any(arm.retuned is not None and arm.retuned.effect is not None for arm in ablation.arms)


def _draw_rows(ablation: Ablation, arms: Sequence[ArmEffect], *, name: str, title: str, caption: str) -> Picture | None:
    if not any(arm.effect is not None for arm in arms):
        return None
    has_twins = _has_retuned(ablation)
    places = _place(arms)
    figure, axes = new_figure(0.7 + (0.6 if has_twins else 0.46) * (places[-1] + 1))
    _draw_ground(axes, ablation, places)
    for place, arm in zip(places, arms, strict=True):
        _write_names(axes, place, arm, has_twins=has_twins)
        _draw_arm(axes, place, arm, has_twins=has_twins)
    axes.set_ylim(places[-1] + 0.62, -0.55)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    better = "higher" if ablation.yardstick.higher_is_better else "lower"
    axes.set_xlabel(f"difference in {ablation.yardstick.label} ({better} is better)")
    return finish(figure, name=name, title=title, caption=caption)


def shorten(name: str) -> str:
    """Cut a name that would leave no room for a figure."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _place(arms: Sequence[ArmEffect]) -> list[float]:
    """Put arms one below the other, with a gap between factors."""
    places: list[float] = []
    for number, (_, group) in enumerate(groupby(arms, key=lambda arm: arm.factor)):
        places += [len(places) + place + number * GAP for place, _ in enumerate(group)]
    return places


def _draw_ground(axes: Axes, ablation: Ablation, places: Sequence[float]) -> None:
    if ablation.rules.region:
        axes.axvspan(-ablation.rules.region, ablation.rules.region, color=GRID, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=0.9)
    for before, after in pairwise(places):
        if after - before > 1:
            axes.axhline((before + after) / 2, color=GRID, linewidth=0.8)


def _write_names(axes: Axes, place: float, arm: ArmEffect, *, has_twins: bool) -> None:
    """Write an arm's name and verdicts above its bars, so that these have the whole width, on a phone too."""
    height: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    axes.text(0, place - 0.33, shorten(arm.name), color=INK, **height)
    if arm.kind == "component":
        word = "failed" if arm.effect is None and arm.n_failed else arm.word
        axes.text(0.64 if has_twins else 1, place - 0.33, word, color=_COLOURS.get(word, MUTED), ha="right", **height)
    if arm.retuned is not None and arm.retuned.verdict is not None:
        axes.text(1, place - 0.33, f"re-tuned: {arm.retuned.word}", color=SECOND, ha="right", **height)


def _draw_arm(axes: Axes, place: float, arm: ArmEffect, *, has_twins: bool) -> None:
    if arm.effect is not None:
        _draw_effect(axes, place - (0.08 if has_twins else 0), arm.effect, _COLOURS.get(arm.word, MUTED), marker="o")
    if arm.retuned is not None and arm.retuned.effect is not None:
        _draw_effect(axes, place + 0.26, arm.retuned.effect, SECOND, marker="D")


def _draw_effect(axes: Axes, place: float, effect: PairedEffect, colour: str, *, marker: str) -> None:
    interval = effect.interval
    if effect.n_blocks > 1:
        rows = [place + 0.12 + 0.05 * (block.series % MOST_DOT_ROWS) for block in effect.blocks]
        differences = [block.difference for block in effect.blocks]
        axes.plot(differences, rows, "o", color=colour, alpha=0.45, markersize=2.6, mew=0)
    if interval.low is not None and interval.high is not None:
        axes.plot([interval.low, interval.high], [place, place], color=colour, linewidth=2.2)
    axes.add_line(Line2D([interval.mean], [place], marker=marker, color=colour, markersize=5, linestyle=""))
