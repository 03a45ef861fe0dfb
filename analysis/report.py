"""Writes a study's report: a page, Markdown, tables, figures and a machine-readable summary. Computes nothing."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.csv_tables import write_tables
from analysis.details import look_closely
from analysis.figures import draw_figures
from analysis.pages import Content, render_markdown, render_page
from analysis.reading import StudyFolder
from analysis.records import read_records
from analysis.summary import SCHEMA, Summary, summarize
from analysis.threats import Threat, find_threats
from analysis.verdict import Verdict, conclude


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A report that was written."""

    html: Path
    summary: dict[str, Any]
    """The content of ``summary.json``."""
    verdict: list[str]
    """Plain sentences, the answer first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """A report that is not written yet."""

    files: Mapping[str, bytes]
    """By their names within ``report/``."""
    verdict: list[str]


def write_report(folder: str | Path) -> Report:
    """Write the report of a study into its folder, whatever state it is in; one that is there is replaced.

    Args:
        folder: The study's, local or as a ``pyarrow.fs`` URI.

    Raises:
        ValueError: If there is no study, or a segment cannot be read.
    """
    composed = compose_report(folder)
    target = StudyFolder(folder)
    for name, data in composed.files.items():
        _write(target, f"report/{name}", data)
    return Report(
        html=Path(target.root / "report" / "report.html"),
        summary=json.loads(composed.files["summary.json"]),
        verdict=composed.verdict,
    )


def compose_report(folder: str | Path) -> Composed:
    """Make every file of a study's report; the same data and the same code give the same bytes.

    Args:
        folder: The study's, local or as a ``pyarrow.fs`` URI.

    Raises:
        ValueError: If there is no study, or a segment cannot be read.
    """
    records = read_records(folder)
    summary = summarize(records)
    verdict, threats = conclude(summary), find_threats(summary)
    details = look_closely(records, summary.comparison)
    figures = draw_figures(summary, details)
    content = Content(
        summary=summary,
        details=details,
        verdict=verdict,
        threats=threats,
        figures=figures,
        trials=records.trials,
    )
    pictures, tables = content.pictures.values(), write_tables(records, summary, details)
    plain = json.dumps(to_plain(summary, verdict, threats), indent=1, allow_nan=False)
    files: dict[str, bytes] = {
        "summary.json": f"{plain}\n".encode(),
        **{f"tables/{name}.csv": text.encode() for name, text in tables.items()},
        **{f"figures/{picture.name}.svg": picture.standalone_svg.encode() for picture in pictures},
        **{f"figures/{picture.name}.png": picture.png for picture in pictures},
        "report.md": render_markdown(content).encode(),
        "report.html": render_page(content).encode(),
    }
    return Composed(files=files, verdict=verdict.sentences())


def to_plain(summary: Summary, verdict: Verdict, threats: tuple[Threat, ...]) -> dict[str, Any]:
    """Turn a result into plain values, fit for JSON. Learning curves are left out: they are in ``metrics/``."""
    plain = dataclasses.asdict(summary)
    del plain["search"]["curves"]
    best = None if summary.comparison is None else summary.comparison.best
    return {
        "schema": SCHEMA,
        "verdict": dataclasses.asdict(verdict),
        "best": None
        if best is None
        else {"label": best.label, "config": dict(best.config), "score": best.score and dataclasses.asdict(best.score)},
        "threats": [dataclasses.asdict(threat) for threat in threats],
        **plain,
    }


def _write(target: StudyFolder, name: str, data: bytes) -> None:
    path = target.root / name
    target.filesystem.create_dir(str(path.parent), recursive=True)
    with target.filesystem.open_output_stream(str(path)) as stream:
        stream.write(data)
