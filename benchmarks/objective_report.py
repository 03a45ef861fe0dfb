"""The tables of ``docs/objectives.md``, from the recorded runs alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from objective_ranking import (
    BUDGET,
    N_BOOTSTRAPS,
    Array,
    Estimates,
    Runs,
    Statistic,
    bootstrap,
    chosen_by_series,
    chosen_score,
    confirm_on_other_half,
    over_fleet,
    read_runs,
    resample,
    summarise,
    with_few_events,
    within_groups,
    within_series,
)
from objective_table import BY_EVENTS

from search_spaces.distributions import format_value
from trainables.tasks.clipping import CLIPS
from trainables.tasks.objectives import DEFAULT_OBJECTIVE, gap_weight

METRICS = {"event_f1_pa_log": "log", "event_f1_pa_squeeze": "squeeze", "point_f1_pa": "PA", "point_auprc": "AUPRC"}
CLIP_NAMES = tuple(format_value(clip) for clip in CLIPS)
EVENT_COUNTS = (3, 5, 10, 20, 30)
GAP_FACTORS = {0.5: ", half the weight", 1: "", 2: ", twice the weight"}
SINGLE = (
    "labelled_event_f1_and_log_gap",
    "labelled_event_f1",
    "labelled_event_f1_then_log_gap",
    "labelled_event_f1_then_auprc",
    "labelled_auprc",
    "labelled_f1_and_auprc",
    "log_gap",
    "val_loss",
)
"""Objectives that a study of one series is tried with."""
N_DRAWS = 25
"""Random choices of the series that have the labels."""
SELECTED_BY = "labelled_event_f1"
"""What chooses the best clip of the published configuration and of the sum of squares."""


def make_tables(table: pd.DataFrame) -> dict[str, str]:
    """Make every table as Markdown, by the name of its place in the document."""
    runs, searched = read_runs(table), read_runs(table, with_published=True)
    return {
        "answer": answer(table, searched),
        "ranking": rank_objectives(runs),
        "choice": compare_choices(table, searched),
        "single": compare_single_series(table, searched),
        "events": compare_event_counts(table, searched),
        "halves": confirm_on_halves(runs),
        "clips": compare_clips(table),
    }


def answer(table: pd.DataFrame, runs: Runs) -> str:
    """What to search for by the number of labelled events, and how sure a gain over the published configuration is."""
    by_count = read_runs(table, prefix="k_", with_published=True)
    published = find_references(table, runs)["published"]
    rows = []
    for count in (0, 3, 10, 30):
        if count == 0:
            name, draws = "log_gap", [runs.objectives[runs.objective_names.index("log_gap")]]
        else:
            name = DEFAULT_OBJECTIVE
            draws = [with_log_gap(runs, by_count, count, seed=seed) for seed in range(N_DRAWS)]
        correlation, gain = estimate_draws(runs, draws, published)
        sure = [f"{gain.above_zero[0, metric]:.0%}" for metric in (0, 2)]
        rows.append([str(count), f"`{name}`", _correlation(correlation, 0, 0)])
        rows[-1] += [_difference(gain, 0, 0), sure[0], _difference(gain, 0, 2), sure[1]]
    heads = ["labelled events", "search for", "rank correlation with event F1", "gain in event F1", "chance of a gain"]
    return _table([*heads, "gain in F1-PA", "chance of a gain"], rows)


def rank_objectives(runs: Runs) -> str:
    """Rank correlation of every candidate with each test metric, within a series and over the fleet."""
    within, fleet = (bootstrap(statistic, runs) for statistic in (within_series, over_fleet))
    same_clip = within_groups(runs, "clip")[:, 0]
    labels = [label for name, label in METRICS.items() if name in runs.metric_names]
    heads = ["objective", *(f"{label}, series" for label in labels), *(f"{label}, fleet" for label in labels)]
    rows = [
        [
            f"`{name}`",
            *(_correlation(within, place, metric) for metric in range(len(labels))),
            *(_correlation(fleet, place, metric) for metric in range(len(labels))),
            f"{same_clip[place]:+.2f}",
        ]
        for place, name in enumerate(runs.objective_names)
    ]
    order = np.argsort(-np.nan_to_num(within.value[:, 0], nan=-9))
    return _table([*heads, "log, series, same clip"], [rows[place] for place in order])


def compare_choices(table: pd.DataFrame, runs: Runs) -> str:
    """Test scores of what each candidate chooses in a search of 36: 30 random ones and the published one's clips."""
    references = find_references(table, runs)
    published = references["published"]
    fleet = gains(runs, published)
    by_series = bootstrap(chosen_by_series, runs.only(objectives=_everywhere(runs)), budget=BUDGET)
    own = dict(zip(_everywhere(runs), by_series.value, strict=True))
    rows = []
    for place, name in enumerate(runs.objective_names):
        cells = [
            f"{fleet.value[place, metric] + published[metric].mean():.3f} ({_difference(fleet, place, metric)})"
            for metric in range(len(METRICS))
        ]
        rows.append((fleet.value[place, 0], [f"`{name}`", *cells, f"{own[name][0]:.3f}" if name in own else ""]))
    for label, scores in references.items():
        means = scores.mean(axis=1)
        rows.append((means[0] - published[0].mean(), [f"*{label}*", *(f"{mean:.3f}" for mean in means), ""]))
    rows.sort(key=lambda row: -row[0])
    return _table(["chosen by", *METRICS.values(), "log, one by one"], [cells for _, cells in rows])


