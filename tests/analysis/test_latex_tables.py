"""LaTeX tables: they compile whatever a user typed, hold the numbers of the CSV files, and bold no winner of a tie."""

import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.latex import escape_latex, make_table
from analysis.latex_tables import write_latex_tables
from analysis.records import read_records
from analysis.report import write_report
from analysis.summary import summarize
from tests.analysis.ablation.conftest import MakeAblation, make_ablation, run_all  # noqa: F401  # a fixture

NASTY = r"50% of $x_1$ & #2 {a}\b ~^<>|" + '"é²中\x07'
PDFLATEX = shutil.which("pdflatex")
DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def tables_of(folder: Path) -> dict[str, str]:
    return write_latex_tables(summarize(read_records(folder)))


def read_rows(table: str) -> dict[str, list[str]]:
    body = table.partition("\\midrule\n")[2].partition("\n\\bottomrule")[0]
    rows = [line.removesuffix(r" \\").split(" & ") for line in body.splitlines() if line != r"\midrule"]
    return {row[0]: row[1:] for row in rows}


def compile_document(folder: Path, tables: dict[str, str]) -> str:
    if PDFLATEX is None:
        pytest.skip("no pdflatex here; apt-get install --no-install-recommends texlive-latex-recommended")
    (folder / "paper.tex").write_text(DOCUMENT % "\n".join(tables.values()))
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "paper.pdf").stat().st_size > 5000
    return done.stdout


def test_every_special_character_is_escaped() -> None:
    escaped = escape_latex(NASTY)
    assert escaped.startswith(r"50\% of \$x\_1\$ \& \#2 \{a\}\textbackslash{}b \textasciitilde{}\textasciicircum{}")
    assert escaped.endswith(r"é\textsuperscript{2}U+4E2DU+0007")


def test_numbers_are_those_of_the_csv_file(finished: Path) -> None:
    folder = write_report(finished).html.parent / "tables"
    rows = read_rows((folder / "configurations.tex").read_text())
    with (folder / "configurations.csv").open() as file:
        expected = {row["row"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(expected) == 5
    for name, (objective, score, difference, seeds) in rows.items():
        row = expected[name.removesuffix(r"\textsuperscript{$\dagger$}")]
        for cell, column in ((objective, "objective"), (score, "event_f1_pa_log"), (difference, "difference_to_best")):
            numbers = [float(number) for number in re.findall(r"[-+]?\d+\.\d+", cell)]
            columns = [row[column], row[f"{column}_low"], row[f"{column}_high"]]
            found = [round(float(one), 3) for one in columns if one] if cell not in ("", "--") else []
            assert numbers == found, (name, column)
        assert seeds == ("--" if row["row"] == "sum of squared z" else row["n_seeds"])


def test_a_winner_of_a_tie_is_not_bold(finished: Path) -> None:
    table = tables_of(finished)["configurations"]
    assert r"search-0003\textsuperscript{$\dagger$}" in table
    assert r"\textsuperscript{$\dagger$}Not distinguishable from the best." in table
    assert r"\textbf" not in table


def test_a_winner_that_beats_every_row_is_bold(
    make_study: Any, configs: dict[str, Any], metric: Callable[..., dict[str, dict[str, float]]]
) -> None:
    study = make_study()
    for block in range(3):
        for config, score in ((configs["good"], 0.8), (configs["published"], 0.5)):
            noisy = score + 0.01 * block
            study.confirm(config, block, {"a": noisy, "b": noisy}, metric(a=noisy, b=score))
    study.select(configs["good"])
    table = tables_of(study.write())["configurations"]
    assert r"\textbf{confirm-0000} & " in table
    assert "dagger" not in table


def test_a_table_says_where_it_comes_from(finished: Path) -> None:
    table = tables_of(finished)["configurations"]
    assert table.startswith(
        "% Study toy (commit c0ffee); by python -m analysis report, all digits in configurations.csv"
    )
    assert r"\label{tab:toy-configurations}" in table


def test_without_a_result_there_is_no_table(make_study: Any) -> None:
    assert tables_of(make_study().write()) == {}


def test_a_comment_stays_on_its_line() -> None:
    table = make_table(columns="l", head=["a"], groups=[[["b"]], []], caption="c", label="x_y/z", made="one\ntwo")
    assert table.splitlines()[:2] == ["% one two", r"% In the preamble: \usepackage{booktabs}"]
    assert r"\label{tab:x-y-z}" in table
    assert table.count(r"\midrule") == 1


def test_a_document_with_them_compiles(finished: Path, tmp_path: Path) -> None:
    compile_document(tmp_path, tables_of(finished))


def test_names_that_a_user_typed_compile(
    make_study: Any, configs: dict[str, Any], complete: Callable[[Any], Any], tmp_path: Path
) -> None:
    spec = {**make_study("unused").study["spec"], "data": NASTY}
    study = make_study("nasty", spec=spec, family=NASTY)
    study.study["name"] = f"{NASTY}\n\\input{{x}}"
    study.search(configs["good"], [0.6, 0.7, 0.8])
    compile_document(tmp_path, tables_of(complete(study).write()))


def test_an_ablation_has_its_own(make_ablation: MakeAblation, tmp_path: Path) -> None:  # noqa: F811
    study = make_ablation()
    run_all(study)
    tables = tables_of(study.write())
    rows = read_rows(tables["ablation"])
    assert list(rows) == [
        "base (published)",
        *("gate=average", "gate=specific", "towers=shared", "experts=1", "experts=2", "experts=8"),
    ]
    assert rows["gate=average"][1].startswith("$-0.095$ $[")
    assert rows["gate=average"][3:5] == ["helps", "$-0.090$"]
    assert rows["gate=average"][5].startswith("$-0.095$ $[")
    assert rows["experts=1"][2:] == ["", "exploratory", "", ""]
    assert "expected & " in tables["ablation"]
    compile_document(tmp_path, tables)
