"""Reports of studies in every state: right, readable, escaped, self-contained, and the same bytes twice."""

import csv
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from analysis.pages import choose_trials, escape_markdown
from analysis.records import read_records
from analysis.report import Report, write_report

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Reader(HTMLParser):
    """Reads a page as a browser would: the text that shows, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open, f"never closed: {self._open}"
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"<{tag}> has a handler"
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "action", "aria-labelledby"):
                self.references.append(value or "")
        self.text += " "
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data


def read_page(report: Report) -> Reader:
    return Reader(report.html.read_text())


def check_page(report: Report) -> Reader:
    """Check what holds for every page, whatever the study."""
    page = report.html.read_text()
    reader = Reader(page)
    assert "script" not in reader.tags
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert len(reader.ids) == len(set(reader.ids))
    inner = {one.removeprefix("#") for one in reader.references}
    assert inner <= set(reader.ids), f"point nowhere: {inner - set(reader.ids)}"
    assert not re.search(r"\b(nan|None|undefined|inf)\b", reader.text), reader.text
    assert reader.tags.count("caption") == reader.tags.count("table")
    assert reader.tags.count("h1") == 1
    return reader


def test_a_finished_study(finished: Path) -> None:
    report = write_report(finished)
    text = check_page(report).text
    assert report.verdict[0] == (
        "Best configuration: search-0001, event F1 (log) 0.720 [0.697, 0.743] on the untouched test part."
    )
    verdict = "\n".join(report.verdict)
    assert "Better: event F1 (log) 0.720 against 0.560, a difference of +0.160 [+0.149, +0.171]." in verdict
    assert "Better: event F1 (log) 0.720 against 0.550" in verdict
    assert "Random scores reach event F1 (log) 0.155" in verdict
    assert "2 of 2 confirmed candidates are better than the published configuration" in verdict
    assert "cannot tell search-0003 from the best. The cheapest of them is search-0003 (400 parameters)." in verdict
    assert "labelled_event_f1 0.800 in the search (one seed, chosen because it was high), 0.720" in verdict
    for sentence in report.verdict:
        assert sentence.split(": ", 1)[-1] in text


def test_every_file_is_there(finished: Path) -> None:
    report = write_report(finished)
    files = {str(path.relative_to(report.html.parent)) for path in report.html.parent.rglob("*") if path.is_file()}
    figures = {"search-to-confirmed", "test-scores", "learning-curves", "anytime-training", "anytime-wall"}
    figures.add("score-against-cost")
    tables = {"trials", "configurations", "metrics", "parameters", "series", "anytime", "pareto"}
    assert files == {
        *("report.html", "report.md", "summary.json"),
        *(f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")),
        *(f"tables/{name}.csv" for name in tables),
        "tables/configurations.tex",
    }
    assert json.loads((report.html.parent / "summary.json").read_text()) == report.summary
    assert report.summary["schema"] == "ablatune-report/1"
    assert report.summary["best"]["label"] == "search-0001"


def test_the_same_data_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "toy"
    shutil.copytree(finished, elsewhere)
    assert digest(write_report(finished)) == digest(write_report(elsewhere))
    assert digest(write_report(finished)) == digest(write_report(elsewhere))


def digest(report: Report) -> dict[str, str]:
    folder = report.html.parent
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_tables_hold_all_digits(finished: Path) -> None:
    folder = write_report(finished).html.parent / "tables"
    rows = read_csv(folder / "configurations.csv")
    assert [row["row"] for row in rows][:3] == ["search-0001", "search-0003", "published"]
    assert float(rows[2]["difference_to_best"]) == pytest.approx(-0.16)
    assert len(read_csv(folder / "trials.csv")) == 17
    series = [row for row in read_csv(folder / "series.csv") if row["metric"] == "event_f1_pa_log"]
    assert {(row["row"], row["series"]) for row in series} >= {("search-0001", "a"), ("random scores", "b")}


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_figures_carry_no_dates_and_a_title(finished: Path) -> None:
    folder = write_report(finished).html.parent / "figures"
    for path in folder.glob("*.svg"):
        text = path.read_text()
        assert 'role="img"' in text
        assert "<title" in text
        assert "metadata" not in text
        assert re.findall(r"https?://[^\"' ]*", text) == ["http://www.w3.org/2000/svg"]  # the name of the format
    assert all(b"Software" not in path.read_bytes() for path in folder.glob("*.png"))


def test_what_a_user_typed_is_escaped(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    evil = "<script>alert(1)</script>"
    names = [evil, "b|`x`_y_[z](http-evil)"]
    study = make_study(
        series=names,
        objective_series=names,
        test_series=names,
        notes=[f"{evil}: & so on"],
        command=["launch.py", "--name", "$(rm -rf /) `x` 'y'"],
        hardware={"node": evil},
    )
    study.study["spec"] = {**study.study["spec"], "series": names, "data": evil, "data_root": "a b/$HOME"}
    study.search(configs["good"], [0.7, 0.7, 0.8])
    study.search(configs["published"], [0.1], f"ValueError: {evil} </table> | $x$")
    for block in range(2):
        tested = {name: dict.fromkeys(names, 0.5 + block / 10) for name in metric(a=0.0)}
        study.confirm(configs["good"], block, dict.fromkeys(names, 0.7), tested)
    study.select(configs["good"])
    report = write_report(study.write())
    reader = check_page(report)
    assert evil in reader.text
    assert f"ValueError: {evil} </table> | $x$" in reader.text
    assert "python launch.py --name '$(rm -rf /) `x` '\"'\"'y'\"'\"''" in reader.text
    assert "--data-root 'a b/$HOME'" in reader.text
    markdown = (report.html.parent / "report.md").read_text()
    outside_fences = "".join(re.split(r"^```.*?^```", markdown, flags=re.DOTALL | re.MULTILINE))
    assert "<script" not in outside_fences
    assert "](http-evil)" not in outside_fences.replace(r"\](", "")
    assert r"b\|\`x\`\_y\_[z\](http-evil)" in outside_fences


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain_name and 0.5 [0.4, 0.6]", "plain_name and 0.5 [0.4, 0.6]"),
        ("a|b", r"a\|b"),
        ("<b> &lt; & more", "&lt;b> &amp;lt; & more"),
        ("*x* _y_ `z` ~~w~~", r"\*x\* \_y\_ \`z\` \~\~w\~\~"),
        ("[text](url) ![i](u)", r"[text\](url) ![i\](u)"),
        ("two\nlines", "two lines"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_markdown_is_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


def test_a_fence_is_longer_than_any_run_of_backticks_inside(make_study: Any, configs: dict[str, Any]) -> None:
    study = make_study(command=["launch.py", "```\n# heading"])
    study.search(configs["published"], [0.1, 0.2, 0.3])
    markdown = (write_report(study.write()).html.parent / "report.md").read_text()
    assert "````sh\npython launch.py '```\n# heading'\n````" in markdown


# Studies in every state.


def test_killed_in_the_search(searched: Any) -> None:
    report = write_report(searched.write(lines=14))
    text = check_page(report).text
    assert report.summary["phase"] == "search"
    assert "Best so far, not confirmed yet: published, labelled_event_f1 0.500 on the objective." in text
    assert "The search is not over" in text
    assert "launch.py --resume" in text
    assert "The test part has not been opened yet." in text


def test_killed_before_anything_reached_full_fidelity(searched: Any) -> None:
    report = write_report(searched.write(lines=6))
    text = check_page(report).text
    assert "No result yet: none of 1 trial has reached full fidelity so far." in text
    assert report.summary["best"] is None


def test_killed_before_anything_was_asked(searched: Any) -> None:
    text = check_page(write_report(searched.write(lines=0))).text
    assert "No result yet" in text
    assert "No trial has begun." in text


@pytest.mark.parametrize("lines", [3, 20, 35, 60, 100, 114, 118, 122])
def test_killed_anywhere(searched: Any, complete: Callable[[Any], Any], lines: int) -> None:
    check_page(write_report(complete(searched).write(lines=lines)))


def test_killed_before_the_test(searched: Any, configs: dict[str, Any]) -> None:
    for block in range(3):
        searched.confirm(configs["good"], block, {"a": 0.7 + block / 50, "b": 0.7})
        searched.confirm(configs["published"], block, {"a": 0.5, "b": 0.5})
    report = write_report(searched.write())
    text = check_page(report).text
    assert "Best configuration so far: search-0001, labelled_event_f1 0.710" in text
    assert "The confirmation on fresh seeds is not over" in text


def test_without_confirmation(searched: Any, configs: dict[str, Any], metric: Any) -> None:
    searched.study["spec"] = {**searched.study["spec"], "confirm_top": 0}
    searched.select(configs["good"])
    searched.test("search-0001", metric(a=0.8, b=0.6), config=configs["good"])
    searched.test("search-0000", metric(a=0.5, b=0.5), config=configs["published"])
    searched.baseline("sum_of_squares", 0, metric(a=0.6, b=0.5))
    searched.baseline("random", 0, metric(a=0.2, b=0.1))
    report = write_report(searched.write())
    text = check_page(report).text
    assert report.summary["phase"] == "finished"
    assert "Best of the search, not confirmed: search-0001, event F1 (log) 0.700 on the untouched test part." in text
    assert "Nothing was confirmed: the score is that of a single seed and was chosen because it was the best" in text
    assert "Too few seeds to judge: event F1 (log) 0.700 against 0.500, a difference of +0.200." in text
    assert "Nothing is confirmed" in text
    assert "better than the published" not in text


def test_everything_failed(make_study: Any, configs: dict[str, Any]) -> None:
    study = make_study()
    for number in range(4):
        study.search({**configs["good"], "window": number}, [], f"RuntimeError: out of memory on device {number}")
    report = write_report(study.write())
    text = check_page(report).text
    assert report.verdict == [
        "Nothing completed: all 4 trials failed.",
        "4 trials: RuntimeError: out of memory on device 0",
    ]
    assert report.summary["phase"] == "failed"
    assert "search-0000, search-0001, search-0002, search-0003" in text


def test_every_confirmation_failed(searched: Any, configs: dict[str, Any]) -> None:
    for block in range(2):
        searched.confirm(configs["good"], block, {"a": 0.1, "b": 0.1}, verdict=f"the loss diverged in epoch {block}")
    report = write_report(searched.write())
    text = check_page(report).text
    assert report.summary["phase"] == "failed"
    assert report.verdict[0] == (
        "Best of the search, not confirmed: search-0001, labelled_event_f1 0.800 on the objective."
    )
    assert "No candidate ran to its end on a fresh seed (2 trials: the loss diverged in epoch 0)." in text
    assert "One seed on 2 series, so there is no interval. The test part was never opened." in text


def test_without_labels(make_study: Any, configs: dict[str, Any]) -> None:
    objective = {"name": "log_gap", "direction": "maximize", "primary_metric": "event_f1_pa_log", "description": "gap"}
    study = make_study(objective=objective)
    study.search(configs["published"], [1.0, 1.5, 2.0])
    study.search(configs["good"], [2.0, 2.5, 3.0])
    trials = []
    for block in range(3):
        for config, value in ((configs["good"], 2.9), (configs["published"], 2.0)):
            trials.append((config, study.confirm(config, block, {"a": value + block / 10, "b": value})))
    study.select(configs["good"])
    for config, trial in trials:
        study.test(trial, {}, config=config)
    study.baseline("sum_of_squares", 0, {})
    for block in range(3):
        study.baseline("random", block, {})
    report = write_report(study.write())
    text = check_page(report).text
    assert report.summary["phase"] == "finished"
    assert "Best configuration: search-0001, log_gap 2.950 [2.8" in text
    assert "There is no test metric: no untouched part has a labelled event." in text
    assert "Better: log_gap 2.950 against 2.050" in text
    assert "The objective used no labels" in text


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds(make_study: Any, configs: dict[str, Any], metric: Any, seeds: int) -> None:
    study = make_study()
    study.search(configs["published"], [0.4, 0.4, 0.5])
    study.search(configs["good"], [0.6, 0.7, 0.8])
    for block in range(seeds):
        study.confirm(configs["good"], block, {"a": 0.7, "b": 0.7}, metric(a=0.8 + block / 100, b=0.6))
        study.confirm(configs["published"], block, {"a": 0.5, "b": 0.5}, metric(a=0.5, b=0.5 - block / 100))
    study.select(configs["good"])
    study.baseline("sum_of_squares", 0, metric(a=0.9, b=0.9))
    study.baseline("random", 0, metric(a=0.1, b=0.1))
    report = write_report(study.write())
    text = check_page(report).text
    if seeds == 1:
        assert "One seed on 2 series, so there is no interval." in text
        assert "Too few seeds to judge: event F1 (log) 0.700 against 0.500, a difference of +0.200." in text
        assert "Too few seeds to judge: event F1 (log) 0.700 against 0.900, a difference of -0.200." in text
        assert "The untrained baseline wins" not in text
    else:
        assert "2 series × 2 seeds (two seeds, so indicative only)" in text
        assert "indicative only" in report.verdict[2]


def test_one_series(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    study = make_study(series=["a"], objective_series=["a"], test_series=["a"])
    study.search(configs["published"], [0.4, 0.4, 0.5])
    study.search(configs["good"], [0.6, 0.7, 0.8])
    for block in range(3):
        study.confirm(configs["good"], block, {"a": 0.7}, metric(a=0.8 + block / 100))
        study.confirm(configs["published"], block, {"a": 0.5}, metric(a=0.79 + block / 20))
    study.select(configs["good"])
    text = check_page(write_report(study.write())).text
    assert "Mean and 95 % interval over 1 series × 3 seeds." in text
    assert "Not distinguishable: event F1 (log) 0.810 against 0.840" in text
    assert "This does not show that they are equal." in text
    assert "1 series of one data set (smd): every statement is about a and about no other series." in text


def test_the_published_configuration_wins(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    study = make_study()
    study.search(configs["published"], [0.6, 0.7, 0.8])
    study.search(configs["good"], [0.5, 0.5, 0.6])
    for block in range(3):
        noise = block / 100
        study.confirm(configs["published"], block, {"a": 0.8, "b": 0.7 + noise}, metric(a=0.8 + noise, b=0.7))
        study.confirm(configs["good"], block, {"a": 0.6, "b": 0.6}, metric(a=0.6, b=0.6 - noise))
    study.select(configs["published"])
    text = check_page(write_report(study.write())).text
    assert "Best configuration: published, event F1 (log)" in text
    assert "The published configuration is itself the best; no other one beat it." in text
    assert "No candidate (of 1 confirmed) is better than the published configuration" in text
    assert "published: the published configuration itself." in text


def test_an_untrained_baseline_wins(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    study = make_study()
    study.search(configs["published"], [0.6, 0.7, 0.8])
    for block in range(3):
        study.confirm(configs["published"], block, {"a": 0.8, "b": 0.7}, metric(a=0.6 + block / 100, b=0.5))
    study.select(configs["published"])
    study.baseline("sum_of_squares", 0, metric(a=0.9, b=0.8))
    report = write_report(study.write())
    assert report.verdict[0] == (
        "The untrained baseline wins: sum of squared z reaches event F1 (log) 0.850 on the untouched test part, the "
        "best configuration (published) 0.555 [0.543, 0.567]."
    )
    assert "Worse: event F1 (log) 0.555 against 0.850" in check_page(report).text


def test_series_that_disagree_are_named(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    study = make_study()
    study.search(configs["published"], [0.4, 0.4, 0.5])
    study.search(configs["good"], [0.6, 0.7, 0.8])
    for block in range(3):
        noise = block / 100
        study.confirm(configs["good"], block, {"a": 0.7, "b": 0.7}, metric(a=0.9 + noise, b=0.5))
        study.confirm(configs["published"], block, {"a": 0.5, "b": 0.5}, metric(a=0.5, b=0.8 + noise))
    study.select(configs["good"])
    text = check_page(write_report(study.write())).text
    assert (
        "Against the published configuration the best configuration is better on a and worse on b; the mean hides this."
        in text
    )


def test_the_whole_published_part_is_marked_as_overlapping(
    searched: Any, complete: Callable[[Any], Any], configs: dict[str, Any], metric: Any
) -> None:
    study = complete(searched)
    for event in study._events:
        if event["kind"] == "tested":
            for found in event["metrics"].values():
                found |= {name.replace("test_", "full_"): 0.9 for name in list(found) if name.startswith("test_")}
    text = check_page(write_report(study.write())).text
    assert "Whole test part, overlapping the tuned part" in text
    assert "so the trained rows are flattered" in text


def test_caution_follows_from_the_data(searched: Any, complete: Callable[[Any], Any], configs: dict[str, Any]) -> None:
    study = complete(searched)
    study.study["code"] = {"git_commit": "c0ffee", "git_dirty": True, "hash": "50ce"}
    study.event("session", changed=["code", "versions"])
    study.event("budget", trials=5)
    study.search({**configs["good"], "clip": 5.0}, [0.5, 0.6, 0.65])
    report = write_report(study.write())
    titles = [threat["title"] for threat in report.summary["threats"]]
    assert titles == [
        "The search went on after the test part was opened",
        "The study was resumed under other conditions",
        "The threshold was chosen on the test labels",
        "Point adjustment flatters",
        "The search saw labels of the same series",
        "Whether the objective ranks was not measured",
        "Few series",
        "Few seeds",
        "The intervals cover training seeds alone",
        "Several comparisons",
        "One search",
        "The code had uncommitted changes",
    ]
    text = check_page(report).text
    assert "reaches 0.620 [0.597, 0.643] instead of 0.720, published 0.460, sum of squared z 0.450" in text
    assert "random scores reach F1-PA 0.305" in text


def test_what_is_missing_is_said(make_study: Any, configs: dict[str, Any]) -> None:
    study = make_study(code={}, versions={}, hardware={}, notes=[], data_hash=None, command=[])
    for name in ("code", "space_hash"):
        del study.study[name]
    study.search(configs["published"], [0.1, 0.2, 0.3])
    text = check_page(write_report(study.write())).text
    assert text.count("not recorded") >= 6


def test_a_report_can_be_written_again(finished: Path) -> None:
    first = digest(write_report(finished))
    (finished / "report" / "report.html").write_text("stale")
    assert digest(write_report(finished)) == first


def test_no_study_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no study"):
        write_report(tmp_path)


def test_two_thousand_trials_stay_small_and_fast(make_study: Any, complete: Callable[[Any], Any]) -> None:
    study = make_study()
    base = {"window": 8, "learning_rate": 0.001, "clip": 5.0, "gate": "mixed", "ratio": 0.5}
    for number in range(1996):
        config = {**base, "learning_rate": 0.0001 + number * 1e-6}
        value = 0.3 + (number * 37 % 100) / 250
        full = number % 4 == 0
        study.search(config, [value, value, value + 0.01] if full else [value], "complete" if full else "stop")
    searched = complete(_with_toy_search(study))
    folder = searched.write()
    began = time.monotonic()
    report = write_report(folder)
    seconds = time.monotonic() - began
    assert report.html.stat().st_size < 3_000_000
    assert seconds < 30  # a few seconds on an idle machine
    text = check_page(report).text
    assert "200 of 2013 trials, the best of the search first" in text
    assert "labelled_event_f1 by epoch, 200 of 2,000 trials" in text
    assert len(read_csv(report.html.parent / "tables" / "trials.csv")) == 2013


def _with_toy_search(study: Any) -> Any:
    published = study.study["published"]
    study.search(published, [0.3, 0.4, 0.5])
    study.search({**published, "window": 32, "learning_rate": 0.0035}, [0.6, 0.7, 0.8])
    study.search({**published, "window": 8}, [0.2], "stop")
    study.search({**published, "window": 8, "gate": "none"}, [0.5, 0.6, 0.7])
    return study


def test_of_too_many_trials_the_worst_of_the_search_are_left_out(finished: Path) -> None:
    trials = read_records(finished).trials
    assert [trial.trial_id for trial in choose_trials(trials, maximize=True)][:4] == [
        *("search-0001", "search-0003", "search-0000", "search-0002")
    ]
    assert [trial.trial_id for trial in choose_trials(trials, maximize=True, most=14)] == [
        "search-0001",
        *(trial.trial_id for trial in trials if trial.stage != "search"),
    ]
    assert choose_trials(trials, maximize=False)[0].trial_id == "search-0000"


def test_the_readers_of_the_appendix_agree(finished: Path) -> None:
    """The three lines that the appendix prints, over two segments of which the later one counts."""
    import duckdb
    import pandas
    import polars
    import pyarrow.parquet as pq

    from analysis.pages import READERS
    from analysis.reading import StudyFolder
    from analysis.trial_table import TrialRows, to_trial_table, trial_schema

    folder = StudyFolder(finished)
    schema = trial_schema(folder.study["columns"])
    rows = TrialRows(folder.study)
    (finished / "trials").mkdir()
    for event in folder.events_after(-1):
        rows.apply(event["seq"], event["time"], event["kind"], event)
        if event["seq"] in (30, 80):
            table = to_trial_table(rows.rows.values(), schema)
            pq.write_table(table, finished / "trials" / f"{event['seq']:012d}.parquet")
    here = READERS.replace('"trials', f'"{finished}/trials').replace("'trials", f"'{finished}/trials")
    modules = {"pandas": pandas, "duckdb": duckdb, "polars": polars}
    by_pandas, by_duckdb, by_polars = (eval(line, modules) for line in here.splitlines())
    found = dict(by_duckdb.select("trial_id", "status").fetchall())
    assert found == dict(zip(by_pandas["trial_id"], by_pandas["status"], strict=True))
    assert found == dict(by_polars.select("trial_id", "status").iter_rows())
    assert found["search-0001"] == "COMPLETED"


def _with_variant(study: Any, configs: dict[str, Any], metric: Any, *, selected: str) -> Any:
    """The published configuration, a variant of it with another clip, and one that the search found."""
    found = {
        "published": configs["published"],
        "variant": {**configs["published"], "clip": 5.0},
        "good": configs["good"],
    }
    scores = {"published": 0.5, "variant": 0.6, "good": 0.7}
    for name, config in found.items():
        source = {"published": "published", "variant": "published_variant"}.get(name, "sampler")
        study.search(config, [0.4, 0.5, scores[name]], source=source)
    for block in range(3):
        for name, config in found.items():
            arm = {"published": "published", "variant": "published_variant"}.get(name, "candidate")
            noise = 0.01 * (block - 1)
            value = scores[name] + (0.2 if name == selected else 0)
            study.confirm(
                config, block, {"a": value, "b": value}, metric(a=scores[name] + noise, b=scores[name]), arm=arm
            )
    study.select(found[selected])
    return study


def test_a_gain_of_the_model_is_told_from_one_of_its_data_s_preparation(
    make_study: Any, configs: dict[str, Any], metric: Any
) -> None:
    study = _with_variant(make_study(), configs, metric, selected="good")
    report = write_report(study.write())
    (line,) = [line for line in report.verdict if line.startswith("Against published, clip 5")]
    assert "its best preparation: Better: event F1 (log) 0.700 against 0.600, a difference of +0.100" in line
    assert "1 of 1 confirmed candidate is better than the published configuration" in "\n".join(report.verdict)
    rows = read_csv(report.html.parent / "tables" / "configurations.csv")
    assert {row["row"]: row["is_variant"] for row in rows if row["kind"] == "configuration"} == {
        "search-0002": "False",
        "published, clip 5": "True",
        "published": "False",
    }


def test_a_variant_that_wins_is_called_what_it_is(make_study: Any, configs: dict[str, Any], metric: Any) -> None:
    study = _with_variant(make_study(), configs, metric, selected="variant")
    text = "\n".join(write_report(study.write()).verdict)
    assert "Best configuration: published, clip 5" in text
    assert "The best configuration is the published one, prepared otherwise: published, clip 5." in text


def test_what_mattered_and_what_to_run_next(
    make_study: Any, complete: Callable[[Any], Any], configs: dict[str, Any]
) -> None:
    study = make_study()
    for place in range(12):
        window, rate = (8, 16, 32)[place % 3], 0.0002 * (1 + place)
        config = {**configs["published"], "window": window, "learning_rate": rate}
        study.search(config, [0.1, 0.2, window / 100 + 0.001 * (place % 2)])
    for name in ("published", "good", "other"):
        study.search(configs[name], [0.3, 0.4, 0.5 if name == "published" else 0.55])
    report = write_report(complete(study).write())
    text = check_page(report).text
    assert "From all 15 trials at full fidelity." in text
    assert "not what a part is worth: that is an ablation" in text
    assert "What to run next" in text
    assert "--ablate all --from results/toy" in text
    assert {"importance", "pareto"} <= {path.stem for path in (report.html.parent / "tables").iterdir()}
    assert {"parameter", "levels"} == set(report.summary["importance"]["influences"][0])
    markdown = (report.html.parent / "report.md").read_text()
    assert "![Importance of each hyperparameter" in markdown
    assert "## What to run next" in markdown
