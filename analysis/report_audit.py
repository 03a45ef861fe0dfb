"""Holds a report against what the study's folder says now: every number, every cell, every line of text."""

import csv
import io
import json
import re
from itertools import zip_longest
from pathlib import Path

from analysis.findings import NOT_THERE, Findings
from analysis.reading import StudyFolder
from analysis.report import compose_report

_FIGURE = re.compile(r"<svg.*?</svg>", re.DOTALL)
_BEFORE, _SHOWN = 30, 80
"""Characters of a line before the first that differs, and in all."""


def audit_report(path_or_uri: str | Path) -> Findings:
    """Compute a study's report anew and compare it with the one that was written.

    Figures are left out: they are drawn from the same values, and another version of the library draws them otherwise.

    Raises:
        ValueError: If there is no study or no report, or a segment cannot be read.
    """
    folder = StudyFolder(path_or_uri)
    tables = [name for kind in (".csv", ".tex") for name in folder.files("report/tables", kind)]
    written = {*folder.files("report", ""), *(f"tables/{name}" for name in tables)}
    if "summary.json" not in written:
        raise ValueError(
            f"{path_or_uri} has no report to audit; write one with: python -m analysis report {path_or_uri}"
        )
    recomputed = {
        name: data.decode()
        for name, data in compose_report(path_or_uri).files.items()
        if not name.startswith("figures/")
    }
    findings = Findings()
    for name, text in recomputed.items():
        if name in written:
            _compare(findings, f"report/{name}", folder.read(f"report/{name}").decode(errors="replace"), text)
        else:
            findings.mismatches.append(f"report/{name}: not there, but the study has what belongs in it")
    for name in sorted(written - recomputed.keys()):
        if name.startswith("tables/"):
            findings.mismatches.append(f"report/{name}: the study has nothing that belongs in it; delete it")
    return findings


def _compare(findings: Findings, place: str, written: str, recomputed: str) -> None:
    if place.endswith(".csv"):
        _compare_tables(findings, place, written, recomputed)
    elif place.endswith(".json"):
        try:
            findings.compare(place, json.loads(written), json.loads(recomputed))
        except ValueError as error:
            findings.mismatches.append(f"{place} cannot be read: {error}")
    else:
        _compare_lines(findings, place, _FIGURE.sub("", written), _FIGURE.sub("", recomputed))


def _compare_tables(findings: Findings, place: str, written: str, recomputed: str) -> None:
    head, *rows = list(csv.reader(io.StringIO(written))) or [[]]
    expected_head, *expected = csv.reader(io.StringIO(recomputed))
    if head != expected_head:
        findings.add(f"{place}, columns", head, expected_head)
        return
    for number, (row, should_be) in enumerate(zip_longest(rows, expected), start=2):
        if row is None or should_be is None or len(row) != len(should_be):
            findings.add(f"{place}, line {number}", row or NOT_THERE, should_be or NOT_THERE)
            continue
        for column, one, other in zip(head, row, should_be, strict=True):
            findings.compare(f"{place}, {row[0]} (line {number}), column {column}", _read_cell(one), _read_cell(other))


def _read_cell(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _compare_lines(findings: Findings, place: str, written: str, recomputed: str) -> None:
    """Compare texts line by line; where one has more lines, the first that differs says enough."""
    lines, expected = written.splitlines(), recomputed.splitlines()
    differing = [
        (number, one, other)
        for number, (one, other) in enumerate(zip_longest(lines, expected, fillvalue=""), start=1)
        if one != other
    ]
    for number, one, other in differing if len(lines) == len(expected) else differing[:1]:
        same = next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
        begin = max(0, same - _BEFORE)
        findings.add(f"{place}, line {number}", *(text[begin : begin + _SHOWN] for text in (one, other)))
