"""Labelled events and time blocks of a detector's scores on the untouched part, from the prediction files.

Event F1 (log) is computed again at the recorded threshold; trials whose recorded score does not come out are left out.

``[K, E]`` = seeds, events; ``[K, B]`` = seeds, time blocks.

References:
    Si et al. 2024, "TimeSeriesBench", ISSRE: an event that is hit anywhere counts with ``floor(log_3(length + 3))``,
    every normal point that is called anomalous with 1. As published, an event first grows by five steps to the right.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import Records

METRIC = "event_f1_pa_log"
MARGIN = 5
N_BLOCKS = 50
"""Blocks of a series: long enough that a burst of false alarms lies in one or two of them."""
ROUNDING = 1e-6

_NEEDED = ["series", "step", "score", "label", "untouched"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Detections:
    """What a detector found in one series."""

    hits: Floats
    """``[K, E]``, 1 where the event was found."""
    weights: Floats
    """``[E]``"""
    false_alarms: Floats
    """``[K, B]``, normal points that were called anomalous."""

    @property
    def score(self) -> float:
        """Event F1 (log), mean over seeds."""
        return float(self._score(np.ones((1, self.shape[0])), np.ones((1, self.shape[1])))[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of events and of time blocks."""
        return self.hits.shape[1], self.false_alarms.shape[1]

    def resample(self, generator: np.random.Generator, number: int) -> Floats:
        """Draw events, and apart from them time blocks, with replacement."""
        drawn = (generator.multinomial(n, np.full(n, 1 / n), size=number) for n in self.shape)
        return self._score(*(counts.astype(np.float64) for counts in drawn))

    def _score(self, events: Floats, blocks: Floats) -> Floats:
        """Compute the mean F1 ``[R]`` with events ``[R, E]`` and blocks ``[R, B]`` so many times."""
        found, false_alarms = events @ (self.hits * self.weights).T, blocks @ self.false_alarms.T
        scores: Floats = (2 * found / (found + false_alarms + (events @ self.weights)[:, None])).mean(axis=1)
        return scores


def read_detections(records: Records, trials: Sequence[str]) -> dict[str, Detections]:
    """Read what the seeds of one row found, by series.

    Raises:
        ValueError: If a prediction file cannot be read.
    """
    recorded = records.last_values(trials)
    found: dict[str, list[tuple[Floats, Floats, Floats]]] = {}
    for trial in trials:
        table = records.predictions(trial, _NEEDED)
        if table is not None:
            for series, part in table[table["untouched"]].groupby("series", sort=False):
                values = recorded.get(trial, {}).get(str(series), {})
                if one := _detect(part.sort_values("step"), values):
                    found.setdefault(str(series), []).append(one)
    complete = {series: parts for series, parts in found.items() if len(parts) == len(trials)}
    return {
        series: Detections(
            hits=np.array([hits for hits, _, _ in parts]),
            weights=parts[0][1],
            false_alarms=np.array([false_alarms for _, _, false_alarms in parts]),
        )
        for series, parts in complete.items()
    }


def grow_events(labels: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """List the events as grown, start and stop; two normal points stay between neighbours, as published."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], labels, [False])).astype(np.int8)))
    starts, stops = edges[::2].tolist(), edges[1::2].tolist()
    limits = [*(start - 2 for start in starts[1:]), len(labels)][: len(starts)]
    return [
        (start, max(stop, min(stop + MARGIN, limit))) for start, stop, limit in zip(starts, stops, limits, strict=True)
    ]


def _detect(part: pd.DataFrame, recorded: Mapping[str, float]) -> tuple[Floats, Floats, Floats] | None:
    """Find hits ``[E]``, weights ``[E]`` and false alarms ``[B]``; ``None`` where the recorded score is another."""
    threshold, score = (recorded.get(f"test_{name}") for name in (f"{METRIC}_threshold", METRIC))
    if threshold is None or score is None or part["label"].isna().any():
        return None
    alarms = part["score"].to_numpy() >= np.float32(threshold)  # scores are stored in single precision
    events = grow_events(part["label"].to_numpy(dtype=bool))
    if not events:
        return None
    hits = np.array([alarms[start:stop].any() for start, stop in events], dtype=np.float64)
    weights = np.array([math.floor(math.log(stop - start + 3, 3)) for start, stop in events], dtype=np.float64)
    for start, stop in events:
        alarms[start:stop] = False
    false_alarms = np.array([block.sum() for block in np.array_split(alarms, N_BLOCKS)], dtype=np.float64)
    one = Detections(hits=hits[None], weights=weights, false_alarms=false_alarms[None])
    return (hits, weights, false_alarms) if abs(one.score - score) < ROUNDING else None
