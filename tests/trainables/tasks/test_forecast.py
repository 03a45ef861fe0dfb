"""The forecasting protocol: objectives, naive baselines, test metrics, predictions."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainables.tasks.test_prepared_forecast import make_prices
from trainables.data.forecast_datasets import load_forecast_series
from trainables.models.base import Model
from trainables.models.dlinear import FAMILY, DLinearConfig
from trainables.tasks.base import DataRequest, StudyData
from trainables.tasks.forecast import ForecastTask
from trainables.tasks.forecasters import ModelForecaster

CPU = torch.device("cpu")
TASK = ForecastTask()


class NothingChanges(Model):
    """Forecasts the last value of every target, as scaled values of a series without differences."""

    def __init__(self, horizon: int, targets: list[int]) -> None:
        super().__init__()
        self.horizon, self.targets = horizon, targets

    def forward(self, inputs: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        return inputs[:, -1:, self.targets].expand(-1, self.horizon, -1)


@pytest.fixture(scope="module")
def data() -> StudyData:
    return TASK.prepare([make_prices(difference="none")], objective=None, horizon=3)


def _request(**changes: object) -> DataRequest:
    values: dict[str, object] = dict.fromkeys(
        ("root", "series", "label_column", "timestamp", "target", "horizon", "difference", "objective", "labelled_by")
    )
    return DataRequest(**{"data": "sample_prices", "full_test": False, "seed": 0, **values, **changes})  # type: ignore[arg-type]


def test_a_model_that_repeats_the_last_value_equals_the_baseline(data: StudyData) -> None:
    (series,) = data.series.values()
    model = ModelForecaster(NothingChanges(3, [2]), lookback=10)
    _, baselines = TASK.baseline("last_value", data, seed=0, device=CPU)
    names = tuple(TASK.objectives)
    ours, theirs = (
        TASK.validate(one, series, config=None, names=names, device=CPU) for one in (model, baselines["prices"])
    )
    assert ours == pytest.approx(theirs, rel=1e-4)
    tested = [
        TASK.test(one, series, config=None, full=False, device=CPU).metrics for one in (model, baselines["prices"])
    ]
    assert tested[0]["test_mse"] == pytest.approx(tested[1]["test_mse"], rel=1e-4)
    assert tested[1]["test_directional_accuracy"] == 0.5
    assert np.isnan(tested[1]["test_dm_statistic"])  # against itself


def test_the_seasonal_naive_forecast_repeats_the_season_before(data: StudyData) -> None:
    (series,) = data.series.values()
    config, baselines = TASK.baseline("seasonal_naive", data, seed=0, device=CPU)
    assert config == {"season": "5 steps"}
    found = baselines["prices"].forecast(series, range(80, 83), CPU).original
    np.testing.assert_array_equal(found[1, :, 0], series.original[[76, 77, 78], 0])
    far = TASK.prepare([make_prices(difference="none")], objective=None, horizon=7)
    found = baselines["prices"].forecast(far.series["prices"], range(80, 81), CPU).original
    np.testing.assert_array_equal(found[0, :, 0], series.original[[75, 76, 77, 78, 79, 75, 76], 0])


def test_metrics_of_single_steps_average_to_the_whole(data: StudyData) -> None:
    (series,) = data.series.values()
    outcome = TASK.test(
        ModelForecaster(NothingChanges(3, [2]), lookback=10), series, config=None, full=False, device=CPU
    )
    steps = [outcome.metrics[f"test_mse_at_{step:04d}"] for step in (1, 2, 3)]
    assert np.mean(steps) == pytest.approx(outcome.metrics["test_mse"])
    assert steps[0] < steps[2]  # the further, the harder


def test_predictions_hold_every_test_step_once(data: StudyData) -> None:
    (series,) = data.series.values()
    table = TASK.test(
        ModelForecaster(NothingChanges(3, [2]), lookback=10), series, config=None, full=False, device=CPU
    ).predictions.to_pandas()
    rows = table["origin"] + table["step"] - 1
    assert rows.tolist() == list(range(80, 98))
    np.testing.assert_array_equal(table["actual"], series.original[80:98, 0])
    np.testing.assert_allclose(table["predicted"], series.original[table["origin"] - 1, 0], rtol=1e-5)
    assert set(table["column"]) == {"close"}


def test_examples_are_those_of_the_train_part(data: StudyData) -> None:
    (series,) = data.series.values()
    config = DLinearConfig.from_dict(
        {
            "lookback": 10, "individual": False, "decomposition": True, "normalisation": "none", "learning_rate": 0.01,
            "weight_decay": 0.0, "batch_size": 8, "gradient_clip": None, "schedule": "constant", "patience": None,
        }
    )  # fmt: skip
    sizes = TASK.sizes(series, config)
    assert (sizes.n_features, sizes.horizon, sizes.targets, sizes.n_examples) == (3, 3, (2,), 48)
    examples = TASK.examples(series, config, CPU)
    assert len(examples) == 48
    _, wanted = examples.take(torch.tensor([47]))
    assert wanted[0, -1, 0] == series.scaled[59, 2]
    model = FAMILY.build(config, sizes, torch.Generator())
    assert model(examples.take(torch.arange(5))[0]).shape == (5, 3, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "log_gap"}, r"^there is no objective 'log_gap' for forecasting; known: val_mse, val_mae$"),
        ({"horizon": 0}, r"^`--horizon` is 0, but must be at least 1"),
        ({"labelled_by": "time"}, r"^`--labelled-by` is given, but forecasting knows no labels"),
        ({"full_test": True}, r"^`--full-test` is given, but forecasting"),
        ({"data": "smd"}, r"^unknown data set 'smd'"),
        ({"difference": "percent"}, r"^unknown difference 'percent'"),
        ({"target": ("price",)}, r"target 'price' is no column"),
    ],
)
def test_wrong_requests_are_told_in_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        TASK.open(_request(**changes))
    assert "\n" not in str(caught.value)


def test_the_horizon_is_the_data_set_s_unless_it_is_given() -> None:
    assert {one.horizon for one in TASK.open(_request()).series.values()} == {1}
    assert {one.horizon for one in TASK.open(_request(horizon=4)).series.values()} == {4}


@pytest.mark.shared
def test_the_naive_forecasts_on_etth1_are_the_published_ones(shared_data: Path) -> None:
    """LTSF-Linear's "Repeat" row, and facts measured beside it: MSE, MAE at horizon 96, last batch kept."""
    series = load_forecast_series("ett", root=shared_data / "ett_official_sample", names=["ETTh1"])
    data = TASK.prepare(series, objective=None, horizon=96)
    for name, expected in (("last_value", (1.294, 0.713)), ("seasonal_naive", (0.512, 0.433))):
        _, baselines = TASK.baseline(name, data, seed=0, device=CPU)
        metrics = TASK.test(baselines["ETTh1"], data.series["ETTh1"], config=None, full=False, device=CPU).metrics
        assert (metrics["test_mse"], metrics["test_mae"]) == pytest.approx(expected, abs=0.002)
