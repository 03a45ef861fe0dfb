"""Anomaly segments: where they lie, how a margin grows them, and what each one weighs.

Shapes: ``[N]`` = time steps; ``[S]`` = segments, the maximal runs of anomalous labels, in time order.

References:
    Si et al., "TimeSeriesBench: An Industrial-Grade Benchmark for Time Series Anomaly Detection Models", ISSRE 2024;
    the rules are those that its package EasyTSAD 0.3.0.2 follows, rewritten from a description of its behaviour.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

Weighting = Callable[[NDArray[np.intp]], NDArray[np.float64]]
"""What segments weigh: their lengths in points ``[S]`` -> their weights ``[S]``."""


def find_segments(labels: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the maximal runs of anomalous labels.

    Args:
        labels: ``[N]``, anomalous where above 0.5.

    Returns:
        ``starts [S]`` and ``stops [S]``; segment ``s`` is ``labels[starts[s]:stops[s]]``.
    """
    padded = np.concatenate(([False], np.asarray(labels) > 0.5, [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges[::2], edges[1::2]


def grow_segments(labels: ArrayLike, margin: tuple[int, int]) -> NDArray[np.bool_]:
    """Grow each segment, so that an alarm just before or after the labelled anomaly still counts.

    At least two normal points stay between neighbours, and no segment shrinks: gaps of one or two points are left
    alone, and so is the number of segments. Where a gap is too short for both margins, the right margin of the earlier
    segment is served first.

    Args:
        labels: ``[N]``, anomalous where above 0.5; left as they are.
        margin: Points to grow to the left and to the right, each at least 0.

    Returns:
        ``[N]``, a new array, true where anomalous.

    Raises:
        ValueError: If a margin is negative.

    References:
        EasyTSAD grows by (0, 5) a data set it has no entry for; the right margin is its rule. The left margin is ours,
        the mirror image of the right one.
    """
    left, right = margin
    if left < 0 or right < 0:
        raise ValueError(
            f"`margin` is {margin}, but must be two numbers of points, each at least 0; "
            "use (0, 0) to keep the labels as they are"
        )
    n_steps = len(np.asarray(labels))
    starts, stops = find_segments(labels)
    next_starts = np.append(starts, n_steps + 2)[1:]
    grown_stops = np.maximum(stops, np.minimum(stops + right, next_starts - 2))
    previous_stops = np.append(-2, grown_stops)[:-1]
    grown_starts = np.minimum(starts, np.maximum(starts - left, previous_stops + 2))
    steps = np.zeros(n_steps + 1, dtype=np.int8)
    steps[grown_starts] = 1
    steps[grown_stops] = -1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)


def weigh_by_length(lengths: NDArray[np.intp]) -> NDArray[np.float64]:
    """Weigh a segment as the number of its points (EasyTSAD: raw)."""
    return lengths.astype(np.float64)


def weigh_equally(lengths: NDArray[np.intp]) -> NDArray[np.float64]:
    """Weigh every segment as one point (EasyTSAD: squeeze)."""
    return np.ones(len(lengths))


def weigh_by_root(lengths: NDArray[np.intp]) -> NDArray[np.float64]:
    """Weigh a segment of ``t`` points as ``floor(sqrt(t))`` (EasyTSAD: sqrt)."""
    return np.floor(np.sqrt(lengths))


def weigh_by_logarithm(lengths: NDArray[np.intp], *, base: int = 3) -> NDArray[np.float64]:
    """Weigh a segment of ``t`` points as ``floor(log_base(t + base))`` (EasyTSAD: log).

    The logarithm is the floating-point one, as published: 240 points weigh 4, because ``log(243) / log(3)`` comes out
    just below 5. ``math.log`` rather than ``np.log``, whose last digit may depend on the processor.
    """
    unique_lengths, place = np.unique(lengths, return_inverse=True)
    weights = [math.floor(math.log(length + base, base)) for length in unique_lengths.tolist()]
    return np.array(weights, dtype=np.float64)[place]


weigh_by_binary_logarithm: Weighting = partial(weigh_by_logarithm, base=2)
