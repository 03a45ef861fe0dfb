"""The bounds at which z-scores are clipped, and which of them suits a series.

Features that hardly ever moved in the fitted part have z-scores in the thousands later. A tight clip hides incidents,
a loose one lets drift look like them: which is worse differs from series to series.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from trainables.data.windows import as_tensor
from trainables.tasks.detectors import SumOfSquares
from trainables.tasks.incidents import InjectedIncidents
from trainables.tasks.label_free import log_gap

Clip = float | Literal["auto"] | None
"""A bound on the absolute z-scores, ``None`` for none, or ``auto``: each series has its own."""

CLIPS: tuple[float | None, ...] = (None, 50.0, 20.0, 10.0, 5.0, 3.0)
"""The bounds that are tried; of equally good ones the first, which changes the data least."""


def choose_clip(incidents: Sequence[InjectedIncidents]) -> float | None:
    """Choose the clip of one series without labels: under which the untrained sum of squares has the largest log gap.

    A trained model's log gap chooses much the same clips, for six trainings per configuration (docs/objectives.md).

    Args:
        incidents: The series' validation part with incidents of every amplitude; none clips nothing.
    """
    if not incidents:
        return None

    def gap(clip: float | None) -> float:
        detector = SumOfSquares(clip)
        return float(np.mean([log_gap(detector.score(as_tensor(part.values)), part) for part in incidents]))

    return max(CLIPS, key=gap)
