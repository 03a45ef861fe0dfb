"""Writes a study's report: a page, Markdown, tables, figures and a machine-readable summary. Computes nothing."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.ablation.next_seeds import suggest_seeds
from analysis.ablation.plain import to_plain_ablation
from analysis.convergence import thin_points
from analysis.csv_tables import write_tables
from analysis.details import Details, look_closely
from analysis.figures import draw_figures
from analysis.interactive_page import load_script, render_interactive_page
from analysis.latex_tables import write_latex_tables
from analysis.next_runs import NextRun
from analysis.next_trials import suggest_trials
from analysis.pages import Content, render_markdown, render_page
from analysis.pareto import Front
from analysis.reading import StudyFolder
from analysis.records import read_records
from analysis.statements import Threat, Verdict
from analysis.summary import SCHEMA, Summary, summarize
from analysis.threats import find_threats
from analysis.verdict import conclude

MOST_POINTS = 500
"""Trials that ``summary.json`` has of the course of the best so far, beside those that were the best."""


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


def write_report(folder: str | Path, *, interactive: bool = False) -> Report:
    """Write the report of a study into its folder, whatever state it is in; one that is there is replaced.

    Args:
        folder: The study's, local or as a ``pyarrow.fs`` URI.
        interactive: Whether to write ``interactive.html`` too, with figures by plotly.

    Raises:
        ValueError: If there is no study, a segment cannot be read, or plotly is wanted and not installed.
    """
    composed = compose_report(folder, interactive=interactive)
    target = StudyFolder(folder)
    for name, data in composed.files.items():
        _write(target, f"report/{name}", data)
    return Report(
        html=Path(target.root / "report" / "report.html"),
        summary=json.loads(composed.files["summary.json"]),
        verdict=composed.verdict,
    )


def compose_report(folder: str | Path, *, interactive: bool = False) -> Composed:
    """Make every file of a study's report; the same data and the same code give the same bytes.

    Args:
        folder: The study's, local or as a ``pyarrow.fs`` URI.
        interactive: As for :func:`write_report`.

    Raises:
        ValueError: If there is no study, a segment cannot be read, or plotly is wanted and not installed.
    """
    if interactive:
        load_script()  # told before the work, not after it
    records = read_records(folder)
    summary = summarize(records)
    verdict, threats = conclude(summary), find_threats(summary)
    details = look_closely(records, summary.comparison)
    figures = draw_figures(summary, details)
    next_runs = (*suggest_trials(records, summary), *suggest_seeds(records, summary))
    content = Content(
        summary=summary,
        details=details,
        verdict=verdict,
        threats=threats,
        figures=figures,
        next_runs=next_runs,
        trials=records.trials,
    )
    pictures, tables = content.pictures.values(), write_tables(records, summary, details)
    plain = json.dumps(to_plain(summary, verdict, threats, details, next_runs), indent=1, allow_nan=False)
    files: dict[str, bytes] = {
        "summary.json": f"{plain}\n".encode(),
        **{f"tables/{name}.csv": text.encode() for name, text in tables.items()},
        **{f"tables/{name}.tex": text.encode() for name, text in write_latex_tables(summary).items()},
        **{f"figures/{picture.name}.svg": picture.standalone_svg.encode() for picture in pictures},
        **{f"figures/{picture.name}.png": picture.png for picture in pictures},
        "report.md": render_markdown(content).encode(),
        "report.html": render_page(content).encode(),
        **({"interactive.html": render_interactive_page(records, summary).encode()} if interactive else {}),
    }
    return Composed(files=files, verdict=verdict.sentences())


def to_plain(
    summary: Summary,
    verdict: Verdict,
    threats: tuple[Threat, ...],
    details: Details | None,
    next_runs: tuple[NextRun, ...],
) -> dict[str, Any]:
    """Turn a result into plain values, fit for JSON, of a size that hardly grows with the search.

    Learning curves are left out: they are in ``metrics/``. The whole course of the best so far is in ``tables/``.
    """
    search = dataclasses.replace(summary.search, curves=(), anytime=thin_points(summary.search.anytime, MOST_POINTS))
    plain = dataclasses.asdict(dataclasses.replace(summary, search=search))
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
        "ablation": to_plain_ablation(summary.ablation),
        "test_sampling": details and details.test_sampling and dataclasses.asdict(details.test_sampling),
        "importance": details and details.importance and dataclasses.asdict(details.importance),
        "pareto": [_to_plain_front(front) for front in details.fronts] if details else [],
        "next_runs": [dataclasses.asdict(run) for run in next_runs],
    }


def _to_plain_front(front: Front) -> dict[str, Any]:
    plain = dataclasses.asdict(dataclasses.replace(front, searched=()))
    del plain["searched"]  # in the table of the trials
    return plain


def _write(target: StudyFolder, name: str, data: bytes) -> None:
    path = target.root / name
    target.filesystem.create_dir(str(path.parent), recursive=True)
    with target.filesystem.open_output_stream(str(path)) as stream:
        stream.write(data)
