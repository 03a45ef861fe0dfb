"""The report of a forecasting study: its figures where their data are, whole, small and the same bytes twice."""

import hashlib
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.report import Report, write_report

FORECAST = {"predictions", "errors-by-step", "error-distribution", "metric-bars"}
ALWAYS = {
    *("score-against-cost", "search-to-confirmed", "test-scores"),
    *("learning-curves", "anytime-training", "anytime-wall"),
}

START = pd.Timestamp("2026-03-01")


def figures(report: Report) -> set[str]:
    return {path.stem for path in (report.html.parent / "figures").glob("*.svg")}


def predictions(*, horizon: int, error: float, n_origins: int = 20, columns: int = 4) -> pd.DataFrame:
    """A daily wave in several columns of two series, forecast with an error that grows along the horizon."""
    table = [
        (series, origin, step, START + pd.Timedelta(hours=origin + step), f"c{column}", actual, actual + error * step)
        for series in ("a", "b")
        for origin in range(0, n_origins * horizon, horizon)
        for step in range(1, horizon + 1)
        for column in range(columns)
        for actual in [(column + 1) * math.sin((origin + step) / 4)]
    ]
    return pd.DataFrame(table, columns=["series", "origin", "step", "time", "column", "actual", "predicted"])


def scored(mse: float, horizon: int) -> dict[str, dict[str, float]]:
    by_step = {f"mse_at_{step:04d}": mse * 2 * step / (horizon + 1) for step in range(1, horizon + 1)}
    return {name: {"a": value, "b": value + 0.01} for name, value in {"mse": mse, "mae": 0.6, **by_step}.items()}


def learned(epoch: int) -> dict[str, float]:
    """What a mixture records in an epoch."""
    usage = [0.25 + 0.05 * epoch, 0.25, 0.25, 0.25 - 0.05 * epoch]
    return {
        **{f"expert_usage_{number}": value for number, value in enumerate(usage)},
        **{"label_agreement": 0.2 * epoch, "triplet_violations": 1 / epoch, "balance_loss": 0.1},
        **{"loss_weight_forecast": 1.0, "loss_weight_triplet": 0.5 / epoch},
    }


def build(
    study: Any, configs: dict[str, Any], *, horizon: int = 8, measures: Mapping[int, Mapping[str, float]] | None = None
) -> Any:
    """A whole study: two configurations on two seeds, two baselines, everything predicted."""
    study.search(configs["published"], [0.9, 0.8, 0.7])
    study.search(configs["good"], [0.8, 0.6, 0.5])
    for block in range(2):
        for name, mse in (("good", 0.5), ("published", 0.7)):
            trial = study.confirm(
                configs[name],
                block,
                {},
                scored(mse + block / 50, horizon),
                by_epoch=[mse + 0.2, mse, mse + 0.05 * block],
                learned=[(measures or {}).get(epoch, {}) for epoch in (1, 2, 3)],
            )
            study.predict(trial, predictions(horizon=horizon, error=mse / horizon))
    study.select(configs["good"])
    for name, mse in (("last_value", 0.8), ("seasonal_naive", 4.0)):
        trial = study.baseline(name, 0, scored(mse, horizon), objective={"a": mse, "b": mse})
        study.predict(trial, predictions(horizon=horizon, error=mse / horizon))
    return study


