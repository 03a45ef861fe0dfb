"""The report of an ablation: its page, its tables, its audit, and the commands that look at it."""

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.ablation.result import Ablation, study_ablation
from analysis.audit import audit_study
from analysis.best import find_best
from analysis.records import read_records
from analysis.report import compose_report, write_report
from analysis.study_diff import compare_studies
from tests.analysis.ablation.conftest import (
    ARMS,
    AVERAGE,
    FACTORS,
    SCORES,
    SHARED,
    TOWERS,
    AblationBuilder,
    MakeAblation,
    begin,
    make_arm,
    run_all,
)
from tests.analysis.conftest import hash_config

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def read_table(files: Mapping[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"tables/{name}.csv"].decode())))


def study(folder: Path) -> Ablation:
    ablation = study_ablation(read_records(folder))
    assert ablation is not None
    return ablation


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base from a search, with a factorial, a path, re-tuned arms, failed runs and a curve without a scale."""
    return build_everything(tmp_path_factory.mktemp("whole") / "parts")


@pytest.fixture(scope="module")
def files(everything: Path) -> Mapping[str, bytes]:
    """The report of that study."""
    return compose_report(everything).files


def build_everything(folder: Path) -> Path:
    both = {**TOWERS, "gate": "average", "towers": "shared"}
    configs = {("mixed", "separate"): TOWERS, ("average", "separate"): AVERAGE["config"]}
    configs |= {("mixed", "shared"): SHARED["config"], ("average", "shared"): both}
    cells = [
        {"levels": {"gate": gate, "towers": towers}, "config": config, "config_hash": hash_config(config)}
        for (gate, towers), config in configs.items()
    ]
    nominal = [make_arm("ratio", level, {"ratio": level}, kind="curve") for level in (0.0, 1.0)]
    published = {**TOWERS, "window": 8}
    base = {
        "label": "search-0011 of <toy>",
        "config": TOWERS,
        "config_hash": hash_config(TOWERS),
        "is_published": False,
        "study": "/results/toy",
    }
    builder = begin(
        folder,
        study={"published": published},
        arms=[*ARMS, *nominal],
        base=base,
        factors=[*FACTORS, {"name": "ratio", "kind": "curve", "parameters": ["gate"], "base_level": "0.7"}],
        factorial={"factors": ["gate", "towers"], "cells": cells},
        path={"from": published, "parameters": ["window"]},
        retune={"trials": 1, "searches": 3},
    )
    fill(builder, nominal, both, published)
    return builder.write()


def fill(
    builder: AblationBuilder, nominal: list[dict[str, Any]], both: dict[str, Any], published: dict[str, Any]
) -> None:
    for arm in nominal:
        builder.frozen(arm["config"], [*SCORES["gate=specific"][:4], (None, None)], arm=arm["name"])
    builder.frozen(both, SCORES["experts=1"], arm="gate=average towers=shared")
    builder.frozen(published, SCORES["gate=average"], arm="published")
    path = [{"parameter": "window", "config": TOWERS, "config_hash": hash_config(TOWERS)}]
    builder.event("ordered", path=path)
    for search in range(3):
        for name, config in (("base", TOWERS), ("gate=average", AVERAGE["config"])):
            builder.tune(config, 0.5, arm=name, search=search)
            key = "base" if name == "base" else "gate=specific"
            builder.retuned(config, SCORES[key][search : search + 2], arm=name, search=search)
    run_all(builder)


def test_the_page_has_every_section_and_figure(files: Mapping[str, bytes]) -> None:
    page = files["report.html"].decode()
    for anchor in ("parts", "interactions", "path", "best", "threats", "next"):
        assert f'<section id="{anchor}"' in page
        assert f'href="#{anchor}"' in page
    figures = {name for name in files if name.endswith(".svg")}
    assert figures >= {
        f"figures/{name}.svg" for name in ("forest", "level-curves", "levels-without-scale", "interactions", "path")
    }
    assert "figures/search-to-confirmed.svg" not in figures
    assert "search-0011 of &lt;toy&gt;" in page
    assert "<toy>" not in page


def test_a_plain_ablation_has_no_empty_sections(ablated: Path) -> None:
    page = compose_report(ablated).files["report.html"].decode()
    assert 'id="interactions"' not in page
    assert 'id="path"' not in page
    assert "Frozen and re-tuned" not in page
    assert "Run it again" not in page  # a study of the base alone would have other seeds


def test_markdown_tells_the_same(files: Mapping[str, bytes]) -> None:
    text = files["report.md"].decode()
    assert "| gate=average | helps | 10 | 0.625 [0.620, 0.630] | -0.095 [-0.102, -0.088] |" in text
    assert "## Which parts earn their place" in text
    assert (
        "![Difference in event F1 (log) of each change to the base, with verdicts on the parts](figures/forest.png)"
        in text
    )
    assert "## What to run next" in text


def test_the_same_folder_gives_the_same_bytes(everything: Path, files: Mapping[str, bytes]) -> None:
    assert compose_report(everything).files == files


def test_the_tables_have_the_numbers_of_the_result(everything: Path, files: Mapping[str, bytes]) -> None:
    ablation = study(everything)
    rows = read_table(files, "ablation")
    assert [row["arm"] for row in rows] == [arm.name for arm in ablation.arms]
    assert [row["verdict"] for row in rows] == [arm.word for arm in ablation.arms]
    assert [float(row["difference"]) for row in rows] == [
        arm.difference.mean for arm in ablation.arms if arm.difference
    ]
    blocks = [row for row in read_table(files, "ablation_blocks") if row["arm"] == "gate=average"]
    frozen = [row for row in blocks if row["protocol"] == "frozen"]
    assert [(row["series"], row["block"]) for row in frozen[:2]] == [("a", "seed-0"), ("a", "seed-1")]
    assert float(frozen[0]["difference"]) == pytest.approx(-0.09)
    assert [row["block"] for row in blocks if row["protocol"] == "re-tuned"] == ["search-0", "search-1", "search-2"]
    assert [row["first"] for row in read_table(files, "interactions")] == ["gate=average"]
    assert [row["parameter"] for row in read_table(files, "path")] == ["window"]


def test_the_summary_has_the_ablation(files: Mapping[str, bytes]) -> None:
    summary = json.loads(files["summary.json"])
    arms = {arm["name"]: arm for arm in summary["ablation"]["arms"]}
    assert arms["gate=average"]["word"] == "helps"
    assert arms["gate=average"]["effect"]["interval"]["mean"] == pytest.approx(-0.095)
    assert arms["gate=average"]["retuned"]["word"] in ("helps", "inconclusive")
    assert summary["ablation"]["base"]["label"] == "search-0011 of <toy>"
    assert summary["importance"] is None


def test_the_summary_of_a_search_has_none(finished: Path) -> None:
    assert json.loads(compose_report(finished).files["summary.json"])["ablation"] is None


def test_identical_models_can_be_written(make_ablation: MakeAblation) -> None:
    """Differences without spread have infinite degrees of freedom, which JSON cannot hold."""
    builder = make_ablation(arms=[SHARED])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(SHARED["config"], SCORES["base"], arm="towers=shared")
    builder.look(5)
    builder.finish()
    summary = json.loads(compose_report(builder.write()).files["summary.json"])
    (arm,) = summary["ablation"]["arms"]
    assert arm["word"] == "equivalent"
    assert arm["effect"]["freedom"] is None


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
def test_a_report_can_be_written_at_any_time(tmp_path: Path, share: float) -> None:
    folder = build_everything(tmp_path / "parts")
    log = folder / "events" / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[: round(share * len(lines))]))
    assert compose_report(folder).verdict


def test_audit_finds_a_value_that_was_changed(ablated: Path, write_segments: Callable[[Path], Path]) -> None:
    write_segments(ablated)
    write_report(ablated)
    assert audit_study(ablated).mismatches == ()
    change_one_score(ablated)
    mismatches = audit_study(ablated).mismatches
    assert any(line.startswith("report/tables/ablation.csv, gate=average") for line in mismatches)


def change_one_score(folder: Path) -> None:
    """Let one test score of one arm be better than it was."""
    trial = read_records(folder).of_stage("ablate_frozen")[5]
    assert trial.arm == "gate=average"
    for path in sorted((folder / "metrics").glob("*.parquet")):
        table = pq.read_table(path)
        rows = table.to_pylist()
        found = [
            row
            for row in rows
            if row["trial_id"] == trial.trial_id and row["name"] == "test_event_f1_pa_log" and row["series"] == "a"
        ]
        for row in found:
            row["value"] += 0.05
        if found:
            pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
            return
    raise AssertionError("no such score")


def test_best_answers_that_nothing_was_selected(ablated: Path) -> None:
    best = find_best(read_records(ablated))
    assert best.is_found
    lines = best.sentences()
    assert lines[0].startswith("An ablation selects no winner; it compares with its base. 1 of 3 changes")
    assert lines[1] == "  gate=average   -0.095 [-0.102, -0.088]  helps"
    assert lines[-2] == "the same ablation again:"
    assert best.to_plain()["parts"]["gate=average"] == "helps"
    json.dumps(best.to_plain(), allow_nan=False)


def test_two_ablations_stand_side_by_side(ablated: Path, make_ablation: MakeAblation) -> None:
    builder = make_ablation("other", arms=[AVERAGE])
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], SCORES["experts=1"], arm="gate=average")
    builder.look(5)
    builder.finish()
    lines = compare_studies(ablated, builder.write()).sentences()
    (arm,) = [line.split("  ") for line in lines if line.startswith("gate=average")]
    assert [part.strip() for part in arm if part] == [
        "gate=average",
        "-0.095 [-0.102, -0.088] helps",
        "-0.052 [-0.058, -0.046] helps",
    ]
    (only,) = [line.split() for line in lines if line.startswith("towers=shared")]
    assert only[-1] == "-"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install it by apt-get install chromium")
def test_the_page_opens_without_a_complaint_on_a_phone(everything: Path, tmp_path: Path) -> None:
    page = write_report(everything).html
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"""<iframe id="page" style="width:390px;height:800px;border:0"></iframe><p id="found">waiting</p>
        <script>
        const frame = document.getElementById("page");
        frame.onload = () => {{
          const root = frame.contentDocument.documentElement;
          document.getElementById("found").textContent = `${{root.scrollWidth}} of ${{root.clientWidth}}`;
        }};
        frame.src = "{page.as_uri()}";
        </script>"""
    )
    assert CHROMIUM is not None
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"),
        *("--allow-file-access-from-files", "--virtual-time-budget=5000", frame.as_uri()),
    ]
    opened = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in opened.stderr
    assert ">390 of 390<" in opened.stdout
