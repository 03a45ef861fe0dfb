"""The interactive page: offline, escaped, the same bytes again, of bounded size, and refused without plotly."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis import interactive_figures
from analysis.__main__ import main
from analysis.interactive_figures import choose_trials, make_figures, to_json
from analysis.interactive_page import load_script
from analysis.records import read_records
from analysis.report import write_report
from analysis.summary import summarize
from tests.analysis.ablation.conftest import MakeAblation, make_ablation, run_all  # noqa: F401  # a fixture

NASTY = "</script><img src=x onerror=alert(1)>"


def figures_of(folder: Path) -> dict[str, Any]:
    records = read_records(folder)
    return {figure.name: figure for figure in make_figures(records, summarize(records))}


def test_the_page_holds_every_figure(finished: Path) -> None:
    page = (write_report(finished, interactive=True).html.parent / "interactive.html").read_text()
    assert re.findall(r'<div id="([\w-]+)">', page) == ["figure-trials", "figure-parallel", "figure-curves"]
    assert re.findall(r'Plotly.newPlot\("([\w-]+)"', page) == ["figure-trials", "figure-parallel", "figure-curves"]
    script = load_script()
    assert page.count(script) == 1
    assert "http" not in page.replace(script, "").replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_the_same_data_give_the_same_bytes(finished: Path) -> None:
    path = write_report(finished, interactive=True).html.with_name("interactive.html")
    first = path.read_bytes()
    assert write_report(finished, interactive=True).html.with_name("interactive.html").read_bytes() == first


def test_without_the_flag_there_is_no_page(finished: Path) -> None:
    assert not write_report(finished).html.with_name("interactive.html").exists()


def test_trials_carry_their_configurations(finished: Path) -> None:
    (full, stopped) = figures_of(finished)["trials"].traces
    assert (full["name"], full["x"], full["y"]) == ("full fidelity", [1, 2, 4], [0.5, 0.8, 0.7])
    assert (stopped["name"], stopped["x"], stopped["y"]) == ("stopped early", [3], [0.2])
    assert full["text"][2].startswith("<b>search-0003: 0.700 after 3 epochs</b><br>clip = none<br>gate = none<br>")
    assert "ratio" not in full["text"][2]  # its condition does not hold


def test_an_unused_parameter_lies_apart(finished: Path) -> None:
    (trace,) = figures_of(finished)["parallel"].traces
    axes = {axis["label"]: axis for axis in trace["dimensions"]}
    assert axes["labelled_event_f1"]["values"] == [0.8, 0.7, 0.5]
    assert axes["window"]["values"] == [2, 0, 1]
    assert axes["window"]["ticktext"] == ["8", "16", "32"]
    assert axes["clip"]["values"] == [1, 1, 1]  # none
    assert axes["ratio"]["values"] == [0.7, -0.1, 0.7]
    assert axes["ratio"]["ticktext"][0] == "other"
    assert axes["learning_rate"]["values"][1] == -3


def test_of_too_many_trials_the_best_are_kept(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactive_figures, "MOST_TRIALS", 3)
    monkeypatch.setattr(interactive_figures, "MOST_BEST", 2)
    records = read_records(finished)
    chosen = choose_trials(records, records.of_stage("search"))
    assert [trial.trial_id for trial in chosen] == ["search-0000", "search-0001", "search-0003"]


def test_an_ablation_has_its_forest(make_ablation: MakeAblation) -> None:  # noqa: F811
    study = make_ablation()
    run_all(study)
    figure = figures_of(study.write())["forest"]
    (trace,) = figure.traces
    assert trace["y"][-1] == "gate=average"
    assert trace["x"][-1] == -0.095
    assert trace["text"][-1].startswith("gate=average: helps<br>difference -0.095 [")
    assert [shape["x0"] for shape in figure.layout["shapes"]] == [-0.01, 0]


def test_what_a_user_typed_is_escaped(make_study: Callable[..., Any], configs: dict[str, Any]) -> None:
    study = make_study()
    study.study["name"] = NASTY
    study.search({**configs["good"], "gate": NASTY}, [0.1, 0.2, 0.3])
    study.search(configs["good"], [0.1, 0.2, 0.4])
    page = write_report(study.write(), interactive=True).html.with_name("interactive.html").read_text()
    assert NASTY not in page
    assert "<img" not in page.replace(load_script(), "")
    assert "&lt;/script&gt;&lt;img" in page


def test_no_value_ends_a_script() -> None:
    assert to_json("</script>\u2028") == '"\\u003c/script>\\u2028"'
    assert json.loads(to_json("</script>\u2028")) == "</script>\u2028"


def test_without_plotly_one_line_names_the_extra(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert main(["report", str(finished), "--interactive"]) == 2
    assert capsys.readouterr().err == (
        "error: interactive figures need plotly, which is not installed; install the extra: "
        'pip install ".[interactive]"\n'
    )
    assert not (finished / "report").exists()


def test_two_thousand_trials_leave_room_for_the_script(make_study: Callable[..., Any], configs: dict[str, Any]) -> None:
    """Of these, plotly's own script has 5 MB."""
    study = make_study()
    for number in range(2000):
        value = (number * 37 % 101) / 101
        study.search({**configs["good"], "ratio": number / 2000}, [value / 2, value, value])
    page = write_report(study.write(), interactive=True).html.with_name("interactive.html")
    assert page.stat().st_size < 8_000_000
