"""What a metric looks for: anomalous points or segments, placed among the normal points by one shared sort.

Shapes: ``[N]`` = time steps; ``[S]`` = segments in time order; ``[I]`` = items by falling score.

An item is one anomalous point, or one segment seen through the highest of its first ``k`` points (point adjustment).
Normal points always stand alone. Segments are disjoint in time and the sort is stable, so the best place among a
segment's points is the place that the segment as a whole would get: equal scores stay in time order.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.metrics.segments import find_segments

View = Literal["points", "segments", "segments_but_final_point", "first_1", "first_10"]
"""The points that decide an item's score: itself; the whole segment, with or without a segment that is nothing but the
series' last point; the segment's first 1 or 10."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """All points by falling score, equal scores in time order."""

    negated_scores: NDArray[np.float64]
    """``[N]``, by place; negated, so that they rise."""
    places: NDArray[np.intp]
    """``[N + 1]``, by time: the place of each point; and one more, behind all, as the stop of a last segment."""
    anomalous: NDArray[np.bool_]
    """``[N]``, by place."""
    normals_before: NDArray[np.intp]
    """``[N + 1]``, by place: the number of normal points in front of it."""
    starts: NDArray[np.intp]
    """``[S]``, the first time step of each segment."""
    stops: NDArray[np.intp]
    """``[S]``, the time step after its last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """The things to be found, by falling score; all ``[I]``."""

    scores: NDArray[np.float64]
    lengths: NDArray[np.intp]
    """Points of the whole item, however few decide its score."""
    normals_before: NDArray[np.intp]
    """Normal points in front of it, equal scores in time order."""
    normals_above: NDArray[np.intp]
    """Normal points with a higher score."""
    normals_not_below: NDArray[np.intp]
    """Normal points with a score at least as high."""
    last_equal: NDArray[np.intp]
    """Index of the last item with the same score."""


def rank_points(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Ranking:
    """Sort the points once, for all metrics.

    Args:
        scores: ``[N]``, finite.
        labels: ``[N]``, true where anomalous, after any margin.

    Returns:
        The ranking; the arrays given are left as they are.
    """
    negated_scores = -scores
    order = np.argsort(negated_scores, kind="stable")
    places = np.full(len(scores) + 1, len(scores))
    places[order] = np.arange(len(scores))
    anomalous = labels[order]
    starts, stops = find_segments(labels)
    return Ranking(
        negated_scores=negated_scores[order],
        places=places,
        anomalous=anomalous,
        normals_before=np.append(0, np.cumsum(~anomalous)),
        starts=starts,
        stops=stops,
    )


def view_items(ranking: Ranking, *, left_margin: int) -> dict[View, Items]:
    """Collect the items of every view.

    Args:
        ranking: All points.
        left_margin: Points by which the segments were grown to the left; so many more are looked at where only the
            first ones count.

    Returns:
        The items by view.
    """
    starts, stops = ranking.starts, ranking.stops
    kept = starts < len(ranking.anomalous) - 1
    return {
        "points": point_items(ranking),
        "segments": segment_items(ranking, starts, stops),
        "segments_but_final_point": segment_items(ranking, starts[kept], stops[kept]),
        "first_1": segment_items(ranking, starts, stops, n_first=1 + left_margin),
        "first_10": segment_items(ranking, starts, stops, n_first=10 + left_margin),
    }


def point_items(ranking: Ranking) -> Items:
    """Take each anomalous point as an item of its own."""
    places = np.flatnonzero(ranking.anomalous)
    return _items_at(ranking, places, np.ones_like(places))


def segment_items(
    ranking: Ranking, starts: NDArray[np.intp], stops: NDArray[np.intp], *, n_first: int | None = None
) -> Items:
    """Take each segment as one item, placed where the best of its points stands.

    Args:
        ranking: All points.
        starts: ``[S]``, of the segments to take.
        stops: ``[S]``.
        n_first: How many points of a segment decide its place, at least 1; ``None`` for all.

    Returns:
        One item per segment.
    """
    ends = stops if n_first is None else np.minimum(stops, starts + n_first)
    places = np.minimum.reduceat(ranking.places, np.stack([starts, ends], axis=1).ravel())[::2]
    by_place = np.argsort(places)
    return _items_at(ranking, places[by_place], (stops - starts)[by_place])


def _items_at(ranking: Ranking, places: NDArray[np.intp], lengths: NDArray[np.intp]) -> Items:
    """Read what the ranking knows of items at these rising places ``[I]``."""
    negated = ranking.negated_scores[places]
    first_equal_place = np.searchsorted(ranking.negated_scores, negated, side="left")
    first_lower_place = np.searchsorted(ranking.negated_scores, negated, side="right")
    return Items(
        scores=-negated,
        lengths=lengths,
        normals_before=ranking.normals_before[places],
        normals_above=ranking.normals_before[first_equal_place],
        normals_not_below=ranking.normals_before[first_lower_place],
        last_equal=np.searchsorted(negated, negated, side="right") - 1,
    )
