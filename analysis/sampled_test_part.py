"""How much a score would vary with another stretch of the same series: the test part is a sample too.

Intervals over seeds say nothing about it, and what draws nothing at random has no other. What is resampled is what the
test part consists of: labelled events and time blocks of a detector's scores, stretches of consecutive forecasts. All
rows share every resample, so their differences are paired. Trained models and their thresholds stay as they are.

``[R, K]`` = resamples, seeds; ``U`` units (events, blocks or forecasts) of one series.

References:
    Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13, for the percentile interval. With few
    events it is too narrow: 20 in each series are few.
    Politis and Romano 1992, "A circular block-resampling procedure for stationary data", for what depends on what came
    before it; a block has about ``U ** (1 / 3)`` forecasts, the order that is best for the variance of a mean (Hall,
    Horowitz and Jing 1995).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.contenders import Comparison, Contender
from analysis.detector_units import METRIC as DETECTOR_METRIC
from analysis.detector_units import read_detections
from analysis.forecast_units import METRICS as FORECAST_METRICS
from analysis.forecast_units import read_losses
from analysis.forecasts import choose_rows
from analysis.formatting import count
from analysis.records import Records

N_RESAMPLES = 2_000
MOST_SEEDS = 5
"""Trials of a row that are read."""
FEWEST_UNITS = 2
_SEED = 20_261
_PERCENTILES = (2.5, 97.5)

Scores = NDArray[np.float64]
"""``[R]``"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledRow:
    """One row's score, and its interval over the test part."""

    label: str
    score: float
    """As recorded, mean over series and the seeds that were read."""
    low: float
    high: float
    difference: float | None
    """To the best row; ``None`` for that row itself."""
    difference_low: float | None
    difference_high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledPart:
    """Intervals over the test part, of the best row, the published one and the baselines."""

    __test__ = False  # no test, whatever pytest makes of its name

    metric: str
    label: str
    units: str
    """What is resampled: ``events`` or ``forecasts``."""
    n_units: int
    """Over all series."""
    n_series: int
    rows: tuple[SampledRow, ...]


class Units(Protocol):
    """What one series' test part consists of, for one row."""

    @property
    def score(self) -> float:
        """The recorded score, mean over seeds."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of what is resampled, the units first."""

    def resample(self, generator: np.random.Generator, number: int) -> Scores:
        """Return so many scores ``[R]``, means over seeds, each of a test part drawn with replacement."""


def sample_test_part(records: Records, comparison: Comparison) -> SampledPart | None:
    """Resample the test part; ``None`` where nothing is stored that the metric can be computed from.

    Raises:
        ValueError: If a prediction file cannot be read.
    """
    metric = comparison.yardstick.name
    if not comparison.yardstick.on_test or metric not in (DETECTOR_METRIC, *FORECAST_METRICS):
        return None
    rows = choose_rows(comparison)
    found = {row.label: _read(records, row, metric) for row in rows}
    best = found[comparison.best.label]
    shapes = {name: units.shape for name, units in best.items()}
    if not best or max(shape[0] for shape in shapes.values()) < FEWEST_UNITS:
        return None
    alike = {
        label: units for label, units in found.items() if {name: one.shape for name, one in units.items()} == shapes
    }
    scores = {label: float(np.mean([one.score for one in units.values()])) for label, units in alike.items()}
    resampled = {label: _resample(units) for label, units in alike.items()}
    return SampledPart(
        metric=metric,
        label=comparison.yardstick.label,
        units="events" if metric == DETECTOR_METRIC else "forecasts",
        n_units=sum(shape[0] for shape in shapes.values()),
        n_series=len(shapes),
        rows=tuple(
            _describe(row.label, comparison.best.label, scores, resampled) for row in rows if row.label in alike
        ),
    )


def describe_sampling(sampling: SampledPart) -> str:
    """Say what the intervals are, and what they are not."""
    if sampling.units == "events":
        text = (
            f"{count(sampling.n_units, 'labelled event')} of {count(sampling.n_series, 'series', 'series')} and blocks "
            "of normal time are drawn anew, with replacement, thresholds kept. A few events in each series make them "
            "too narrow."
        )
    else:
        text = (
            f"stretches of the {count(sampling.n_units, 'stored forecast')} of "
            f"{count(sampling.n_series, 'series', 'series')} are drawn anew, with replacement; stored are those that "
            "do not overlap, scaled to the recorded mean."
        )
    return f"{text} Trained models stay as they are, so neither kind of interval holds the other."


def _read(records: Records, row: Contender, metric: str) -> Mapping[str, Units]:
    """Read what each tested series consists of, in the study's order."""
    trials = row.trials[:MOST_SEEDS]
    is_detector = metric == DETECTOR_METRIC
    found: Mapping[str, Units] = (
        read_detections(records, trials) if is_detector else read_losses(records, trials, metric)
    )
    return {name: found[name] for name in records.study["test_series"] if name in found}


def _resample(units: Mapping[str, Units]) -> Scores:
    """Resample every series and average over them; the same draws for every row."""
    drawn = [
        one.resample(np.random.default_rng([_SEED, place]), N_RESAMPLES) for place, one in enumerate(units.values())
    ]
    mean: Scores = np.mean(drawn, axis=0)
    return mean


def _describe(label: str, best: str, scores: Mapping[str, float], resampled: Mapping[str, Scores]) -> SampledRow:
    low, high = np.percentile(resampled[label], _PERCENTILES).tolist()
    difference: list[float | None] = [None, None, None]
    if label != best:
        bounds = np.percentile(resampled[label] - resampled[best], _PERCENTILES).tolist()
        difference = [scores[label] - scores[best], *bounds]
    return SampledRow(
        label=label,
        score=scores[label],
        low=low,
        high=high,
        difference=difference[0],
        difference_low=difference[1],
        difference_high=difference[2],
    )
