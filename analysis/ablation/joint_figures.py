"""Figures of changes together: pairs of parts against the sum of each alone, and the way from published to base."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.ablation.forest_figure import shorten
from analysis.ablation.interactions import Interaction
from analysis.ablation.path import Path
from analysis.ablation.result import Ablation
from analysis.drawing import ACCENT, INK, MUTED, SECOND, Picture, finish, new_figure
from analysis.formatting import format_signed, format_value
from analysis.intervals import Interval

MOST_PAIRS = 24
"""That are drawn, the strongest interactions first; the table has all."""


def draw_joint(ablation: Ablation) -> list[Picture]:
    """Draw the pairs and the path where the study has them; call it within the house style."""
    pictures = []
    pairs = [pair for pair in ablation.interactions if pair.joint_effect is not None]
    if pairs:
        pictures.append(_draw_pairs(ablation, pairs))
    if ablation.path is not None and ablation.path.is_ordered and ablation.path.start is not None:
        pictures.append(_draw_path(ablation, ablation.path, ablation.path.start))
    return pictures


def _draw_pairs(ablation: Ablation, pairs: Sequence[Interaction]) -> Picture:
    shown = sorted(pairs, key=lambda pair: -abs(pair.interaction.mean) if pair.interaction else 0.0)[:MOST_PAIRS]
    figure, axes = new_figure(0.8 + 0.5 * len(shown))
    axes.axvline(0, color=MUTED, linewidth=0.9)
    for place, pair in enumerate(shown):
        _draw_interval(axes, place, pair.joint_effect, ACCENT)
        if pair.sum_of_singles is not None:
            axes.plot(pair.sum_of_singles, place, "o", markerfacecolor="none", markeredgecolor=SECOND, markersize=8)
    labels = [f"{shorten(pair.first)}\n+ {shorten(pair.second)}" for pair in shown]
    label = ablation.yardstick.label
    _finish_rows(axes, labels, f"difference in {label}")
    return finish(
        figure,
        name="interactions",
        title=f"Difference in {label} of two changes together, and the sum of both alone",
        caption=f"Two changes together (dot, with 95 % interval) and the sum of what each does alone (ring): {label}, "
        "arm minus base. A ring outside the bar hints at an interaction; the table has its own interval."
        + (f" The {MOST_PAIRS} strongest of {len(pairs)}." if len(pairs) > MOST_PAIRS else ""),
    )


def _draw_path(ablation: Ablation, path: Path, start: Interval) -> Picture:
    label = ablation.yardstick.label
    figure, axes = new_figure(0.9 + 0.36 * (len(path.steps) + 1))
    _draw_interval(axes, 0, start, MUTED)
    reached = [(start.mean, 0.0)]
    for place, step in enumerate(path.steps, start=1):
        _draw_interval(axes, place, step.score, ACCENT)
        if step.score is not None:
            reached.append((step.score.mean, place))
        if step.alone is not None:
            alone = start.mean + step.alone.mean
            axes.plot(alone, place, "o", markerfacecolor="none", markeredgecolor=SECOND, markersize=8)
        text = "" if step.gain is None else format_signed(step.gain.mean)
        axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), va="center", color=INK, fontsize=8.5)
    axes.plot(*zip(*reached, strict=True), color=ACCENT, linewidth=0.8, alpha=0.5)
    labels = [f"+ {step.parameter} {format_value(step.after)}" for step in path.steps]
    _finish_rows(axes, ["published", *map(shorten, labels)], label)
    return finish(
        figure,
        name="path",
        title=f"{label} from the published configuration to the base, one parameter after another",
        caption=f"From the published configuration to the base: {label} with each change added to those above (dot, "
        "with 95 % interval; on the right the difference of the step) and with that change alone (ring). The order was "
        "chosen on validation; another order would share it out differently.",
    )


def _draw_interval(axes: Axes, place: float, interval: Interval | None, colour: str) -> None:
    if interval is None:
        return
    if interval.low is not None and interval.high is not None:
        axes.plot([interval.low, interval.high], [place, place], color=colour, linewidth=2.2)
    axes.plot(interval.mean, place, "o", color=colour, markersize=5.5)


def _finish_rows(axes: Axes, labels: Sequence[str], label: str) -> None:
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(label)