def digest(report: Report) -> dict[str, str]:
    folder = report.html.parent
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read(report: Report) -> str:
    """The words of the page."""
    page = re.sub(r"<style>.*?</style>", "", report.html.read_text(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_forecasting_study_shows_what_was_forecast(make_forecast: Any, configs: dict[str, Any]) -> None:
    report = write_report(build(make_forecast(), configs).write())
    assert figures(report) == ALWAYS | FORECAST | {"convergence"}
    text = read(report)
    assert "What was forecast" in text
    assert "What the model learned" in text
    # Of four columns the one halfway between the first and the last is the third.
    assert "Series a, the first of 2 tested: target columns c0, c2, c3 of 4, evenly spread" in text
    assert "the 8 forecasts about the middle of the test part (8 steps each" in text
    assert "first seed (trial confirm-0000)" in text
    assert "Errors on the test part over 2 series, all steps of the horizon and all target columns" in text
    assert "MSE on the test part by step of the horizon: its first step, and means over its quarters" in text
    markdown = (report.html.parent / "report.md").read_text()
    assert "| MSE | Step 1 | Steps 1 to 2 | Steps 3 to 4 | Steps 5 to 6 | Steps 7 to 8 |" in markdown
    assert "![Actual and forecast values of c0, c2, c3" in markdown
    table = pd.read_csv(report.html.parent / "tables" / "by_step.csv")
    assert len(table) == 4 * 8
    last = table[(table["row"] == "last value") & (table["step"] == 8)].iloc[0]
    assert last["mean"] == pytest.approx(0.8 * 16 / 9 + 0.005)


def test_words_fit_a_forecast(make_forecast: Any, configs: dict[str, Any]) -> None:
    report = write_report(build(make_forecast(), configs).write())
    assert report.verdict[0].startswith("Best configuration: search-0001, MSE 0.515 [")
    assert report.verdict[0].endswith("] on the test part.")
    assert not re.search(
        r"untouched|label|threshold|anomal|detector|\bevents?\b", read(report).replace("aria-label", "")
    )


def test_one_step_ahead_has_no_profile(make_forecast: Any, configs: dict[str, Any]) -> None:
    report = write_report(build(make_forecast(), configs, horizon=1).write())
    assert figures(report) == ALWAYS | FORECAST - {"errors-by-step"} | {"convergence"}
    assert not (report.html.parent / "tables" / "by_step.csv").exists()
    assert "by step of the horizon" not in read(report)


def test_what_models_learned_is_shown_where_they_recorded_it(make_forecast: Any, configs: dict[str, Any]) -> None:
    mixture = {epoch: learned(epoch) for epoch in (1, 2, 3)}
    report = write_report(build(make_forecast("mixture"), configs, measures=mixture).write())
    assert figures(report) == ALWAYS | FORECAST | {"convergence", "expert-usage", "learned"}
    text = read(report)
    assert "expert 0: 40 %" in text
    assert "best row, mean over 2 seeds and 2 series" in text
    assert "loss weight: the best row's means" in text.replace("&#39;", "'")
    gates = {epoch: {"alpha": 0.5, "alpha_1": 0.4, "alpha_2": 0.6} for epoch in (1, 2, 3)}
    report = write_report(build(make_forecast("gates"), configs, measures=gates).write())
    assert figures(report) == ALWAYS | FORECAST | {"convergence", "alpha"}
    assert "Weight of the Mamba branch by epoch" in read(report)
    assert "layer 2" in read(report)


def test_without_prediction_files_the_other_figures_stand(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = build(make_forecast(), configs)
    shutil.rmtree(study.folder / "predictions")
    report = write_report(study.write())
    assert figures(report) == ALWAYS | {"errors-by-step", "metric-bars", "convergence"}


def test_without_baselines_there_is_nothing_to_be_relative_to(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    trial = study.confirm(configs["published"], 0, {"a": 0.5, "b": 0.6}, scored(0.5, 8))
    study.predict(trial, predictions(horizon=8, error=0.1))
    study.select(configs["published"])
    report = write_report(study.write())
    alone = {"metric-bars", "score-against-cost"}  # of the one row there is, nothing is compared
    assert figures(report) == (ALWAYS | FORECAST | {"convergence"}) - alone


@pytest.mark.parametrize("lines", [3, 14, 28, 54, 58, 60])
def test_killed_anywhere(make_forecast: Any, configs: dict[str, Any], lines: int) -> None:
    mixture = {epoch: learned(epoch) for epoch in (1, 2, 3)}
    report = write_report(build(make_forecast(), configs, measures=mixture).write(lines=lines))
    assert not re.search(r"\b(nan|None|undefined|inf)\b", read(report))


def test_a_detection_study_has_none_of_these(finished: Path) -> None:
    assert figures(write_report(finished)) == ALWAYS


def test_the_same_data_give_the_same_bytes(make_forecast: Any, configs: dict[str, Any], tmp_path: Path) -> None:
    mixture = {epoch: learned(epoch) for epoch in (1, 2, 3)}
    folder = build(make_forecast(), configs, measures=mixture).write()
    shutil.copytree(folder, tmp_path / "elsewhere" / "toy")
    first = digest(write_report(folder))
    assert digest(write_report(tmp_path / "elsewhere" / "toy")) == first
    assert digest(write_report(folder)) == first


def test_every_colour_follows_the_theme(make_forecast: Any, configs: dict[str, Any]) -> None:
    mixture = {epoch: learned(epoch) for epoch in (1, 2, 3)}
    report = write_report(build(make_forecast(), configs, measures=mixture).write())
    for name in FORECAST | {"convergence", "expert-usage", "learned"}:
        svg = (report.html.parent / "figures" / f"{name}.svg").read_text()
        drawn = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
        assert not re.findall(r"(?<!, )#[0-9a-f]{6}\b", drawn), name


def test_a_long_test_part_stays_small(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = build(make_forecast(), configs)
    for path in (study.folder / "predictions").iterdir():
        predictions(horizon=48, error=0.01, n_origins=120, columns=3).to_parquet(path)
    report = write_report(study.write())
    assert (report.html.parent / "figures" / "predictions.svg").stat().st_size < 200_000


def test_names_from_the_data_are_escaped(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = build(make_forecast(), configs)
    for path in (study.folder / "predictions").iterdir():
        pd.read_parquet(path).replace({"column": {"c0": "<script>$x$</script>"}}).to_parquet(path)
    report = write_report(study.write())
    assert "<script" not in report.html.read_text()
    assert "&lt;script>$x$" in (report.html.parent / "report.md").read_text()


def test_a_logarithmic_axis_has_plain_numbers(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [90_000.0, 0.8, 0.7])
    study.confirm(configs["published"], 0, {}, by_epoch=[90_000.0, 0.8, 0.7, 0.6])
    report = write_report(study.write())
    for name in ("learning-curves", "convergence"):
        svg = (report.html.parent / "figures" / f"{name}.svg").read_text()
        assert ">10000<" in svg
        assert "mathdefault" not in svg
