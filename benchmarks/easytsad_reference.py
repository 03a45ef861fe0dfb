"""Run EasyTSAD's own metrics on stored scores: the reference of ``metrics.py``, which calls this file.

It runs in an environment of its own, since EasyTSAD 0.3.0.2 needs older libraries than we do. EasyTSAD is GPL-3: it is
called here, and no line of it is part of this project.

    python easytsad_reference.py SERIES.npz RESULT.json
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from EasyTSAD.Evaluations import Protocols
from EasyTSAD.Evaluations.Protocols.PointF1 import PointF1
from numpy.typing import NDArray

# The 18 metrics of the recorded 0.36 s, by our names: the author's own, and each other protocol with its usual modes.
TIMED = {
    "point_f1": PointF1(),
    "point_f1_pa": Protocols.PointF1PA(),
    "point_kth_f1_pa_k10": Protocols.PointKthF1PA(10),
    "event_f1_pa_log": Protocols.EventF1PA("log"),
    "event_f1_pa_squeeze": Protocols.EventF1PA("squeeze"),
    "event_f1_pa_raw": Protocols.EventF1PA("raw"),
    "event_kth_f1_pa_k10_log": Protocols.EventKthF1PA(10, "log"),
    "event_kth_f1_pa_k10_squeeze": Protocols.EventKthF1PA(10, "squeeze"),
    "event_kth_f1_pa_k10_raw": Protocols.EventKthF1PA(10, "raw"),
    "point_auprc": Protocols.PointPrc(),
    "point_auroc": Protocols.PointRoc(),
    "point_auprc_pa": Protocols.PointAuprcPA(),
    "point_auroc_pa": Protocols.PointAurocPA(),
    "event_auprc_pa_log": Protocols.EventPrcPA("log"),
    "event_auprc_pa_squeeze": Protocols.EventPrcPA("squeeze"),
    "event_kth_auprc_pa_k10_log": Protocols.EventKthPrcPA(10, "log"),
    "event_auroc_pa_log": Protocols.EventRocPA("log"),
    "event_auroc_pa_squeeze": Protocols.EventRocPA("squeeze"),
}
# The rest of our family: compared, but not timed.
UNTIMED = {
    "point_kth_f1_pa_k1": Protocols.PointKthF1PA(1),
    "event_f1_pa_sqrt": Protocols.EventF1PA("sqrt"),
    "event_f1_pa_log_base2": Protocols.EventF1PA("log", 2),
    "event_auprc_pa_raw": Protocols.EventPrcPA("raw"),
    "event_kth_auprc_pa_k10_squeeze": Protocols.EventKthPrcPA(10, "squeeze"),
    "event_auroc_pa_raw": Protocols.EventRocPA("raw"),
    "event_detect": Protocols.EventDetect(),
}
MARGIN = (0, 5)
FIELDS = {"f1": "", "precision": "_precision", "recall": "_recall", "threshold": "_threshold", "detected": ""}


def main(series_path: Path, result_path: Path) -> None:
    """Time and evaluate the metrics on the scores ``[N]`` and the labels ``[N]``, already grown, of one file."""
    with np.load(series_path) as series:
        scores, labels = series["scores"], series["labels"]
    warnings.simplefilter("ignore")  # the 0/0 in PointF1 is part of the published behaviour
    seconds = min(time_once(scores, labels) for _ in range(5))
    values: dict[str, float] = {}
    for name, metric in {**TIMED, **UNTIMED}.items():
        values |= read_values(name, metric.calc(scores.copy(), labels.copy(), MARGIN))
    result_path.write_text(json.dumps({"n_timed": len(TIMED), "seconds": seconds, "values": values}))


def time_once(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    """Return the seconds that the timed metrics take together."""
    started = time.perf_counter()
    for metric in TIMED.values():
        metric.calc(scores.copy(), labels.copy(), MARGIN)
    return time.perf_counter() - started


def read_values(name: str, result: Any) -> dict[str, float]:
    """Return what one metric computed, under our names."""
    fields = next(iter(result.to_dict().values()))
    if not isinstance(fields, dict):
        return {name: float(fields)}
    values = {f"{name}{FIELDS[field]}": float(value) for field, value in fields.items()}
    values.pop("point_f1_threshold", None)  # PointF1 knows none, and says -1
    return values


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
