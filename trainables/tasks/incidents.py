"""Incidents made up and injected into normal data, for judging detectors without labels.

``[C]`` steps of context before the validation part, ``[V]`` steps of the part itself, ``[D]`` features; values are in
standardised units, and steps are counted from the start of the part.

References:
    The recipe is our own, drawn after what labelled incidents of server machines look like: their lengths, how many
    features move, and by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_INCIDENTS = 40
FIRST_START = 64
FREE_STEPS_BETWEEN = 40
LENGTHS = (3, 3, 4, 5, 5, 8, 15, 32, 100)
LIVE_SD = 1e-3
"""Features that vary less than this in the fitted part are left alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InjectedIncidents:
    """A copy of a normal part with incidents in it."""

    values: NDArray[np.float32]
    """``[C + V, D]``, unclipped: a configuration clips it as it clips everything else."""
    n_context: int
    """``C``, clean steps in front so that the first step of the part has a window."""
    starts: NDArray[np.int64]
    """First step of each incident."""
    stops: NDArray[np.int64]
    """The step after each incident's last."""

    def labels(self) -> NDArray[np.bool_]:
        """``[V]``, true inside an incident."""
        mask = np.zeros(len(self.values) - self.n_context, dtype=np.bool_)
        for start, stop in zip(self.starts, self.stops, strict=True):
            mask[start:stop] = True
        return mask


def inject_incidents(
    values: NDArray[np.float32],
    sd: NDArray[np.float32],
    *,
    n_context: int,
    amplitude: float,
    generator: np.random.Generator,
) -> InjectedIncidents | None:
    """Add incidents to a normal part: up to 40, fewer where it is too short for them.

    Args:
        values: ``[C + V, D]``, standardised, unclipped.
        sd: ``[D]``, standard deviation of each standardised feature in the fitted part (0 for constant ones).
        n_context: ``C``.
        amplitude: Typical height in standard deviations; single ones scatter around it (log-normal, 0.9).
        generator: Source of everything random.

    Returns:
        The injected copy, or ``None`` where fewer than three incidents fit or fewer than two features are live.
    """
    live = np.flatnonzero(sd > LIVE_SD)
    starts, stops = place_incidents(len(values) - n_context, generator)
    if len(starts) < 3 or len(live) < 2:
        return None
    injected = values.copy()
    for start, stop in zip(starts, stops, strict=True):
        injected[n_context + start : n_context + stop] += _incident(stop - start, live, sd, amplitude, generator)
    return InjectedIncidents(values=injected, n_context=n_context, starts=starts, stops=stops)


def place_incidents(
    n_steps: int, generator: np.random.Generator, *, lengths_from: Sequence[int] = LENGTHS, most: int = N_INCIDENTS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw lengths until the part is full or there are enough, then spread the free steps at random between them.

    Args:
        n_steps: ``V``.
        generator: Source of everything random.
        lengths_from: What lengths are drawn from.
        most: How many are enough.

    Returns:
        First step of each incident, and the step after its last.
    """
    lengths: list[int] = []
    room = n_steps - FIRST_START
    for length in generator.choice(lengths_from, size=most):
        if length + FREE_STEPS_BETWEEN <= room:
            lengths.append(int(length))
            room -= int(length) + FREE_STEPS_BETWEEN
    if not lengths:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    extra = np.sort(generator.integers(0, room + 1, size=len(lengths)))
    before = np.concatenate([[0], np.cumsum(np.array(lengths[:-1]) + FREE_STEPS_BETWEEN)])
    starts = (FIRST_START + before + extra).astype(np.int64)
    return starts, starts + np.array(lengths, dtype=np.int64)


def _incident(
    length: int, live: NDArray[np.int64], sd: NDArray[np.float32], amplitude: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw one incident ``[length, D]``: 10 to 50 % of the live features step or ramp to a height of their own."""
    n_hit = min(len(live), max(2, round(generator.uniform(0.1, 0.5) * len(live))))
    hit = generator.choice(live, size=n_hit, replace=False)
    height = generator.lognormal(np.log(amplitude), 0.9, size=n_hit) * np.maximum(sd[hit], 0.05)
    height *= np.where(generator.random(n_hit) < 0.8, 1.0, -1.0)
    # Two features move at the onset, the others up to three steps later.
    onset = generator.integers(0, min(length - 1, 4), size=n_hit) if length > 1 else np.zeros(n_hit, dtype=np.int64)
    onset[:2] = 0
    steps = np.arange(length)[:, None] - onset[None, :]
    ramp = np.clip((steps + 1) / max(length / 2, 1), 0, 1)
    level = (steps >= 0).astype(np.float64)
    shape = np.where(generator.random(n_hit) < 0.5, level, ramp * level)
    noise = 1 + 0.2 * generator.standard_normal((length, n_hit))
    added = np.zeros((length, len(sd)), dtype=np.float32)
    added[:, hit] = shape * height * noise
    return added
