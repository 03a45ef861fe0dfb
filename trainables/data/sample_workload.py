"""The built-in workload: two generated series of hourly server load, so that everything runs with no download.

Generated, and named so: it is there to try things out on and to test with, never to compare models in earnest. A demand
with daily and weekly cycles, a drifting level, regime shifts and bursts drives four metrics, each in its own way:
requests follow it at once, part of the network traffic an hour later, the processor saturates, memory remembers, and is
restarted now and then. ``web-1`` is busy in the daytime of working days, ``batch-1`` runs jobs at fixed hours of the
night. What can be forecast: the cycles, the decay of a burst that has begun, and where memory goes. What cannot: when a
burst or a regime shift begins.

``[T]`` = all steps, train then validation then test.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainables.data.forecast_rows import ForecastRows, make_series
from trainables.data.forecast_rules import ForecastChoices, ForecastRules, split_by_percent
from trainables.data.forecast_series import ForecastSeries, ForecastSeriesFound
from trainables.seeding import derive_seed

WORKLOAD_SERIES = ("web-1", "batch-1")
"""The names of the generated series."""
WORKLOAD_COLUMNS = ("cpu", "memory", "network", "requests")

N_STEPS = 1500
"""Two months: a model of a few experts takes a second or two for an epoch."""
DAY = 24
WEEK = 7 * DAY
FIRST_HOUR = np.datetime64("2024-01-01T00:00:00", "s")
"""A Monday, so that the weekends are where a calendar has them."""

# In both series a ridge regression on four days beats the naive forecasts, so that there is something to find.
_SEED = 1

_Array = NDArray[np.float64]


def find_sample_workload(_root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the generated series; there is no folder to look in."""
    return {name: partial(generate_workload, name, choices) for name in WORKLOAD_SERIES}


def generate_workload(name: str, choices: ForecastChoices | None = None) -> ForecastSeries:
    """Generate one series: the same values in every process.

    Args:
        name: One of :data:`WORKLOAD_SERIES`.
        choices: What is forecast; ``None``: all four metrics.
    """
    demand = _demand(name)
    values = np.column_stack(
        [
            _processor(_stream(name, "cpu"), demand),
            _memory(_stream(name, "memory"), demand),
            _network(_stream(name, "network"), demand),
            _requests(_stream(name, "requests"), demand),
        ]
    )
    rows = ForecastRows(
        path=Path(name),
        columns=WORKLOAD_COLUMNS,
        # Few decimals, like real monitoring: the last bits of a platform's exp() then leave no trace.
        values=values.round(4),
        times=FIRST_HOUR + np.arange(N_STEPS) * np.timedelta64(3600, "s"),
    )
    rules = ForecastRules(
        borders=split_by_percent(train=70, test=20),
        notes=("The series is generated, not measured: use it to try things out.",),
    )
    return make_series(name, rows, choices or ForecastChoices(), rules)


def _stream(name: str, part: str) -> np.random.Generator:
    """Give each part of each series its own random stream, so that a change of one leaves the others alone."""
    return np.random.default_rng(derive_seed(_SEED, "workload", name, part))


def _demand(name: str) -> _Array:
    """Generate the demand ``[T]``, about 1 on average and never below 0.05."""
    cycle = _office_hours() if name.startswith("web") else _night_jobs()
    drift = 0.5 * _smooth(_stream(name, "drift").normal(size=N_STEPS), 0.98)
    level = _regimes(_stream(name, "regimes")) + drift
    noise = 0.08 * _smooth(_stream(name, "noise").normal(size=N_STEPS), 0.6)
    return np.maximum(cycle * level + _bursts(_stream(name, "bursts")) + noise, 0.05)


def _office_hours() -> _Array:
    """Draw people's days ``[T]``: a rise in the morning, a dip at noon, half of it at the weekend."""
    hour, day = np.arange(N_STEPS) % DAY, np.arange(N_STEPS) // DAY % 7
    daytime = np.exp(-(((hour - 10.5) / 2.5) ** 2)) + 0.9 * np.exp(-(((hour - 16) / 3.5) ** 2))
    return np.asarray(0.35 + np.where(day < 5, 1.3, 0.6) * daytime)


def _night_jobs() -> _Array:
    """Draw a computing plan ``[T]``: a job from one to four every night, a long one on Sundays, a short one at noon."""
    hour, day = np.arange(N_STEPS) % DAY, np.arange(N_STEPS) // DAY % 7
    nightly = 1.4 * ((hour >= 1) & (hour < 5))
    weekly = 1.2 * ((day == 6) & (hour >= 5) & (hour < 15))
    noon = 0.7 * ((hour >= 12) & (hour < 14) & (day < 5))
    return np.asarray(0.4 + nightly + weekly + noon)


def _regimes(rng: np.random.Generator) -> _Array:
    """Generate a level ``[T]`` that holds for one to three weeks and then jumps, as after a new release."""
    durations = rng.integers(WEEK, 3 * WEEK, size=N_STEPS // WEEK + 1)
    return np.repeat(1 + 0.15 * rng.uniform(-1, 1, size=len(durations)), durations)[:N_STEPS]


def _bursts(rng: np.random.Generator) -> _Array:
    """Generate bursts ``[T]``, one in four days or so, that come at once and decay within hours."""
    starts = (rng.random(N_STEPS) < 1 / 100) * rng.lognormal(-0.2, 0.4, size=N_STEPS)
    return _smooth(starts, 0.75) / 0.25


def _smooth(values: _Array, memory: float) -> _Array:
    """Filter ``[T]`` by ``y[t] = memory * y[t - 1] + (1 - memory) * x[t]``, from ``y[0] = x[0]`` on."""
    return pd.Series(values).ewm(alpha=1 - memory, adjust=False).mean().to_numpy()


def _requests(rng: np.random.Generator, demand: _Array) -> _Array:
    """Count requests per second, ``[T]``: noisier the more there are."""
    return np.maximum(120 * demand + 6 * np.sqrt(demand) * rng.normal(size=N_STEPS), 0)


def _network(rng: np.random.Generator, demand: _Array) -> _Array:
    """Generate traffic in MB/s, ``[T]``: part of it, the backups, an hour late."""
    late = np.append(demand[0], demand[:-1])
    return np.maximum(8 * demand + 5 * late**1.5 + 0.6 * rng.normal(size=N_STEPS), 0)


def _processor(rng: np.random.Generator, demand: _Array) -> _Array:
    """Generate the load of the processor in percent, ``[T]``: it saturates."""
    return np.clip(100 * (1 - np.exp(-0.6 * demand)) + 2 * rng.normal(size=N_STEPS), 0, 100)


def _memory(rng: np.random.Generator, demand: _Array) -> _Array:
    """Generate memory in use in percent, ``[T]``: it follows slowly, leaks, and is restarted every nine days or so."""
    starts = np.cumsum(rng.integers(8 * DAY, 10 * DAY, size=N_STEPS // (8 * DAY) + 1))
    since_restart = np.arange(N_STEPS) - np.append(0, starts)[np.searchsorted(starts, np.arange(N_STEPS), side="right")]
    in_use: _Array = np.clip(
        30 + 12 * _smooth(demand, 0.9) + 0.06 * since_restart + 0.5 * rng.normal(size=N_STEPS), 0, 100
    )
    return in_use
