"""Holds recorded errors of one-step forecasts against the forecasts themselves, as ``predictions/`` has them.

Only one-step forecasts are all kept; of longer ones every ``H``-th origin is, so that each time is forecast once, while
the metrics are over all origins. Errors of scaled values, and detectors' metrics, would need what training knew.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.findings import NOT_THERE, Findings
from analysis.reading import StudyFolder, load_tables

_NEEDED = ("series", "step", "actual", "predicted")
_ERRORS: Mapping[str, Callable[[NDArray[np.float64]], float]] = {
    "test_rmse": lambda errors: float(np.sqrt(np.square(errors).mean())),
    "test_mae_original": lambda errors: float(np.abs(errors).mean()),
}


def audit_forecasts(folder: StudyFolder) -> Findings:
    """Compute the errors that follow from stored one-step forecasts, and compare them with the recorded ones.

    Raises:
        ValueError: If a file of the study cannot be read.
    """
    findings = Findings()
    if folder.study.get("task") == "forecast":
        metrics = load_tables(folder).metrics.load()
        recorded = metrics[metrics["name"].isin(list(_ERRORS))].dropna(subset=["series"]).sort_values("event_seq")
        for trial, rows in recorded.groupby("trial_id", sort=True):
            _audit_trial(findings, str(trial), rows, folder.predictions(str(trial), _NEEDED))
    return findings


def _audit_trial(findings: Findings, trial: str, recorded: pd.DataFrame, table: pd.DataFrame | None) -> None:
    if table is None:
        findings.mismatches.append(f"predictions/{trial}.parquet: not there, but the trial was tested")
        return
    if table["step"].max() != 1:
        return
    errors = (table["predicted"] - table["actual"]).groupby(table["series"])
    by_series = {series: values.to_numpy(dtype=np.float64) for series, values in errors}
    for series, name, value in zip(recorded["series"], recorded["name"], recorded["value"], strict=True):
        found = _ERRORS[name](by_series[series]) if series in by_series else NOT_THERE
        place = f"metrics of trial {trial}, series {series}, {name}, from predictions/{trial}.parquet"
        findings.compare(place, None if np.isnan(value) else float(value), found)
