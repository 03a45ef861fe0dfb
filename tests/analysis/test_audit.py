"""An audit finds whatever value is changed in a study's folder, and names the place; an untouched study passes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.__main__ import main
from analysis.audit import audit_study
from analysis.reading import StudyFolder
from analysis.report import write_report
from analysis.segment_audit import audit_segments
from tests.analysis.conftest import FORECAST, GOOD, OTHER, PUBLISHED, StudyBuilder, confirm_and_test, in_segments


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole study with segments and a report."""
    study = StudyBuilder(tmp_path_factory.mktemp("audit") / "toy")
    for config, values in ((PUBLISHED, [0.3, 0.4, 0.5]), (GOOD, [0.6, 0.7, 0.8]), (OTHER, [0.5, 0.6, 0.7])):
        study.search(config, values)
    study.search({**GOOD, "window": 8}, [0.2], "stop")
    folder = in_segments(confirm_and_test(study).write())
    write_report(folder)
    return folder


@pytest.fixture
def folder(reported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(reported, tmp_path / "toy"))


def segment_with(folder: Path, name: str, found: Callable[[dict[str, Any]], bool]) -> tuple[Path, int]:
    """Find the newest segment that has a row, and the row in it."""
    for path in sorted((folder / name).glob("*.parquet"), reverse=True):
        for index, row in enumerate(pq.read_table(path).to_pylist()):
            if found(row):
                return path, index
    raise AssertionError(name)


def change(path: Path, index: int, column: str, value: object) -> None:
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[index] = value
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, table.schema.field(column), pa.array(values, table[column].type)), path)


def find(folder: Path) -> list[str]:
    """What the audit of the segments finds, without the seconds that it takes to draw a report."""
    return audit_segments(StudyFolder(folder)).mismatches


def test_an_untouched_study_passes_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["audit", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(" numbers agree\n")
    assert out.count("\n") == 1
    assert int(out.split()[0].replace(",", "")) > 2000
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("objective", 0.7400000001),
        ("p_window", 16),
        ("status", "STOPPED"),
        ("m_test_event_f1_pa_log", None),
        ("seed", 501),
        ("created_at", pd.Timestamp("2026-01-01", tz="UTC")),
    ],
)
def test_a_value_of_a_trials_segment(folder: Path, column: str, value: object) -> None:
    path, index = segment_with(folder, "trials", lambda row: row["trial_id"] == "confirm-0000")
    was = pq.read_table(path)[column][index].as_py()
    change(path, index, column, value)
    (line,) = find(folder)
    assert line.startswith(f"trials/{path.name}, column {column}, trial confirm-0000, event ")
    assert str(value) in line
    assert line.endswith(f"recomputed {was if column == 'created_at' else repr(was)}")


def test_a_row_that_a_later_one_replaced_counts_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, index = segment_with(folder, "trials", lambda row: row["status"] == "RUNNING")
    change(path, index, "train_s", 2.5)
    assert main(["audit", str(folder)]) == 1
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith(f"trials/{path.name}, column train_s, trial ")
    assert last.startswith("1 mismatch; ")


def test_a_value_of_a_metrics_segment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def is_it(row: dict[str, Any]) -> bool:
        return (row["trial_id"], row["series"], row["name"]) == ("confirm-0000", "a", "test_event_f1_pa_log")

    path, index = segment_with(folder, "metrics", is_it)
    change(path, index, "value", 0.81)
    assert main(["audit", str(folder)]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"metrics/{path.name}, column value, trial confirm-0000, series a, step 3, ")
    assert "test_event_f1_pa_log" in first
    assert first.endswith(": 0.81, recomputed 0.8")
    assert any(line.startswith("report/summary.json, comparison.rows[0].score.mean: ") for line in rest)
    assert "only the report differs" not in rest[-1]


def test_an_event_number_and_rows_that_went_away_or_came_twice(folder: Path) -> None:
    path = max((folder / "metrics").glob("*.parquet"))
    table = pq.read_table(path)
    change(path, 0, "event_seq", table["event_seq"][0].as_py() + 1)
    lines = [line for line in find(folder) if line.startswith("metrics/")]
    assert [line.partition(": ")[2] for line in lines] == ["no event adds up to this row", "this row is missing"]
    pq.write_table(table.slice(1), path)
    assert any("this row is missing" in line for line in find(folder))
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    assert any("no event adds up to this row" in line for line in find(folder))


@pytest.mark.parametrize("name", ["trials", "metrics"])
def test_a_segment_that_went_away(folder: Path, name: str) -> None:
    sorted((folder / name).glob("*.parquet"))[-2].unlink()
    assert any(line.startswith(f"{name}/, trial ") for line in find(folder))


