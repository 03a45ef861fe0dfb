"""Figures that set the rows of a comparison side by side: each a mean, its interval, its seeds and where it began."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.contenders import Comparison, Contender
from analysis.drawing import ACCENT, INK, MUTED, SECOND, Picture, finish, new_figure
from analysis.formatting import format_score
from analysis.intervals import Interval
from analysis.summary import Summary


def draw_comparison(summary: Summary, comparison: Comparison) -> list[Picture]:
    """Draw the rows on the objective, and on the test metric where there is one; call it within the house style."""
    objective, winner = summary.provenance.objective, "base" if summary.ablation else "best configuration"
    pictures = [
        None
        if summary.ablation
        else _draw_bars(
            [_objective_bar(row, comparison) for row in comparison.rows if row.objective is not None],
            label=objective,
            name="search-to-confirmed",
            title=f"{objective} of each row in the search and on fresh seeds",
            caption=_caption_objective(objective, comparison),
        )
    ]
    if comparison.yardstick.on_test:
        label, part = comparison.yardstick.label, summary.provenance.test_part
        pictures.append(
            _draw_bars(
                [_score_bar(row) for row in comparison.rows if row.score is not None],
                label=label,
                name="test-scores",
                title=f"{label} of each row on the {part}",
                caption=f"{label} on the {part}: dots are seeds (means over series), bars 95 % intervals; the line "
                f"marks the {winner}.",
            )
        )
    return [picture for picture in pictures if picture is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    """One line of a figure."""

    row: Contender
    interval: Interval
    seeds: tuple[float, ...]
    before: float | None = None
    """What the search saw."""

    @property
    def colour(self) -> str:
        if self.row.kind == "baseline":
            return SECOND
        return ACCENT if self.row.is_best else MUTED

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value to be drawn."""
        ends = [self.interval.mean, *self.seeds, self.interval.low, self.interval.high, self.before]
        values = [end for end in ends if end is not None]
        return min(values), max(values)


def _objective_bar(row: Contender, comparison: Comparison) -> _Bar:
    assert row.objective is not None
    before = row.search_score if comparison.basis == "confirmed" else None
    return _Bar(row=row, interval=row.objective, seeds=row.seed_objectives, before=before)


def _score_bar(row: Contender) -> _Bar:
    assert row.score is not None
    return _Bar(row=row, interval=row.score, seeds=row.seed_scores)


def _caption_objective(objective: str, comparison: Comparison) -> str:
    if comparison.basis == "searched":
        return f"{objective} in the search, one seed each; the line marks the best."
    return (
        f"{objective}: what the search saw (ring, one seed) and what fresh seeds gave (dots; mean with 95 % interval). "
        "A ring on the better side of its bar is the winner's curse; the line marks the best configuration."
    )


def _draw_bars(bars: Sequence[_Bar], *, label: str, name: str, title: str, caption: str) -> Picture | None:
    if not any(bar.row.kind == "configuration" for bar in bars):
        return None
    figure, axes = new_figure(0.85 + 0.36 * len(bars))
    for place, bar in enumerate(bars):
        _draw_bar(axes, place, bar)
    axes.set_yticks(range(len(bars)), [bar.row.label for bar in bars], color=INK)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(label)
    _point_to_what_is_far_off(axes, bars)
    return finish(figure, name=name, title=title, caption=caption)


def _draw_bar(axes: Axes, place: int, bar: _Bar) -> None:
    interval, colour = bar.interval, bar.colour
    if bar.row.is_best:
        axes.axvline(interval.mean, color=ACCENT, linewidth=0.8, linestyle=(0, (2, 2)))
    if bar.before is not None:
        axes.plot(bar.before, place - 0.25, marker="o", markersize=5, markerfacecolor="none", markeredgecolor=colour)
    if len(bar.seeds) > 1:
        axes.plot(bar.seeds, [place + 0.24] * len(bar.seeds), "o", color=colour, alpha=0.45, markersize=3, mew=0)
    if interval.low is not None and interval.high is not None:
        axes.plot([interval.low, interval.high], [place, place], color=colour, linewidth=2.2)
    axes.plot(interval.mean, place, marker="D" if bar.row.kind == "baseline" else "o", color=colour, markersize=5.5)


def _point_to_what_is_far_off(axes: Axes, bars: Sequence[_Bar]) -> None:
    """Keep a baseline that is far off from pressing all others together: an arrow tells where it is."""
    low, high = _join(bar.span for bar in bars if bar.row.kind == "configuration")
    reach = 1.5 * max(high - low, 0.02 * max(abs(low), abs(high)))
    near = [bar for bar in bars if bar.span[0] > low - reach and bar.span[1] < high + reach]
    low, high = _join([(low, high), *(bar.span for bar in near)])
    pad = 0.06 * (high - low or 1)
    axes.set_xlim(low - pad, high + pad)
    for place, bar in enumerate(bars):
        if not low <= bar.interval.mean <= high:
            _write_at_edge(axes, place, bar, is_left=bar.interval.mean < low)


def _join(spans: Iterable[tuple[float, float]]) -> tuple[float, float]:
    lows, highs = zip(*spans, strict=True)
    return min(lows), max(highs)


def _write_at_edge(axes: Axes, place: int, bar: _Bar, *, is_left: bool) -> None:
    number = format_score(bar.interval.mean)
    axes.text(
        0 if is_left else 1,
        place,
        f"◂ {number}" if is_left else f"{number} ▸",
        transform=axes.get_yaxis_transform(),
        ha="left" if is_left else "right",
        va="center",
        color=bar.colour,
    )
