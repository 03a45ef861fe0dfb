"""The built-in sample: two generated series that look like server metrics, so that everything runs with no download.

Generated, and named so: it is there to try things out on and to test with, never to compare models in earnest. A few
hidden drivers (a daily cycle, a slow one, a load with regimes and bursts) are mixed nonlinearly, with lags, into
correlated sensors, as in the Server Machine Dataset (Su et al., KDD 2019). Its awkward sides are there as well: sensors
that hardly ever move, so that their z-scores explode in the test part and the clip matters; a constant one; mild drift;
and harmless excursions of single sensors that nobody labelled.

``[T]`` = all steps, train then test; ``[T, D]`` = steps, features; ``[T, P]`` = steps, hidden drivers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainables.data.names import enumerate_names
from trainables.data.series import AnomalySeries, note_constant_features
from trainables.seeding import derive_seed

SAMPLE_SERIES = ("sample-1", "sample-2")
"""The names of the generated series."""

N_TRAIN_STEPS = 4000
N_TEST_STEPS = 4000
N_STEPS = N_TRAIN_STEPS + N_TEST_STEPS

N_BUSY = 11
"""Sensors that follow the drivers."""
N_RARE = 4
"""Sensors that hardly ever move; one constant sensor follows them."""
N_FEATURES = N_BUSY + N_RARE + 1

DAY = 480
"""Steps of the daily cycle: three minutes each."""

SEGMENT_LENGTHS = (3, 4, 5, 5, 6, 7, 8, 8, 10, 12, 20, 35, 60, 120)
"""What incidents last, in steps; real ones are short as well, with a long tail. Further ones repeat these."""
QUIET_STEPS = 40
"""Least distance of an incident to the next one, and of a harmless excursion to any incident."""

# Of 25 seeds one where, in both series, the untrained sum of squared z-scores beats chance but loses to a ridge
# regression on the last 16 steps, each at its best clip: so there is something to find by searching.
_SEED = 22

_Array = NDArray[np.float64]


def generate_sample(names: Sequence[str] = SAMPLE_SERIES) -> tuple[AnomalySeries, ...]:
    """Generate the named series: the same values in every process, whichever of them are asked for.

    Args:
        names: Some of :data:`SAMPLE_SERIES`.

    Returns:
        One series per name, in the order of the names.

    Raises:
        ValueError: If a name is unknown.
    """
    unknown = [name for name in names if name not in SAMPLE_SERIES]
    if unknown:
        raise ValueError(f"unknown sample series {unknown[0]!r}; known are {enumerate_names(SAMPLE_SERIES)}")
    return tuple(_generate_series(name) for name in names)


def _generate_series(name: str) -> AnomalySeries:
    values = _normal_operation(name)
    incidents = _plan_incidents(_stream(name, "plan"))
    _add_harmless_excursions(_stream(name, "excursions"), values, incidents)
    _add_incidents(_stream(name, "incidents"), values, incidents)
    # Six decimals, like the data set it imitates: the last bits of a platform's exp() then leave no trace.
    values = np.clip(values, 0, 1).round(6)

    labels = np.zeros(N_STEPS, dtype=np.bool_)
    for incident in incidents:
        labels[incident.start : incident.stop] = True
    train = values[:N_TRAIN_STEPS].astype(np.float32)
    return AnomalySeries(
        name=name,
        train=train,
        test=values[N_TRAIN_STEPS:].astype(np.float32),
        labels=labels[N_TRAIN_STEPS:],
        features=tuple(f"sensor-{i:02d}" for i in range(N_FEATURES)),
        notes=("The series is generated, not measured: use it to try things out.", *note_constant_features(train)),
    )


def _stream(name: str, part: str) -> np.random.Generator:
    """Give each part of each series its own random stream, so that a change of one leaves the others alone."""
    return np.random.default_rng(derive_seed(_SEED, name, part))


def _normal_operation(name: str) -> _Array:
    """Generate ``[T, D]`` without incidents: busy sensors, rare ones, the constant one."""
    drivers = _drivers(_stream(name, "drivers"))
    busy = _busy_sensors(_stream(name, "busy"), drivers)
    rare = _rare_sensors(_stream(name, "rare"))
    return np.column_stack([busy, rare, np.full(N_STEPS, 0.5)])


def _drivers(rng: np.random.Generator) -> _Array:
    """Generate ``[T, 4]``: day, slow cycle, load regimes, bursts; each of about unit size."""
    steps = np.arange(N_STEPS)
    phases = rng.uniform(0, 2 * np.pi, size=3)
    day = np.sin(2 * np.pi * steps / DAY + phases[0]) + 0.3 * np.sin(4 * np.pi * steps / DAY + phases[1])
    slow = np.sin(2 * np.pi * steps / (4.3 * DAY) + phases[2])
    bursts = (rng.random(N_STEPS) < 1 / 120) * rng.lognormal(0.3, 0.5, size=N_STEPS)
    return np.column_stack([day, slow, _smooth(_load_regimes(rng), 0.93), _smooth(bursts, 0.85) / 0.15])


def _load_regimes(rng: np.random.Generator) -> _Array:
    """Generate ``[T]``: a level that holds for a while and then jumps to another."""
    durations = 30 + rng.exponential(120, size=N_STEPS // 30).astype(int)
    levels = rng.normal(size=len(durations))
    return np.repeat(levels, durations)[:N_STEPS]


def _smooth(values: _Array, memory: float) -> _Array:
    """Filter ``[T]`` or ``[T, D]`` by ``y[t] = memory * y[t - 1] + (1 - memory) * x[t]``."""
    smoothed = np.empty_like(values)
    state = values[0]
    for step, value in enumerate(values):
        state = memory * state + (1 - memory) * value
        smoothed[step] = state
    return smoothed


def _busy_sensors(rng: np.random.Generator, drivers: _Array) -> _Array:
    """Mix the drivers ``[T, P]`` into sensors ``[T, N_BUSY]`` between about 0.1 and 0.5, with noise and drift."""
    sensors = np.empty((N_STEPS, N_BUSY))
    for column in range(N_BUSY):
        lag = int(rng.integers(0, 9))
        mixed = drivers[np.maximum(np.arange(N_STEPS) - lag, 0)] @ rng.normal(scale=[1.0, 0.5, 0.9, 0.5])
        bend = (np.tanh, np.exp, np.abs, np.positive)[column % 4]
        sensors[:, column] = bend(0.8 * mixed)
    low, high = sensors.min(axis=0), sensors.max(axis=0)
    scaled: _Array = 0.1 + 0.4 * (sensors - low) / (high - low)
    return scaled + _sensor_noise(rng) + _drift(rng)


def _sensor_noise(rng: np.random.Generator) -> _Array:
    """Generate autocorrelated noise ``[T, N_BUSY]``, some sensors noisier than others."""
    sizes = rng.uniform(0.006, 0.018, size=N_BUSY)
    lasting, passing = rng.normal(size=(2, N_STEPS, N_BUSY))
    noise: _Array = sizes * (_smooth(lasting, 0.7) + 0.3 * passing)
    return noise


def _drift(rng: np.random.Generator) -> _Array:
    """Let a third of the busy sensors wander off during the test part, ``[T, N_BUSY]``."""
    ramp = np.maximum(np.arange(N_STEPS) - N_TRAIN_STEPS, 0) / N_TEST_STEPS
    slopes = rng.normal(scale=0.05, size=N_BUSY) * (rng.random(N_BUSY) < 1 / 3)
    return np.outer(ramp, slopes)


def _rare_sensors(rng: np.random.Generator) -> _Array:
    """Generate sensors ``[T, N_RARE]`` next to zero, with a few small bursts."""
    bursts = (rng.random((N_STEPS, N_RARE)) < 1 / 2000) * rng.lognormal(np.log(0.01), 0.7, size=(N_STEPS, N_RARE))
    return 2e-4 * np.abs(rng.normal(size=(N_STEPS, N_RARE))) + _smooth(bursts, 0.6)


def _plan_incidents(rng: np.random.Generator) -> tuple[range, ...]:
    """Give each of 14 to 18 equal slots of the test part one incident, in steps of the whole series.

    So an early part, which may serve for tuning, and the part after it both get enough of them.
    """
    n_further = int(rng.integers(0, 5))
    lengths = rng.permutation([*SEGMENT_LENGTHS, *rng.choice(SEGMENT_LENGTHS, size=n_further)])
    borders = np.linspace(N_TRAIN_STEPS, N_STEPS, len(lengths) + 1).astype(int)
    incidents = []
    for first, last, length in zip(borders[:-1], borders[1:], lengths, strict=True):
        start = int(rng.integers(first + QUIET_STEPS, last - length))
        incidents.append(range(start, start + int(length)))
    return tuple(incidents)


def _add_harmless_excursions(rng: np.random.Generator, values: _Array, incidents: Sequence[range]) -> None:
    """Add false-alarm bait to the test part of ``values`` ``[T, D]``: unlabelled excursions of single rare sensors."""
    taken = np.zeros(N_STEPS, dtype=np.bool_)
    taken[:N_TRAIN_STEPS] = True
    for incident in incidents:
        taken[incident.start - QUIET_STEPS : incident.stop + QUIET_STEPS] = True
    for start in rng.choice(np.flatnonzero(~taken), size=9, replace=False):
        column = N_BUSY + int(rng.integers(N_RARE))
        values[start : start + int(rng.integers(1, 5)), column] += rng.lognormal(np.log(0.1), 0.7)


def _add_incidents(rng: np.random.Generator, values: _Array, incidents: Sequence[range]) -> None:
    """Add the incidents to ``values`` ``[T, D]``: several sensors shift at once, at onset or a little later.

    The shape follows what was measured on the labelled segments of eight machines of the Server Machine Dataset: some
    sensors jump at the first step, others follow within a few; a level holds or ramps up; sizes are lognormal, so that
    some incidents are loud and some hardly to be seen.
    """
    sd = np.maximum(values[:N_TRAIN_STEPS].std(axis=0), 2e-3)
    for incident in incidents:
        loudness = rng.lognormal(np.log(2.5), 0.5)
        moved = rng.permutation(N_BUSY + N_RARE)[: int(rng.integers(2, 6))]
        for order, column in enumerate(moved):
            delay = 0 if order < 2 else int(rng.integers(0, min(len(incident), 5)))
            size = loudness * rng.lognormal(0, 0.6) * sd[column] * (1 if rng.random() < 0.8 else -1)
            values[incident.start + delay : incident.stop, column] += size * _shape(rng, len(incident) - delay)


def _shape(rng: np.random.Generator, length: int) -> _Array:
    """Give the course of a shift of unit size, ``[length]``: a held level or a ramp, and some noise on it."""
    course = np.ones(length)
    if rng.random() < 0.5:
        rise = (length + 1) // 2
        course[:rise] = np.arange(1, rise + 1) / rise
    return course * (1 + 0.2 * rng.normal(size=length))