def compare_single_series(table: pd.DataFrame, runs: Runs) -> str:
    """What a study of one series gains, in the mean over those that have labelled events of their own (3 to 8 each)."""
    labelled = ~np.isnan(runs.objectives[runs.objective_names.index("labelled_event_f1"), 0, 0])
    places = [int(place) for place in np.flatnonzero(labelled)]
    published = find_references(table, runs)["published"][:, places]
    own = runs.only(objectives=list(SINGLE), series=places)
    gain = gains(own, published, chosen_by_series)
    best = chosen_by_series(own.metrics, own.metrics)  # each metric as its own objective, under the other seed
    rows = [
        [f"`{name}`", *(_difference(gain, place, metric) for metric in range(len(METRICS)))]
        for place, name in enumerate(own.objective_names)
    ]
    rows.append(["*the test itself, under the other seed*"])
    rows[-1] += [f"{best[metric, metric] - published[metric].mean():+.3f}" for metric in range(len(METRICS))]
    return _table(["chosen by", *(f"gain in {label}" for label in METRICS.values())], rows)


def compare_event_counts(table: pd.DataFrame, runs: Runs) -> str:
    """What labels give, by how many events are labelled in all, on series drawn at random: the same search of 36."""
    by_count = read_runs(table, prefix="k_", with_published=True)
    published = find_references(table, runs)["published"]
    rows = []
    for label, draw in ((name, partial(with_few_events, runs, by_count, name)) for name in BY_EVENTS):
        for count in EVENT_COUNTS:
            draws = [draw(count, seed=seed)[0] for seed in range(N_DRAWS)]
            rows.append([f"`{label}`", str(count), *_describe_draws(runs, draws, published)])
    for factor, what in GAP_FACTORS.items():
        for count in EVENT_COUNTS:
            draws = [with_log_gap(runs, by_count, count, factor, seed=seed) for seed in range(N_DRAWS)]
            rows.append([f"`{DEFAULT_OBJECTIVE}`{what}", str(count)])
            rows[-1] += _describe_draws(runs, draws, published)
    gap = runs.objectives[runs.objective_names.index("log_gap")]
    rows.append(["`log_gap`", "0", *_describe_draws(runs, [gap], published)])
    heads = ["objective", "events", "log, fleet", "AUPRC, fleet", "gain in log", "gain in AUPRC"]
    return _table(heads, rows)


def with_log_gap(runs: Runs, by_count: Runs, count: int, factor: float = 1, *, seed: int) -> Array:
    """Make the default objective of a study with few labelled events: every series has its log gap ``[K, C, S]``.

    Args:
        runs: The runs.
        by_count: As in :func:`objective_ranking.with_few_events`.
        count: Events in all.
        factor: Of the log gap's weight.
        seed: As there.
    """
    event_f1, n_events = with_few_events(runs, by_count, "labelled_event_f1", count, seed=seed)
    weights = factor * np.array([gap_weight(n) for n in n_events])
    return np.asarray(np.nan_to_num(event_f1) + weights * runs.objectives[runs.objective_names.index("log_gap")])


def _describe_draws(runs: Runs, draws: Sequence[Array], published: Array) -> list[str]:
    correlation, gain = estimate_draws(runs, draws, published)
    correlations = [_correlation(correlation, 0, metric) for metric in (0, 3)]
    return [*correlations, *(_difference(gain, 0, metric) for metric in (0, 3))]


def confirm_on_halves(runs: Runs) -> str:
    """What remains of the best candidate of one half of the series on the other half."""
    rows = []
    without = [name for name in _everywhere(runs) if not name.startswith("labelled")]
    for label, names in (("label-free", without), ("all", list(runs.objective_names))):
        for what, statistic in (("within series", within_series), ("fleet", over_fleet)):
            chosen, confirmed = confirm_on_other_half(runs.only(objectives=names), 0, statistic)
            rows.append([label, what, f"{chosen:+.2f}", f"{confirmed:+.2f}"])
    return _table(["chosen among", "rank correlation, log", "half it was chosen on", "other half"], rows)


