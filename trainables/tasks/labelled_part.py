"""Which labels a search may see, and what stays untouched until the winner is fixed.

Steps are counted from the start of a series' test part; ranges hold the first step and the step after the last.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.data.series import AnomalySeries
from trainables.data.windows import CONTEXT
from trainables.metrics import find_segments

LabelledBy = Literal["time", "series"]
SHARE = 0.4
"""Part of the test split that tunes under ``labelled_by = time``."""
FEWEST_EVENTS = 3
"""Labelled events needed on either side: with fewer, one event decides the search or its verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledPart:
    """How one series' test part is divided."""

    tuning: range
    """Steps whose labels the objective sees; empty where it sees none."""
    untouched: range
    """Steps on which results are stated; empty for a series that only tunes."""
    n_events: int
    """Events among these."""
    labels_tune: bool
    """Whether the study's objective sees labels, be it of other series."""
    why: str
    """In words, for the report."""


def divide(series: Sequence[AnomalySeries], *, labelled_by: LabelledBy) -> dict[str, LabelledPart]:
    """Divide every series for an objective that needs labels.

    Raises:
        ValueError: If nothing qualifies; the message says what would.
    """
    if unlabelled := [one.name for one in series if one.labels is None]:
        raise ValueError(
            f"series {', '.join(unlabelled)} have no labels, which this objective needs; name their column with "
            "--label-column, or search without labels by --objective log_gap"
        )
    return _divide_by_time(series) if labelled_by == "time" else _divide_by_series(series)


def leave_untouched(series: Sequence[AnomalySeries]) -> dict[str, LabelledPart]:
    """Divide every series for an objective that needs no labels: all of the test part stays untouched."""
    why = "the objective uses no labels"
    return {one.name: dataclasses.replace(_all_untouched(one, why), labels_tune=False) for one in series}


def cut_in_normal_gap(labels: NDArray[np.bool_], share: float = SHARE) -> int:
    """Find the step nearest to ``share`` of the part that has normal steps on both sides, so no event is cut in two."""
    wanted = round(share * len(labels))
    normal = ~labels
    candidates = np.flatnonzero(normal[:-1] & normal[1:]) + 1
    if len(candidates) == 0:
        return wanted
    return int(candidates[np.argmin(np.abs(candidates - wanted))])


def _divide_by_time(series: Sequence[AnomalySeries]) -> dict[str, LabelledPart]:
    parts, counts = {}, []
    for one in series:
        assert one.labels is not None
        cut = cut_in_normal_gap(one.labels)
        before, after = _n_events(one.labels[CONTEXT:cut]), _n_events(one.labels[cut:])
        counts.append(f"{one.name}: {before} and {after}")
        if min(before, after) >= FEWEST_EVENTS:
            why = f"steps up to {cut} tune ({before} events), the rest is untouched ({after} events)"
            parts[one.name] = LabelledPart(
                tuning=range(CONTEXT, cut),
                untouched=range(cut, len(one.labels)),
                n_events=before,
                labels_tune=True,
                why=why,
            )
        else:
            why = f"too few events to tune on ({before} before step {cut}, {after} after), so it is only tested"
            parts[one.name] = _all_untouched(one, why)
    if not any(part.tuning for part in parts.values()):
        raise ValueError(
            f"no series has {FEWEST_EVENTS} labelled events on either side of {SHARE:.0%} of its test part "
            f"({_shorten(counts)}); search without labels by --objective log_gap or --objective val_loss, tune on "
            "whole series by --labelled-by series, or give series with more events"
        )
    return parts


def _divide_by_series(series: Sequence[AnomalySeries]) -> dict[str, LabelledPart]:
    """Every second series that has enough events tunes, beginning with the first; all others are tested."""
    counts = {one.name: _n_events(one.labels[CONTEXT:]) for one in series if one.labels is not None}
    qualified = [one for one in series if counts[one.name] >= FEWEST_EVENTS]
    tuning = {one.name for one in qualified[::2]}
    if len(qualified) < 2:
        found = _shorten([f"{name}: {count}" for name, count in counts.items()])
        raise ValueError(
            f"--labelled-by series needs two series with {FEWEST_EVENTS} labelled events or more, one to tune on and "
            f"one to test on ({found}); give more series, or search without labels by --objective log_gap"
        )
    parts = {}
    for one in series:
        if one.name in tuning:
            steps = range(CONTEXT, len(one.test))
            why = f"all of it tunes ({counts[one.name]} events), none of it is tested"
            parts[one.name] = LabelledPart(
                tuning=steps, untouched=range(0), n_events=counts[one.name], labels_tune=True, why=why
            )
        else:
            parts[one.name] = _all_untouched(one, "other series tune")
    return parts


def _all_untouched(one: AnomalySeries, why: str) -> LabelledPart:
    untouched = range(CONTEXT, len(one.test))
    return LabelledPart(tuning=range(0), untouched=untouched, n_events=0, labels_tune=True, why=why)


def _n_events(labels: NDArray[np.bool_]) -> int:
    starts, _ = find_segments(labels)
    return len(starts)


def _shorten(parts: Sequence[str], most: int = 6) -> str:
    shown = "; ".join(parts[:most])
    return f"{shown}; and {len(parts) - most} more" if len(parts) > most else shown
