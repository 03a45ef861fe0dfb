"""Figures of how a search went: the best so far against its cost, the learning curves, what its objective is worth."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.convergence import AnytimePoint, Ending, RungCurve, thin_out
from analysis.drawing import ACCENT, BAD, FAINT, GRID, INK, SECOND, Picture, finish, new_figure, zoom
from analysis.formatting import count
from analysis.summary import Search, Summary
from analysis.validity import ObjectiveCheck, Ranking

MOST_CURVES = 200
MOST_EPOCHS = 60
"""Points of a curve; of more epochs, an even sample is drawn."""
MOST_DOTS = 400


def draw_search(summary: Summary) -> list[Picture]:
    """Draw what the log has on the search; call it within the house style."""
    pictures = [_draw_curves(summary)] if summary.search.curves else []
    pictures += _draw_anytime(summary) if summary.search.anytime else []
    if summary.check is not None and summary.check.searched is not None:
        pictures.append(_draw_ranking(summary.check, summary.check.searched, summary.provenance.test_part))
    return pictures


def _draw_anytime(summary: Summary) -> list[Picture]:
    objective, points = summary.provenance.objective, summary.search.anytime
    costs: list[tuple[str, str, Callable[[AnytimePoint], float]]] = [
        ("anytime-training", "training time of all trials", lambda point: point.train_s),
        ("anytime-wall", "wall time", lambda point: point.wall_s),
    ]
    return [
        _draw_best_so_far(
            summary.search,
            points,
            cost,
            objective=objective,
            name=name,
            title=f"Best {objective} at full fidelity so far, against {against}",
            caption=f"Best {objective} so far (line) and every trial that reached full fidelity (dots), against "
            f"{against}. Trials that were stopped early add cost and no dot.",
            against=against,
        )
        for name, against, cost in costs
    ]


def _draw_best_so_far(
    search: Search,
    points: Sequence[AnytimePoint],
    cost: Callable[[AnytimePoint], float],
    *,
    objective: str,
    name: str,
    title: str,
    caption: str,
    against: str,
) -> Picture:
    figure, axes = new_figure(2.9)
    unit, seconds = _unit_of(max(cost(point) for point in points))
    improved = [points[0], *(after for before, after in pairwise(points) if after.best != before.best)]
    x = [cost(point) / seconds for point in [*improved, points[-1]]]
    y = [point.best for point in [*improved, points[-1]]]
    shown = points[:: max(1, len(points) // MOST_DOTS)]
    axes.plot(
        [cost(point) / seconds for point in shown], [point.value for point in shown], "o", color=FAINT, ms=4, mew=0
    )
    axes.step(x, y, where="post", color=ACCENT, linewidth=1.8)
    if search.published is not None:
        axes.axhline(search.published, color=SECOND, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            "published",
            (1, search.published),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            color=SECOND,
            fontsize=8.5,
        )
    axes.set_xlim(left=0)
    axes.grid(axis="y")
    axes.set_xlabel(f"{against}, {unit}")
    axes.set_ylabel(objective)
    zoom(axes, [point.value for point in shown])
    return finish(figure, name=name, title=title, caption=caption)


def _draw_ranking(check: ObjectiveCheck, ranking: Ranking, test_part: str) -> Picture:
    figure, axes = new_figure(2.9)
    axes.plot(*zip(*ranking.points, strict=True), "o", color=ACCENT, ms=4.5, mew=0)
    axes.grid()
    axes.set_xlabel(ranking.objective)
    axes.set_ylabel(check.label)
    return finish(
        figure,
        name="objective-check",
        title=f"{check.label} on the test part against {ranking.objective}, for random configurations",
        caption=f"Each dot is one of {count(len(ranking.points), 'random configuration')}, trained to full fidelity: "
        f"what the search would have seen ({ranking.objective}) against what the report is about ({check.label}, "
        f"{test_part}).",
    )


def _unit_of(longest_s: float) -> tuple[str, float]:
    if longest_s < 180:
        return "seconds", 1
    return ("minutes", 60) if longest_s < 3 * 3600 else ("hours", 3600)


_LOOKS: dict[Ending, tuple[str, str, str]] = {
    "stopped": (FAINT, "x", "stopped early"),
    "failed": (BAD, "X", "failed"),
    "running": (SECOND, ">", "not over"),
    "completed": (ACCENT, "o", "full fidelity"),
}


def _draw_curves(summary: Summary) -> Picture:
    origin, search = summary.provenance, summary.search
    curves = thin_out(search.curves, MOST_CURVES, always=search.best_trial)
    figure, axes = new_figure(3.2)
    for rung in origin.rungs:
        axes.axvline(rung, color=GRID, linewidth=0.8)
    for ending in _LOOKS:
        _draw_ending(axes, ending, [curve for curve in curves if curve.ending == ending], faint=len(curves) > 50)
    for curve in (curve for curve in curves if curve.trial_id == search.best_trial):
        axes.plot(*_sample(curve), color=INK, linewidth=1.8, label="best")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    axes.set_xlabel("epoch")
    axes.set_ylabel(origin.objective)
    zoom(axes, [value for curve in curves for value in curve.values])
    figure.legend(loc="outside upper left", ncols=5, handletextpad=0.3, handlelength=1.1, columnspacing=1.1)
    rungs = f" Lines across mark the rungs ({', '.join(map(str, origin.rungs))})." if origin.rungs else ""
    few = f"{len(curves):,} of " if len(curves) < len(search.curves) else ""
    return finish(
        figure,
        name="learning-curves",
        title=f"{origin.objective} by epoch for the trials of the search, with where each ended",
        caption=f"{origin.objective} by epoch, {few}{count(len(search.curves), 'trial')}; the mark at the end says how "
        f"a trial ended.{rungs}",
    )


def _draw_ending(axes: Axes, ending: Ending, curves: Sequence[RungCurve], *, faint: bool) -> None:
    colour, marker, label = _LOOKS[ending]
    for curve in curves:
        epochs, values = _sample(curve)
        axes.plot(epochs, values, color=colour, linewidth=0.9, alpha=0.3 if faint else 0.75)
    if curves:
        ends = [(curve.epochs[-1], curve.values[-1]) for curve in curves]
        axes.plot(*zip(*ends, strict=True), marker=marker, color=colour, markersize=4, linestyle="", label=label)


def _sample(curve: RungCurve) -> tuple[list[int], list[float]]:
    step = -(-len(curve.epochs) // MOST_EPOCHS)
    epochs, values = list(curve.epochs[::step]), list(curve.values[::step])
    if epochs[-1] != curve.epochs[-1]:
        epochs.append(curve.epochs[-1])
        values.append(curve.values[-1])
    return epochs, values
