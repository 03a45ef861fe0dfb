"""Errors of forecasts, step by step of the horizon and relative to the last value, from the recorded test metrics.

``[S, K]`` = series, seeds.

Tables show stretches of the horizon, not single steps: 24, 48 and 96 hours ahead are all the same hour of the day,
where the last value looks far better than it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from analysis.contenders import Comparison, Contender
from analysis.intervals import Blocks, Interval, mean_interval
from analysis.metric_catalogue import LAST_VALUE, label_baseline, label_metric
from analysis.records import Records

RATIO_METRICS = ("mse", "mae", "rmse", "mase")
"""Errors of which a ratio means something: zero is a perfect forecast, and no value is negative."""

Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By trial, series and name."""
Key = TypeVar("Key", int, str)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepErrors:
    """One row's error along the horizon."""

    label: str
    by_step: Mapping[int, Interval]
    by_stretch: Mapping[str, Interval]
    seeds: tuple[Mapping[int, float], ...]
    """Means over series by step, seed by seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProfile:
    """How errors grow along the horizon."""

    metric: str
    label: str
    horizon: int
    stretches: Mapping[str, tuple[int, ...]]
    """For a table: the first step, and the quarters of the horizon."""
    rows: tuple[StepErrors, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """One row's error divided by that of the last value."""

    label: str
    mean: float
    seeds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricRatios:
    """One metric of several rows, relative to the last value: below 1 is better than it."""

    metric: str
    label: str
    reference: float
    """The last value's own error."""
    rows: tuple[Ratio, ...]


def profile_steps(records: Records, comparison: Comparison) -> StepProfile | None:
    """Collect the primary error by step of the horizon; ``None`` where one step is forecast, or nothing was tested."""
    metric = comparison.yardstick.name if comparison.yardstick.on_test else "mse"
    pattern = re.compile(rf"test_{re.escape(metric)}_at_(\d+)")
    values = records.last_values([trial for row in comparison.rows for trial in row.trials])
    series = records.study["test_series"]
    names = {name for by_series in values.values() for found in by_series.values() for name in found}
    steps = {int(found[1]): found[0] for name in sorted(names) if (found := pattern.fullmatch(name))}
    horizon = max(steps, default=0)
    if horizon < 2:
        return None
    stretches = choose_stretches(sorted(steps))
    profiled = (_profile(row, values, series, steps, stretches) for row in comparison.rows)
    return StepProfile(
        metric=metric,
        label=label_metric(metric),
        horizon=horizon,
        stretches=stretches,
        rows=tuple(row for row in profiled if row.by_step),
    )


def choose_stretches(steps: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Cut the horizon into quarters, the first step apart before them; a short one into its steps.

    Args:
        steps: In order, at least two.
    """
    if len(steps) <= 4:
        return {str(step): (step,) for step in steps}
    ends = [round(quarter * len(steps) / 4) for quarter in range(5)]
    quarters = [tuple(steps[begin:end]) for begin, end in pairwise(ends)]
    named = {(f"{part[0]} to {part[-1]}" if len(part) > 1 else str(part[0])): part for part in quarters}
    return {str(steps[0]): (steps[0],), **named}


def relate_to_last_value(records: Records, comparison: Comparison) -> tuple[MetricRatios, ...]:
    """Divide the shown errors of every row by those of the last value; empty where it was not tested."""
    reference = next((row for row in comparison.rows if row.label == label_baseline(LAST_VALUE)), None)
    if reference is None or not comparison.yardstick.on_test:
        return ()
    values = records.last_values([trial for row in comparison.rows for trial in row.trials])
    series = records.study["test_series"]
    related = []
    for metric in (name for name in RATIO_METRICS if name in comparison.shown):
        scale = reference.test[metric].mean if metric in reference.test else 0.0
        rows = [row for row in comparison.rows if row is not reference and metric in row.test] if scale > 0 else []
        if rows:
            related.append(
                MetricRatios(
                    metric=metric,
                    label=label_metric(metric),
                    reference=scale,
                    rows=tuple(_relate(row, metric, scale, values, series) for row in rows),
                )
            )
    return tuple(related)


def _profile(
    row: Contender,
    values: Values,
    series: Sequence[str],
    steps: Mapping[int, str],
    stretches: Mapping[str, tuple[int, ...]],
) -> StepErrors:
    blocks = {step: _blocks(row, values, series, name) for step, name in sorted(steps.items())}
    joined = {name: np.mean([blocks[step] for step in part], axis=0) for name, part in stretches.items()}
    return StepErrors(
        label=row.label,
        by_step=_intervals(blocks),
        by_stretch=_intervals(joined),
        seeds=tuple(
            {step: mean for step, found in blocks.items() if (mean := _mean(found[:, place])) is not None}
            for place in range(len(row.trials))
        ),
    )


def _intervals(blocks: Mapping[Key, Blocks]) -> dict[Key, Interval]:
    found = {key: mean_interval(values) for key, values in blocks.items()}
    return {key: interval for key, interval in found.items() if interval is not None}


def _relate(row: Contender, metric: str, scale: float, values: Values, series: Sequence[str]) -> Ratio:
    columns = _blocks(row, values, series, f"test_{metric}").T
    means = [mean for column in columns if (mean := _mean(column)) is not None]
    return Ratio(
        label=row.label,
        mean=row.test[metric].mean / scale,
        seeds=tuple(mean / scale for mean in means) if row.has_seeds else (),
    )


def _blocks(row: Contender, values: Values, series: Sequence[str], name: str) -> Blocks:
    """Return the values ``[S, K]`` of a row, one column per trial."""
    found = [[values.get(trial, {}).get(one, {}).get(name, np.nan) for trial in row.trials] for one in series]
    return np.array(found, dtype=np.float64).reshape(len(series), len(row.trials))


def _mean(column: Blocks) -> float | None:
    """Average over the series that have a value."""
    defined = column[~np.isnan(column)]
    return float(defined.mean()) if len(defined) else None
