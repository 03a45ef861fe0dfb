"""A forecasting study on a real Ray: from the question to the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import load_metrics, load_trials
from analysis.report import write_report
from cluster.driver import StudyResult, run_study
from cluster.resolution import resolve
from cluster.study import Resources, StudySpec

SPEC = StudySpec(space="dlinear", trials=4, max_epochs=4, confirm_top=1, confirm_seeds=2, fixed={"patience": 1})


@pytest.fixture(scope="module")
def finished(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return run_study(SPEC, name="forecast", results=tmp_path_factory.mktemp("results"))


def test_rows_state_the_epoch_that_counts(finished: StudyResult) -> None:
    trials, metrics = load_trials(finished.folder), load_metrics(finished.folder)
    assert finished.reason == "finished"
    trained = trials[trials["stage"].isin(["search", "confirm"]) & (trials["status"] == "COMPLETED")]
    assert len(trained) >= 5
    for row in trained.itertuples():
        own = metrics[(metrics["trial_id"] == row.trial_id) & metrics["series"].notna()]
        best = own[own["name"] == "val_mse"].groupby("series")["value"].min()
        assert row.objective == pytest.approx(best.mean())
        assert row.m_val_mse == pytest.approx(best.mean())
    assert (trained["epochs_run"] <= 4).all()


def test_everything_forecast_is_tested_beside_the_naive_baselines(finished: StudyResult) -> None:
    trials = load_trials(finished.folder).set_index("trial_id")
    tested = trials[trials["m_test_mse"].notna()]
    assert set(tested["arm"]) == {"candidate", "published", "last_value", "seasonal_naive"}
    naive = tested[tested["arm"] == "last_value"].iloc[0]
    assert (tested[tested["stage"] == "confirm"]["m_test_mse"] < naive["m_test_mse"]).all()
    by_step = load_metrics(finished.folder)
    steps = by_step[(by_step["trial_id"] == naive.name) & by_step["name"].str.startswith("test_mse_at_")]
    means = steps[steps["series"].isna()].sort_values("name")["value"]
    assert len(means) == 24
    assert means.mean() == pytest.approx(naive["m_test_mse"])


def test_predictions_are_in_the_data_s_own_units(finished: StudyResult) -> None:
    trials = load_trials(finished.folder).set_index("trial_id")
    name = trials.index[trials["arm"] == "last_value"][0]
    table = pd.read_parquet(finished.folder / "predictions" / f"{name}.parquet")
    assert set(table["series"]) == {"web-1", "batch-1"}
    assert table.groupby(["series", "origin", "column"])["predicted"].nunique().max() == 1
    assert np.abs(table["actual"] - table["predicted"]).mean() > 0
    assert table["time"].notna().all()


def test_the_report_reads_as_one_of_errors(finished: StudyResult) -> None:
    report = write_report(finished.folder)
    text = " ".join(report.verdict)
    assert "MSE" in text
    assert "lower is better" in text
    plain = json.loads((finished.folder / "report" / "summary.json").read_text())
    assert plain["comparison"]["yardstick"] == {
        "name": "mse", "label": "MSE", "on_test": True, "higher_is_better": False
    }  # fmt: skip


def test_the_space_decides_what_the_user_leaves_open() -> None:
    resolved = resolve(StudySpec(space="dlinear"))
    assert (resolved.spec.data, resolved.spec.max_epochs) == ("sample_workload", 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "sample"}, r"^unknown data set 'sample'; known are 'sample_workload'"),
        ({"fixed": {"lookback": 1030}}, r"^`lookback` is 1030, but the train part of series 'web-1' has 1050 steps"),
        ({"ranges": {"lookback": "96,2000"}}, r"^`lookback` is 2000, but the train part"),
        ({"objective": "labelled_event_f1"}, r"^there is no objective 'labelled_event_f1' for forecasting"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_starts(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(StudySpec(space="dlinear", **changes))  # type: ignore[arg-type]


def test_half_precision_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^`--precision` is 'bf16', which is for GPUs, but trials have none"):
        run_study(StudySpec(space="dlinear", precision="bf16"), results=tmp_path, resources=Resources())
