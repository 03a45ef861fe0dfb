"""Checks a study against itself: what was printed, what lies in Parquet, and what the event log adds up to."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from analysis.findings import Findings
from analysis.forecast_audit import audit_forecasts
from analysis.formatting import count
from analysis.reading import StudyFolder
from analysis.report_audit import audit_report
from analysis.segment_audit import audit_segments

_MOST_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What came out."""

    study: str
    n_numbers: int
    mismatches: tuple[str, ...]

    def sentences(self) -> list[str]:
        """Return everything as lines for a terminal."""
        if not self.mismatches:
            return [f"{self.n_numbers:,} numbers agree"]
        n_more = len(self.mismatches) - _MOST_SHOWN
        return [
            *self.mismatches[:_MOST_SHOWN],
            *([f"... and {n_more:,} more"] if n_more > 0 else []),
            f"{count(len(self.mismatches), 'mismatch', 'mismatches')}; {self.n_numbers:,} numbers were compared"
            f"{self._way_out()}",
        ]

    def _way_out(self) -> str:
        """Say what is innocent, where only the report differs; what differs elsewhere is left as it is, to look at."""
        if not all(line.startswith("report/") for line in self.mismatches):
            return ""
        return (
            "; only the report differs: if the study went on, or AblaTune changed, since it was written, write it anew "
            f"with: python -m analysis report {shlex.quote(self.study)}"
        )


def audit_study(path_or_uri: str | Path) -> Audit:
    """Recompute every number of a study's report and of its segments, and compare.

    The chain begins with the event log and ends with the report: segments must be what the log adds up to, error
    metrics what the stored forecasts give, the report what the segments give. What is not covered: figures; the log
    itself, whose numbers were measured and cannot be computed again without training; prediction files beyond those
    of one-step forecasts.

    Raises:
        ValueError: If there is no study or no report, or a file of it cannot be read.
    """
    folder = StudyFolder(path_or_uri)
    parts = [audit_report(path_or_uri), audit_segments(folder), audit_forecasts(folder)]
    found = Findings().extend([*parts[1:], parts[0]])  # causes before what follows from them
    return Audit(study=str(path_or_uri), n_numbers=found.n_numbers, mismatches=tuple(found.mismatches))