def test_a_number_of_the_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "report" / "summary.json"
    summary = json.loads(path.read_text())
    summary["comparison"]["rows"][0]["score"]["low"] += 1e-6
    path.write_text(json.dumps(summary))
    assert main(["audit", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("report/summary.json, comparison.rows[0].score.low: 0.")
    assert lines[1].startswith("1 mismatch; ")
    assert f"python -m analysis report {folder}" in lines[1]


def test_rounding_in_the_last_digit_is_no_mismatch(folder: Path) -> None:
    path = folder / "report" / "summary.json"
    summary = json.loads(path.read_text())
    summary["comparison"]["rows"][0]["score"]["low"] *= 1 + 4e-16
    path.write_text(json.dumps(summary))
    assert audit_study(folder).mismatches == ()


def test_a_cell_of_a_table(folder: Path) -> None:
    path = folder / "report" / "tables" / "configurations.csv"
    table = pd.read_csv(path)
    table.loc[1, "objective"] += 0.001
    table.to_csv(path, index=False)
    assert [line.partition(": ")[0] for line in audit_study(folder).mismatches] == [
        "report/tables/configurations.csv, search-0002 (line 3), column objective"
    ]


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_a_number_in_the_text(folder: Path, name: str) -> None:
    path = folder / "report" / name
    text = path.read_text()
    assert "0.720 [" in text
    path.write_text(text.replace("0.720 [", "0.730 [", 1))
    (line,) = audit_study(folder).mismatches
    assert line.startswith(f"report/{name}, line ")
    assert "0.730 [" in line


def test_files_that_are_missing_or_too_many(folder: Path) -> None:
    tables = folder / "report" / "tables"
    (tables / "errors.csv").write_text("n_trials,error,trials\n1,out of memory,search-0000\n")
    (tables / "metrics.csv").unlink()
    assert [line.partition(":")[0] for line in audit_study(folder).mismatches] == [
        "report/tables/metrics.csv",
        "report/tables/errors.csv",
    ]


def test_a_long_list_is_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "report" / "tables" / "trials.csv"
    table = pd.read_csv(path)
    table["seed"] += 1
    table["train_s"] += 1
    table.to_csv(path, index=False)
    assert main(["audit", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22
    assert lines[20].startswith("... and ")


def test_a_changed_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "events" / "log.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if '"reported"' in line)
    before, own, after = "".join(lines[:place]), lines[place], "".join(lines[place + 1 :])
    path.write_text(before + own.replace('"value": 0.3', '"value": 0.4') + after)
    (line,) = [line for line in find(folder) if line.startswith("metrics/") and ", objective, event" in line]
    assert line.endswith(": 0.3, recomputed 0.4")
    path.write_text(before + "{torn\n" + after)
    assert main(["audit", str(folder)]) == 2
    assert f"line {place + 1} of events/log.jsonl cannot be read" in capsys.readouterr().err
    path.write_text(before + after)
    assert main(["audit", str(folder)]) == 2
    assert f"line {place + 1} of events/log.jsonl carries number {place + 1}" in capsys.readouterr().err


def test_a_study_that_was_killed_passes(folder: Path) -> None:
    """What is in the log and in no segment yet was lost by nobody."""
    for name in ("trials", "metrics"):
        max((folder / name).glob("*.parquet")).unlink()
    with (folder / "events" / "log.jsonl").open("a") as file:
        file.write('{"seq": 999, "ti')
    assert audit_study(folder).mismatches == ()


def test_no_report_is_one_line_with_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder / "report")
    assert main(["audit", str(folder)]) == 2
    assert f"write one with: python -m analysis report {folder}" in capsys.readouterr().err


def test_errors_of_one_step_forecasts_follow_from_the_forecasts(tmp_path: Path) -> None:
    columns = {**FORECAST["columns"], "m_test_mae_original": "float"}
    study = StudyBuilder(tmp_path / "toy", **{**FORECAST, "columns": columns})
    study.search(PUBLISHED, [0.5, 0.4, 0.3])
    trial = study.confirm(PUBLISHED, 0, {"a": 0.3, "b": 0.3})
    study.select(PUBLISHED)
    # Errors 1 and -3 on a, 2 and 0 on b.
    study.test(trial, {"mse": {"a": 1, "b": 1}, "rmse": {"a": 5**0.5, "b": 2**0.5}}, config=PUBLISHED)
    rows = [("a", 0, 1, None, "x", 1.0, 2.0), ("a", 1, 1, None, "x", 4.0, 1.0)]
    rows += [("b", 0, 1, None, "x", 1.0, 3.0), ("b", 1, 1, None, "x", 4.0, 4.0)]
    study.predict(trial, rows)
    folder = in_segments(study.write())
    write_report(folder)
    assert audit_study(folder).mismatches == ()
    study.predict(trial, [*rows[:3], ("b", 1, 1, None, "x", 4.0, 4.5)])
    lines = [line for line in audit_study(folder).mismatches if not line.startswith("report/")]
    assert len(lines) == 1
    assert lines[0].startswith(f"metrics of trial {trial}, series b, test_rmse, from predictions/{trial}.parquet: 1.41")
