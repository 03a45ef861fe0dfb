"""Losses of stored forecasts, one for each origin, from the prediction files.

Stored are forecasts that do not overlap, in original units; the metric is over all origins, scaled by the train part.
So each column's errors are measured by the spread of its actual values, and the losses of a trial are stretched to the
recorded mean: what is taken from them is how they vary from one origin to the next, and nothing of their level.

``[K, U]`` = seeds, forecasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import Records

METRICS = ("mse", "mae")

_NEEDED = ["series", "origin", "column", "actual", "predicted"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Losses:
    """Losses of the forecasts of one series, in the order of time."""

    values: Floats
    """``[K, U]``"""

    @property
    def score(self) -> float:
        """The recorded metric, mean over seeds."""
        return float(self.values.mean())

    @property
    def shape(self) -> tuple[int]:
        """Return the number of forecasts."""
        return (self.values.shape[1],)

    def resample(self, generator: np.random.Generator, number: int) -> Floats:
        """Draw stretches of consecutive forecasts; the last one is followed by the first."""
        (n_units,) = self.shape
        length = max(1, round(n_units ** (1 / 3)))
        losses = self.values.mean(axis=0)
        sums = np.concatenate(([0.0], np.cumsum(np.concatenate((losses, losses[:length])))))
        blocks = (sums[length:] - sums[:-length])[:n_units] / length
        drawn: Floats = blocks[generator.integers(n_units, size=(number, -(-n_units // length)))].mean(axis=1)
        return drawn


def read_losses(records: Records, trials: Sequence[str], metric: str) -> dict[str, Losses]:
    """Read the losses of one row's seeds, by series.

    Args:
        records: The study's.
        trials: Of the row, by seed.
        metric: One of :data:`METRICS`.

    Raises:
        ValueError: If a prediction file cannot be read.
    """
    recorded = records.last_values(trials)
    found: dict[str, list[Floats]] = {}
    for trial in trials:
        table = records.predictions(trial, _NEEDED)
        for series, part in () if table is None else table.groupby("series", sort=False):
            mean, losses = recorded.get(trial, {}).get(str(series), {}).get(f"test_{metric}"), _lose(part, metric)
            if mean is not None and losses.sum() > 0:
                found.setdefault(str(series), []).append(losses * (mean / losses.mean()))
    return {
        series: Losses(values=np.array(parts))
        for series, parts in found.items()
        if len(parts) == len(trials) and len({len(part) for part in parts}) == 1
    }


def _lose(part: pd.DataFrame, metric: str) -> Floats:
    """Compute the loss of every origin ``[U]``; a column that does not vary takes no part."""
    spread = part.groupby("column")["actual"].transform("std")
    part = part[spread > 0]
    errors = (part["predicted"] - part["actual"]) / spread[spread > 0]
    sizes = errors.abs() if metric == "mae" else errors**2
    losses: Floats = sizes.groupby(part["origin"]).mean().sort_index().to_numpy()
    return losses