def compare_clips(table: pd.DataFrame) -> str:
    """Test scores of the published model and of the sum of squares by clip, fixed and chosen for each series."""
    rows = []
    for model in ("published", "squares"):
        scores, gaps = (_by_clip(table, model, column) for column in ("t_event_f1_pa_log", "o_log_gap"))  # [clip, S]
        squares = _by_clip(table, "squares", "o_log_gap")
        places = np.arange(scores.shape[1])
        found = {f"clip {clip}": scores[place].mean() for place, clip in enumerate(CLIP_NAMES)}
        found["each series' by its own log gap"] = scores[gaps.argmax(axis=0), places].mean()
        found["auto: each series' by the log gap of the sum of squares"] = scores[squares.argmax(axis=0), places].mean()
        found["the best for each series (by its test)"] = scores.max(axis=0).mean()
        rows += [[model, label, f"{value:.3f}"] for label, value in found.items()]
    return _table(["model", "clip", "event F1 (log)"], rows)


def gains(runs: Runs, reference: Array, statistic: Statistic = chosen_score) -> Estimates:
    """Estimate how much better than a reference ``[M, S]`` the chosen configurations are, on the same series."""
    return summarise(
        [
            statistic(objectives, metrics) - reference[:, series].mean(axis=1)
            for objectives, metrics, series in resample(runs, budget=BUDGET, seed=0)
        ]
    )


def estimate_draws(runs: Runs, draws: Sequence[Array], reference: Array) -> tuple[Estimates, Estimates]:
    """Estimate fleet correlation and gain of objectives ``[K, C, S]`` that differ in where the labels are."""
    correlations, found = [], []
    for seed, draw in enumerate(draws):
        mine = replace(runs, objective_names=("",), objectives=draw[None])
        samples = resample(mine, budget=BUDGET, seed=seed)
        for objectives, metrics, series in islice(samples, N_BOOTSTRAPS // len(draws)):
            correlations.append(over_fleet(objectives[:, :, -BUDGET:], metrics[:, :, -BUDGET:]))  # the random ones
            found.append(chosen_score(objectives, metrics) - reference[:, series].mean(axis=1))
    return summarise(correlations), summarise(found)


def find_references(table: pd.DataFrame, runs: Runs) -> Mapping[str, Array]:
    """Score what needs no search, or a search over the clip alone: ``[M, S]`` each, averaged over seeds."""

    def scores(model: str) -> Array:
        return np.stack([_by_clip(table, model, f"t_{name}") for name in runs.metric_names])  # [M, clip, S]

    def best_clip(model: str) -> int:
        return int(np.nanmean(_by_clip(table, model, f"o_{SELECTED_BY}"), axis=1).argmax())

    published, squares = scores("published"), scores("squares")
    clips = {model: best_clip(model) for model in ("published", "squares")}
    perfect = np.stack([runs.metrics[metric].mean(axis=0)[_best(runs, metric)] for metric in range(len(METRICS))])
    return {
        "published": published[:, 0],
        f"published, its best clip by labels ({CLIP_NAMES[clips['published']]})": published[:, clips["published"]],
        f"sum of squares, its best clip by labels ({CLIP_NAMES[clips['squares']]})": squares[:, clips["squares"]],
        "mean of the random ones": runs.metrics[:, :, : runs.n_random].mean(axis=(1, 2)),
        "best of all (by its test)": perfect,
    }


def _best(runs: Runs, metric: int) -> int:
    return int(runs.metrics[metric].mean(axis=(0, 2)).argmax())


def _by_clip(table: pd.DataFrame, model: str, column: str) -> Array:
    """Return a column of the published model or of the sum of squares: ``[clip, S]``, averaged over seeds."""
    series = list(dict.fromkeys(table["series"]))
    mine = table[table["name"].isin([f"{model}-{clip}" for clip in CLIP_NAMES])]
    values = mine.pivot_table(index="name", columns="series", values=column, aggfunc="mean", dropna=False)
    return values.loc[[f"{model}-{clip}" for clip in CLIP_NAMES], series].to_numpy(np.float64)


def _everywhere(runs: Runs) -> list[str]:
    """List the objectives that every series has."""
    complete: NDArray[np.bool_] = np.logical_not(np.isnan(runs.objectives[:, 0, 0]).any(axis=1))
    return [name for name, able in zip(runs.objective_names, complete, strict=True) if able]


def _correlation(estimates: Estimates, place: int, metric: int) -> str:
    value, low, high = (part[place, metric] for part in (estimates.value, estimates.low, estimates.high))
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _difference(estimates: Estimates, place: int, metric: int) -> str:
    value, low, high = (part[place, metric] for part in (estimates.value, estimates.low, estimates.high))
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
