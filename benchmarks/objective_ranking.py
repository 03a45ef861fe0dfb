"""Statistics of the recorded runs: how well objectives rank configurations, and what choosing by them gives.

``[O]`` objectives, ``[M]`` test metrics, ``[K]`` seeds, ``[C]`` configurations, ``[S]`` series; NaN where an objective
does not exist on a series. An objective is always read under one seed and judged by the test of the other: what a
search chooses must hold on fresh weights.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], Array]
"""Of objectives ``[O, K, C, S]`` and metrics ``[M, K, C, S]``: ``[O, M]``."""

N_BOOTSTRAPS = 1000
BUDGET = 30
"""Random configurations that a search chooses among."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs:
    """Configurations of the table, the random ones first."""

    series: tuple[str, ...]
    objective_names: tuple[str, ...]
    objectives: Array
    """``[O, K, C, S]``"""
    metric_names: tuple[str, ...]
    metrics: Array
    """``[M, K, C, S]``"""
    configurations: pd.DataFrame
    """``[C]`` rows of hyperparameters."""
    n_random: int
    """How many of them were drawn at random; the others are those that every search begins with."""

    def only(self, *, objectives: Sequence[str] | None = None, series: Sequence[int] | None = None) -> "Runs":
        """Keep some objectives, or some series by their places."""
        kept, own_series, metrics = self.objectives, self.series, self.metrics
        names = self.objective_names if objectives is None else tuple(objectives)
        kept = kept[[self.objective_names.index(name) for name in names]]
        if series is not None:
            kept, metrics = kept[..., list(series)], metrics[..., list(series)]
            own_series = tuple(self.series[place] for place in series)
        return replace(self, objective_names=names, objectives=kept, series=own_series, metrics=metrics)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates:
    """Statistics ``[O, M]`` with 90 % bootstrap intervals over configurations and series."""

    value: Array
    low: Array
    high: Array
    above_zero: Array
    """Share of the bootstrap samples in which the statistic is above zero."""


def summarise(samples: Sequence[Array], *, value: Array | None = None) -> Estimates:
    """Put samples ``[O, M]`` of a statistic together; ``value`` stands for their mean where it is known."""
    low, high = np.nanquantile(samples, (0.05, 0.95), axis=0)
    above = np.nanmean(np.array(samples) > 0, axis=0)
    return Estimates(
        value=np.nanmean(samples, axis=0) if value is None else value, low=low, high=high, above_zero=above
    )


def read_runs(table: pd.DataFrame, *, prefix: str = "o_", with_published: bool = False) -> Runs:
    """Arrange the table's random configurations; those that failed on any series are left out.

    Args:
        table: As :mod:`objective_table` writes it.
        prefix: Of the objectives' columns.
        with_published: Add the published configuration under every clip, with which every search begins.
    """
    drawn = table[table["name"].str.startswith(("random", "published") if with_published else "random")]
    drawn = drawn[~drawn["name"].isin(set(drawn.loc[drawn["error"] != "", "name"]))]
    series = tuple(dict.fromkeys(drawn["series"]))
    names, seeds = sorted(set(drawn["name"]), reverse=True), sorted(set(drawn["seed"]))  # random before published
    index = pd.MultiIndex.from_product([seeds, names, series])
    indexed = drawn.set_index(["seed", "name", "series"]).reindex(index)

    def stack(start: str) -> tuple[tuple[str, ...], Array]:
        found = [column for column in drawn.columns if column.startswith(start)]
        shape = len(seeds), len(names), len(series)
        values = np.stack([indexed[column].to_numpy(np.float64).reshape(shape) for column in found])
        return tuple(column.removeprefix(start) for column in found), values

    objective_names, objectives = stack(prefix)
    metric_names, metrics = stack("t_")
    configs = drawn.drop_duplicates("name").set_index("name").loc[names, "config"]
    return Runs(
        series=series,
        objective_names=objective_names,
        objectives=objectives,
        metric_names=metric_names,
        metrics=metrics,
        configurations=pd.DataFrame([json.loads(config) for config in configs]),
        n_random=sum(name.startswith("random") for name in names),
    )


def within_series(objectives: Array, metrics: Array) -> Array:
    """Mean over series of Spearman's rank correlation within each: what a study of one series sees."""
    ranks, test_ranks = (_centred_ranks(np.swapaxes(values, 2, 3)) for values in (objectives, metrics))  # [., K, S, C]
    found = [_correlate(ranks[:, None, own], test_ranks[None, :, other]) for own, other in _directions(ranks.shape[1])]
    return np.asarray(np.nanmean(np.concatenate(found, axis=2), axis=2))


def over_fleet(objectives: Array, metrics: Array) -> Array:
    """Rank correlation of the means over series: what a study with one configuration for all of them sees."""
    ranks, test_ranks = (_centred_ranks(np.nanmean(values, axis=3)) for values in (objectives, metrics))  # [., K, C]
    found = [_correlate(ranks[:, None, own], test_ranks[None, :, other]) for own, other in _directions(ranks.shape[1])]
    return np.asarray(np.mean(found, axis=0))


def chosen_score(objectives: Array, metrics: Array) -> Array:
    """Mean test scores, over series, of the configuration that an objective calls the best for all of them."""
    judged, tested = np.nanmean(objectives, axis=3), metrics.mean(axis=3)  # [., K, C]
    found = [tested[:, other][:, judged[:, own].argmax(axis=1)].T for own, other in _directions(judged.shape[1])]
    return np.asarray(np.mean(found, axis=0))


