"""The figure of ``docs/objectives.md``: how objectives rank, and what labels give."""

from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from objective_ranking import Array, Estimates, bootstrap, over_fleet, read_runs, with_few_events, within_series
from objective_report import EVENT_COUNTS, N_DRAWS, estimate_draws, find_references, gains, with_log_gap

SHOWN = {
    "labelled_event_f1_and_log_gap": "labelled event F1 and log gap",
    "labelled_event_f1": "labelled event F1",
    "labelled_auprc": "labelled AUPRC",
    "labelled_f1_and_auprc": "mean of F1 and AUPRC",
    "log_gap": "log gap",
    "event_f1_incidents_8": "event F1 on injected incidents",
    "agreement_top_test": "agreement on the top 2 %",
    "mass_volume": "mass-volume",
    "tail_kurtosis": "kurtosis of test scores",
    "larger_clip": "(the larger clip)",
    "val_loss": "validation loss",
    "val_loss_own_clip": "validation loss, as trained",
}
MEASURED = "#0b6e8f"
SECOND = "#b4582a"


def draw_figure(table: pd.DataFrame, path: Path) -> None:
    """Draw rank correlations of the main candidates, and the gain over the published configuration by labels."""
    runs = read_runs(table).only(objectives=list(SHOWN))
    with mpl.rc_context(
        {"svg.hashsalt": "ablatune", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_correlations(left, bootstrap(within_series, runs), bootstrap(over_fleet, runs))
        _draw_gains(right, table)
        figure.savefig(path, metadata={"Date": None})


def _draw_correlations(axes: Axes, within: Estimates, fleet: Estimates) -> None:
    places = np.arange(len(SHOWN))[::-1].astype(float)
    for estimates, shift, colour, label in (
        (within, 0.14, MEASURED, "within a series"),
        (fleet, -0.14, SECOND, "means over all series"),
    ):
        value, low, high = (part[:, 0] for part in (estimates.value, estimates.low, estimates.high))
        spread = np.clip([value - low, high - value], 0, None)
        axes.errorbar(value, places + shift, xerr=spread, fmt="o", ms=4, lw=1.2, color=colour, label=label)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(places, list(SHOWN.values()))
    axes.set_xlim(-1, 1)
    axes.set_xlabel("rank correlation with event F1 (log) on the untouched part, 90 %")
    axes.legend(loc="upper left", frameon=False)


def _draw_gains(axes: Axes, table: pd.DataFrame) -> None:
    runs = read_runs(table, with_published=True)
    by_count = read_runs(table, prefix="k_", with_published=True)
    published = find_references(table, runs)["published"]
    both = partial(with_log_gap, runs, by_count)

    def alone(count: int, seed: int) -> Array:
        return with_few_events(runs, by_count, "labelled_event_f1", count, seed=seed)[0]

    for label, draw, colour in (("event F1 and log gap", both, MEASURED), ("event F1 alone", alone, SECOND)):
        found = [
            estimate_draws(runs, [draw(count=count, seed=seed) for seed in range(N_DRAWS)], published)[1]
            for count in EVENT_COUNTS
        ]
        value, low, high = ([getattr(one, part)[0, 0] for one in found] for part in ("value", "low", "high"))
        axes.plot(EVENT_COUNTS, value, "o-", color=colour, label=f"labelled {label}")
        axes.fill_between(EVENT_COUNTS, low, high, color=colour, alpha=0.12, lw=0)
    without = gains(runs.only(objectives=["log_gap", "val_loss"]), published)
    for place, (label, style) in enumerate((("log gap, no labels", "--"), ("validation loss", ":"))):
        axes.axhline(without.value[place, 0], color="grey", ls=style, label=label)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xticks(EVENT_COUNTS)
    axes.set_xlabel("labelled events in all")
    axes.set_ylabel("event F1 (log) above the published configuration")
    axes.legend(loc="best", frameon=False)
