"""Figures of what was forecast: beside the actual values, by step of the horizon, the spread and size of errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from analysis.contenders import Comparison
from analysis.drawing import FAINT, GRID, INK, Picture, finish, new_figure, new_panels
from analysis.error_spread import ErrorSpread
from analysis.forecast_scores import MetricRatios, StepErrors, StepProfile
from analysis.forecasts import ColumnView, Forecasts, Line, choose_rows
from analysis.formatting import count, format_share, join_names
from analysis.looks import Look, find_look
from analysis.ratio_figure import draw_ratios


def draw_forecasts(
    comparison: Comparison, forecasts: Forecasts | None, profile: StepProfile | None, ratios: Sequence[MetricRatios]
) -> list[Picture]:
    """Draw what there is of forecasts; call it within the house style."""
    looks = {row.label: find_look(row, comparison) for row in choose_rows(comparison)}
    pictures = []
    if forecasts is not None:
        pictures.append(_draw_predictions(forecasts, looks))
    if profile is not None:
        pictures.append(_draw_steps(profile, looks))
    if forecasts is not None and forecasts.errors is not None:
        pictures.append(_draw_spread(forecasts, forecasts.errors, looks))
    if ratios:
        pictures.append(draw_ratios(ratios, looks))
    return pictures


def _draw_predictions(forecasts: Forecasts, looks: Mapping[str, Look]) -> Picture:
    views = forecasts.columns
    heights = [part for _ in views for part in (1.0, 1.55)]
    figure, panels = new_panels(heights)
    for place, view in enumerate(views):
        _draw_whole(panels[2 * place], view, looks[forecasts.best])
        _draw_closely(panels[2 * place + 1], view, looks, forecasts.best)
    for axes in panels:
        _finish_time_axis(axes, has_clock=forecasts.has_clock)
    if not forecasts.has_clock:
        panels[-1].set_xlabel("row of the series")
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    names = join_names([view.column for view in views])
    return finish(
        figure,
        name="predictions",
        title=f"Actual and forecast values of {names} on the test part, and closely about its middle",
        caption=_caption_predictions(forecasts),
    )


def _caption_predictions(forecasts: Forecasts) -> str:
    shown, every = len(forecasts.columns), forecasts.n_columns
    columns = f"target column{'s' if shown > 1 else ''} {join_names([view.column for view in forecasts.columns])}"
    chosen = f" of {every}, evenly spread from the first to the last" if every > shown else ""
    series = f", the first of {forecasts.n_series} tested" if forecasts.n_series > 1 else ""
    begins = "; lines across mark where one begins" if forecasts.horizon > 1 else ""
    return (
        f"Series {forecasts.series}{series}: {columns}{chosen}, in the data's own units over the whole test part, and "
        f"below it closely over the shaded stretch, the {count(forecasts.n_zoomed, 'forecast')} about the middle of "
        f"the test part ({count(forecasts.horizon, 'step')} each, none overlaps another{begins}); no other rule chose "
        f"it. The best row is shown by its first seed (trial {forecasts.trials[forecasts.best]}). Lines of more points "
        "are thinned out to their lowest and highest values."
    )


def _draw_whole(axes: Axes, view: ColumnView, best: Look) -> None:
    x = view.zoomed_actual.x
    if len(x):
        axes.axvspan(float(x[0]), float(x[-1]), color=GRID, linewidth=0)
    _plot(axes, view.actual, color=INK, linewidth=0.9)
    _plot(axes, view.best, color=best.colour, linewidth=0.9, alpha=0.85)
    axes.set_title(view.column, loc="left")


def _draw_closely(axes: Axes, view: ColumnView, looks: Mapping[str, Look], best: str) -> None:
    for origin in view.origins:
        axes.axvline(origin, color=FAINT, linewidth=0.7)
    _plot(axes, view.zoomed_actual, color=INK, linewidth=1.3, label="actual")
    _plot(axes, view.zoomed[best], label=looks[best].name, **looks[best].line)
    for label, line in view.zoomed.items():
        if label != best:
            _plot(axes, line, label=looks[label].name, alpha=0.6, zorder=1.5, **looks[label].line)


def _plot(axes: Axes, line: Line, **options: Any) -> None:
    axes.plot(line.x, line.y, **options)


def _finish_time_axis(axes: Axes, *, has_clock: bool) -> None:
    axes.margins(x=0.01)
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(3))
    if has_clock:
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _draw_steps(profile: StepProfile, looks: Mapping[str, Look]) -> Picture:
    figure, axes = new_figure(2.9)
    rows = [row for row in profile.rows if row.label in looks]
    for row in reversed(rows):  # the best on top
        _draw_profile(axes, row, looks[row.label])
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=2)
    axes.set_xticks(sorted({1, *(part[-1] for part in profile.stretches.values())}))
    axes.set_xlim(1, profile.horizon)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.set_xlabel("step of the horizon")
    axes.set_ylabel(profile.label)
    return finish(
        figure,
        name="errors-by-step",
        title=f"{profile.label} on the test part by step of the horizon",
        caption=f"{profile.label} on the test part by step of the horizon: means over series and seeds, thin lines "
        "single seeds. Table: tables/by_step.csv.",
    )


def _draw_profile(axes: Axes, row: StepErrors, look: Look) -> None:
    if len(row.seeds) > 1:
        for seed in row.seeds:
            axes.plot(list(seed), list(seed.values()), color=look.colour, linewidth=0.7, alpha=0.45)
    means = [interval.mean for interval in row.by_step.values()]
    axes.plot(list(row.by_step), means, label=look.name, **look.line)


def _draw_spread(forecasts: Forecasts, errors: ErrorSpread, looks: Mapping[str, Look]) -> Picture:
    figure, axes = new_figure(2.7)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    for row in errors.rows:
        look, is_best = looks[row.label], row.label == forecasts.best
        if is_best:
            axes.stairs(row.density, errors.edges, fill=True, color=look.colour, alpha=0.15)
        axes.stairs(row.density, errors.edges, label=look.name, **look.line)
    axes.set_ylim(bottom=0)
    axes.set_xlim(errors.edges[0], errors.edges[-1])
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y")
    axes.set_xlabel("predicted minus actual, in standard deviations of the column")
    axes.set_ylabel("density")
    figure.legend(loc="outside upper left", ncols=3)
    return finish(
        figure,
        name="error-distribution",
        title="How the errors on the test part are spread",
        caption=_caption_spread(forecasts, errors),
    )


def _caption_spread(forecasts: Forecasts, errors: ErrorSpread) -> str:
    outside = "; ".join(f"{row.label} {format_share(row.outside)}" for row in errors.rows)
    trials = "; ".join(f"{row.label} {forecasts.trials[row.label]}" for row in errors.rows)
    left_out = (
        f" Left out: {count(errors.n_left_out, 'column')} that never varies on the test part."
        if errors.n_left_out
        else ""
    )
    return (
        f"Errors on the test part over {count(forecasts.n_series, 'series', 'series')}, all steps of the horizon and "
        "all target columns, each in standard deviations of the column's actual values there: first seed of each row "
        f"({trials}), the same bins for all. Beyond the edges: {outside}.{left_out}"
    )
