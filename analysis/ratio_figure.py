"""The figure of test errors relative to those of the last value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.drawing import INK, SECOND, Picture, finish, new_figure
from analysis.forecast_scores import MetricRatios
from analysis.looks import Look

_BAR = 0.24
"""Inches that a bar takes."""


def draw_ratios(ratios: Sequence[MetricRatios], looks: Mapping[str, Look]) -> Picture:
    """Draw several errors of each row as bars from 1, the last value's own; call it within the house style."""
    bars = list(_place_bars(ratios, looks))
    figure, axes = new_figure(0.95 + _BAR * (bars[-1].place + 1))
    low, high = _choose_limits(bars)
    for bar in bars:
        _draw_bar(axes, bar, low, high)
    axes.axvline(1, color=INK, linewidth=1)
    groups = {ratio.label: [bar.place for bar in bars if bar.metric == ratio.label] for ratio in ratios}
    axes.set_yticks([sum(places) / len(places) for places in groups.values()], list(groups), color=INK)
    axes.set_ylim(bars[-1].place + 0.7, -0.7)
    axes.set_xlim(low, high)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("error relative to the last value; left of 1 is better")
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside upper left", ncols=3)
    return finish(
        figure,
        name="metric-bars",
        title="Errors on the test part relative to those of the last value",
        caption="Errors on the test part divided by those of the last value, the forecast of no change: means over "
        "series and seeds, dots single seeds. Bars begin at 1, where a row is as good as it; an arrow points to what "
        "is beyond the edge.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    metric: str
    look: Look
    place: float
    mean: float
    seeds: tuple[float, ...]
    is_baseline: bool


def _place_bars(ratios: Sequence[MetricRatios], looks: Mapping[str, Look]) -> Iterable[_Bar]:
    place = 0.0
    for ratio in ratios:
        for row in (row for row in ratio.rows if row.label in looks):
            look = looks[row.label]
            yield _Bar(
                metric=ratio.label,
                look=look,
                place=place,
                mean=row.mean,
                seeds=row.seeds,
                is_baseline=look.colour == SECOND,
            )
            place += 1
        place += 0.7


def _choose_limits(bars: Sequence[_Bar]) -> tuple[float, float]:
    """Keep a baseline that is far off from pressing all others together."""
    near = [value for bar in bars if not bar.is_baseline for value in (bar.mean, *bar.seeds)]
    low, high = min([1.0, *near]), max([1.0, *near])
    reach = 1.5 * max(high - low, 0.02)
    near += [bar.mean for bar in bars if bar.is_baseline and low - reach < bar.mean < high + reach]
    low, high = min([1.0, *near]), max([1.0, *near])
    pad = 0.14 * max(high - low, 0.02)  # room for the numbers
    return low - pad, high + pad


def _draw_bar(axes: Axes, bar: _Bar, low: float, high: float) -> None:
    end = min(max(bar.mean, low), high)
    axes.barh(bar.place, end - 1, left=1, height=0.8, color=bar.look.colour, alpha=0.8, label=bar.look.name)
    if len(bar.seeds) > 1:
        axes.plot(bar.seeds, [bar.place] * len(bar.seeds), "o", color=INK, markersize=2.6, mew=0)
    is_left, is_beyond = end < 1, end != bar.mean
    text = f"{bar.mean:.3g}" if not 0.9 < bar.mean < 1.1 else f"{bar.mean:.3f}"
    if is_beyond:
        text = f"◂ {text}" if is_left else f"{text} ▸"
    furthest = min([end, *bar.seeds]) if is_left else max([end, *bar.seeds])
    axes.annotate(
        text,
        (furthest, bar.place),
        xytext=((-4 if is_left else 4) * (-1 if is_beyond else 1), 0),
        textcoords="offset points",
        ha="right" if is_left != is_beyond else "left",
        va="center",
        fontsize=8,
        color=INK,
    )