def chosen_by_series(objectives: Array, metrics: Array) -> Array:
    """Mean test scores where an objective chooses a configuration for every series of its own."""
    found = []
    for own, other in _directions(objectives.shape[1]):
        best = np.nanargmax(objectives[:, own], axis=1)  # [O, S]
        found.append(
            np.stack([metrics[:, other, best[:, place], place] for place in range(best.shape[1])]).mean(axis=0).T
        )
    return np.asarray(np.mean(found, axis=0))


def bootstrap(statistic: Statistic, runs: Runs, *, budget: int | None = None, seed: int = 0) -> Estimates:
    """Resample configurations and series together.

    Args:
        statistic: What is estimated.
        runs: Of these.
        budget: Random configurations per sample, drawn without replacement and joined by the published ones; ``None``
            draws all with replacement.
        seed: Of the samples: the same for every statistic, so that they can be compared.

    Returns:
        The statistic (its mean over the samples where there is a budget) with the 5 % and 95 % quantiles.
    """
    found = [statistic(objectives, metrics) for objectives, metrics, _ in resample(runs, budget=budget, seed=seed)]
    return summarise(found, value=statistic(runs.objectives, runs.metrics) if budget is None else None)


def resample(runs: Runs, *, budget: int | None, seed: int) -> Iterator[tuple[Array, Array, NDArray[np.intp]]]:
    """Draw configurations and series, at least one of which has every objective.

    Yields:
        The objectives and the metrics of a sample, and the places of its series.
    """
    generator = np.random.default_rng(seed)
    n_configs, n_series = runs.metrics.shape[2:]
    listed = np.arange(runs.n_random, n_configs)
    able: NDArray[np.bool_] = np.logical_not(np.isnan(runs.objectives[:, 0, 0]).any(axis=0))
    for _ in range(N_BOOTSTRAPS):
        if budget is None:
            configs = _draw(generator, n_configs)
        else:
            configs = np.concatenate([listed, generator.permutation(runs.n_random)[:budget]])
        series = _draw(generator, n_series)
        while not able[series].any():
            series = _draw(generator, n_series)
        yield runs.objectives[:, :, configs][..., series], runs.metrics[:, :, configs][..., series], series


def _draw(generator: np.random.Generator, n: int) -> NDArray[np.intp]:
    return np.asarray(generator.integers(n, size=n), dtype=np.intp)


def with_few_events(runs: Runs, by_count: Runs, name: str, count: int, *, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Make the objective of a study that has ``count`` labelled events in all: ``[K, C, S]``, NaN without labels.

    Series come in random order; each gives its first events, until there are enough.

    Args:
        runs: The runs.
        by_count: The same, with the objectives per number of events (prefix ``k_``).
        name: One of these objectives.
        count: Events in all.
        seed: Of the order.

    Returns:
        The objective, and how many events each series gave, ``[S]``.

    Raises:
        ValueError: If the series have fewer events in all.
    """
    objective, given = np.full(runs.metrics.shape[1:], np.nan), np.zeros(len(runs.series), dtype=np.int64)
    left = count
    for place in np.random.default_rng(seed).permutation(len(runs.series)):
        able = None
        for k in range(1, left + 1):
            key = f"{k}_{name}"
            if key not in by_count.objective_names:
                break
            values = by_count.objectives[by_count.objective_names.index(key)][:, :, place]
            if np.isnan(values).any():
                break
            able, n_events = values, k
        if able is not None:
            objective[:, :, place] = able
            given[place] = n_events
            left -= n_events
        if left == 0:
            return objective, given
    raise ValueError(f"{count} labelled events are asked for, but the series have {count - left}; ask for fewer")


def confirm_on_other_half(runs: Runs, metric: int, statistic: Statistic, *, n_splits: int = 200) -> tuple[float, float]:
    """Choose the best objective on one half of the series, and see what it reaches on the other.

    Returns:
        Its mean value on the half it was chosen on, and on the other half, over random splits.
    """
    generator = np.random.default_rng(0)
    first, second = [], []
    for _ in range(n_splits):
        halves = np.array_split(generator.permutation(len(runs.series)), 2)
        values = [statistic(runs.objectives[..., half], runs.metrics[..., half])[:, metric] for half in halves]
        best = int(np.nanargmax(values[0]))
        first.append(values[0][best])
        second.append(values[1][best])
    return float(np.mean(first)), float(np.mean(second))


def within_groups(runs: Runs, by: str, *, fewest: int = 5) -> Array:
    """Rank correlation within series among configurations that share a hyperparameter's value: ``[O, M]``."""
    values = runs.configurations[by].map(str)
    groups = [np.flatnonzero(values == value) for value in sorted(set(values))]
    found = [
        within_series(runs.objectives[:, :, group], runs.metrics[:, :, group])
        for group in groups
        if len(group) >= fewest
    ]
    return np.asarray(np.nanmean(found, axis=0))


def _centred_ranks(values: Array) -> Array:
    ranks = rankdata(values, axis=-1, nan_policy="propagate")
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))


def _correlate(ranks: Array, test_ranks: Array) -> Array:
    """Correlate centred ranks along the last axis: 0 where the objective ranks nothing, NaN where the test does."""
    spread = np.square(ranks).sum(axis=-1) * np.square(test_ranks).sum(axis=-1)
    value = (ranks * test_ranks).sum(axis=-1) / np.sqrt(np.maximum(spread, 1e-12))
    return np.where(np.square(test_ranks).sum(axis=-1) > 0, value, np.nan)


def _directions(n_seeds: int) -> list[tuple[int, int]]:
    """Pair each seed with each other one; a single seed with itself."""
    if n_seeds == 1:
        return [(0, 0)]
    return [(own, other) for own, other in product(range(n_seeds), repeat=2) if own != other]
