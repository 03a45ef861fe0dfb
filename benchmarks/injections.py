"""Ways to spoil a normal series, among which ``objective_validity.py`` looks for one that ranks detectors.

Each takes standardised, unclipped values ``[C + V, D]`` (``[C]`` steps of context, ``[V]`` steps of the part) and
returns a spoilt copy with the places. What a task of the project uses lies there
(:func:`trainables.tasks.incidents.inject_incidents`); the others were tried, and their results are in
``docs/objectives.md``.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainables.data.windows import CONTEXT
from trainables.tasks.incidents import LIVE_SD, InjectedIncidents, inject_incidents, place_incidents

Values = NDArray[np.float32]
Injection = Callable[[Values, Values, np.random.Generator], InjectedIncidents | None]
"""``injection(values, fit, generator)``; the fitted part ``fit`` ``[T, D]`` sets heights by its extremes and steps."""


def _incidents(amplitude: float) -> Injection:
    def inject(values: Values, fit: Values, generator: np.random.Generator) -> InjectedIncidents | None:
        sd = fit.std(axis=0)
        return inject_incidents(values, sd, n_context=CONTEXT, amplitude=amplitude, generator=generator)

    return inject


def _spoil(
    lengths: tuple[int, ...], most: int, spoil: Callable[[Values, Values, NDArray[np.int64], np.random.Generator], None]
) -> Injection:
    """Place segments and let ``spoil(segment [L, D], fit, live, generator)`` change each in place."""

    def inject(values: Values, fit: Values, generator: np.random.Generator) -> InjectedIncidents | None:
        live = np.flatnonzero(fit.std(axis=0) > LIVE_SD)
        starts, stops = place_incidents(len(values) - CONTEXT, generator, lengths_from=lengths, most=most)
        if len(starts) < 3 or len(live) < 2:
            return None
        injected = values.copy()
        for start, stop in zip(starts, stops, strict=True):
            spoil(injected[CONTEXT + start : CONTEXT + stop], fit, live, generator)
        return InjectedIncidents(values=injected, n_context=CONTEXT, starts=starts, stops=stops)

    return inject


def _extremes(low: float, high: float) -> Callable[[Values, Values, NDArray[np.int64], np.random.Generator], None]:
    """Blend a share of the features towards and beyond the extremes of the fitted part."""

    def spoil(segment: Values, fit: Values, live: NDArray[np.int64], generator: np.random.Generator) -> None:
        n_hit = min(len(live), max(1, round(generator.uniform(low, high) * len(live))))
        hit = generator.choice(live, size=n_hit, replace=False)
        tops, bottoms = np.quantile(fit[:, hit], (0.9995, 0.0005), axis=0)
        target = np.where(generator.random(n_hit) < 0.75, tops, bottoms) * generator.uniform(0.7, 1.5, size=n_hit)
        weight = generator.uniform(0.5, 1.0)
        segment[:, hit] = (1 - weight) * segment[:, hit] + weight * target

    return spoil


def _shift(segment: Values, fit: Values, live: NDArray[np.int64], generator: np.random.Generator) -> None:
    """Shift the level by 3 to 10 standard deviations of one step's difference, as a change of regime would."""
    n_hit = min(len(live), max(2, round(generator.uniform(0.1, 0.5) * len(live))))
    hit = generator.choice(live, size=n_hit, replace=False)
    sd = np.diff(fit[:, hit], axis=0).std(axis=0)
    segment[:, hit] += sd * generator.uniform(3, 10, size=n_hit) * generator.choice((-1.0, 1.0), size=n_hit)


def _naive(segment: Values, fit: Values, live: NDArray[np.int64], generator: np.random.Generator) -> None:
    """Do one of the textbook's six to two features: spike, level, ramp, freeze, noise, swap."""
    length = len(segment)
    one, other = generator.choice(live, size=2, replace=False)
    sd = float(fit[:, one].std())
    kind = generator.integers(6)
    if kind == 0:
        segment[0, one] += 6 * sd
    elif kind == 1:
        segment[:, one] += 3 * sd
    elif kind == 2:
        segment[:, one] += np.linspace(0, 3 * sd, length)
    elif kind == 3:
        segment[:, one] = segment[0, one]
    elif kind == 4:
        segment[:, one] += sd * generator.standard_normal(length)
    else:
        segment[:, [one, other]] = segment[:, [other, one]]


INJECTIONS: dict[str, Injection] = {
    "incidents_3": _incidents(3.0),
    "incidents_8": _incidents(8.0),
    "extremes_few": _spoil((3, 8, 20, 60), 30, _extremes(0.01, 0.25)),
    "extremes_many": _spoil((3, 8, 20, 60), 30, _extremes(0.3, 0.8)),
    "extremes_long": _spoil((60, 60, 120, 240), 10, _extremes(0.01, 0.8)),
    "shifts": _spoil((3, 3, 5, 8, 15, 32, 100), 40, _shift),
    "naive": _spoil((1, 5, 5, 20, 50), 40, _naive),
}
