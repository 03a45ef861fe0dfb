"""The two built-in samples of forecasting."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.data.forecast_datasets import load_forecast_series
from trainables.data.forecast_series import ForecastSeries
from trainables.data.sample_prices import CARRIED_ON, N_DAYS, generate_prices
from trainables.data.sample_workload import DAY, WEEK, generate_workload

Array = NDArray[np.float64]


@pytest.fixture(scope="module", params=["web-1", "batch-1"])
def workload(request: pytest.FixtureRequest) -> ForecastSeries:
    return generate_workload(request.param)


@pytest.fixture(scope="module", params=CARRIED_ON)
def prices(request: pytest.FixtureRequest) -> ForecastSeries:
    return generate_prices(request.param)


def test_the_values_are_pinned() -> None:
    """A study on a sample can only be compared with another if both saw the same values."""
    hashes = {
        series.name: series.content_hash()
        for dataset in ("sample_workload", "sample_prices")
        for series in load_forecast_series(dataset, root=None, names=None)
    }
    assert hashes == {
        "web-1": "08b61d2d3c7e027dd15bbeb46dc4c3c5",
        "batch-1": "c2a18cf5114618b581feb889d3c42407",
        "RISE-1": "fca80bf952e5a8c28150ef9a45383705",
        "FALL-1": "83e803ccbdde4eac117e903f7ace4e6a",
    }


def test_a_series_does_not_depend_on_the_process() -> None:
    code = (
        "from trainables.data.sample_workload import generate_workload as w\n"
        "from trainables.data.sample_prices import generate_prices as p\n"
        "print(w('batch-1').content_hash(), p('FALL-1').content_hash())"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == [generate_workload("batch-1").content_hash(), generate_prices("FALL-1").content_hash()]


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    generate_workload("web-1")
    generate_prices("RISE-1")
    assert np.random.get_state(legacy=False)["state"]["pos"] == before  # noqa: NPY002


class TestWorkload:
    def test_it_looks_like_a_server(self, workload: ForecastSeries) -> None:
        assert workload.values.shape == (1_500, 4)
        assert workload.columns == ("cpu", "memory", "network", "requests")
        assert workload.targets == (0, 1, 2, 3)
        assert workload.borders == (1_050, 1_200, 1_500)
        assert workload.season == DAY
        assert workload.values.min() >= 0
        assert workload.values[:, :2].max() <= 100
        assert workload.notes[0].startswith("The series is generated")

    def test_days_and_weeks_repeat(self, workload: ForecastSeries) -> None:
        requests = workload.values[:, 3].astype(np.float64)
        requests -= requests.mean()
        repeats = {lag: float((requests[lag:] * requests[:-lag]).mean() / requests.var()) for lag in (12, DAY, WEEK)}
        assert repeats[DAY] > 0.5 > repeats[12]
        assert repeats[WEEK] > repeats[DAY]

    def test_there_is_something_to_find(self, workload: ForecastSeries) -> None:
        """On validation and test, each learned step beats the one before it."""
        error = {name: forecast_error(workload, name) for name in ("last value", "yesterday", "ridge")}
        assert error["last value"] > error["yesterday"] > 1.1 * error["ridge"]
        assert error["ridge"] > 0.05  # and it is not trivial


def forecast_error(series: ForecastSeries, name: str, *, lookback: int = 4 * DAY, horizon: int = DAY) -> float:
    """Mean squared error, scaled, of forecasts of the next day from every step after the train part."""
    n_train = series.borders[0]
    values = series.values.astype(np.float64)
    scaled = (values - values[:n_train].mean(axis=0)) / values[:n_train].std(axis=0)
    starts = np.arange(n_train, len(scaled) - horizon + 1)
    actual = windows(scaled, starts, horizon)
    if name == "ridge":
        predicted = ridge(scaled, np.arange(lookback, n_train - horizon + 1), starts, lookback, horizon)
    elif name == "yesterday":
        predicted = windows(scaled, starts - horizon, horizon)
    else:
        predicted = np.tile(windows(scaled, starts - 1, 1), horizon)
    return float(np.mean((predicted - actual) ** 2))


def windows(scaled: Array, starts: NDArray[np.int64], length: int) -> Array:
    return np.stack([scaled[start : start + length].ravel() for start in starts])


def ridge(
    scaled: Array,
    train: NDArray[np.int64],
    starts: NDArray[np.int64],
    lookback: int,
    horizon: int,
    penalty: float = 300,
) -> Array:
    inputs = windows(scaled, train - lookback, lookback)
    gram = inputs.T @ inputs + penalty * np.eye(inputs.shape[1])
    weights = np.linalg.solve(gram, inputs.T @ windows(scaled, train, horizon))
    return np.asarray(windows(scaled, starts - lookback, lookback) @ weights)


class TestPrices:
    def test_they_look_like_prices(self, prices: ForecastSeries) -> None:
        open_, high, low, close, volume = prices.values.T
        assert prices.values.shape == (N_DAYS, 5)
        assert (low <= np.minimum(open_, close)).all()
        assert (high >= np.maximum(open_, close)).all()
        assert (low > 0).all()
        assert (volume > 0).all()
        assert prices.targets == (3,)
        assert prices.difference == "log_return"
        assert prices.season == 5
        assert prices.borders == (1_050, 1_275, 1_500)
        assert prices.timestamps is not None
        assert np.is_busday(prices.timestamps.astype("datetime64[D]")).all()

    def test_volatility_comes_in_clusters_with_heavy_tails(self, prices: ForecastSeries) -> None:
        returns = log_returns(prices)
        sizes = np.abs(returns)
        assert 0.008 < returns.std() < 0.02
        assert np.mean([correlate(sizes, lag) for lag in range(1, 11)]) > 0.05
        assert np.mean((returns - returns.mean()) ** 4) / returns.var() ** 2 > 3.2

    def test_what_can_be_forecast_is_small_and_described(self, prices: ForecastSeries) -> None:
        planted = CARRIED_ON[prices.name]
        assert prices.notes[0].startswith("The series is generated")
        assert f"a day repeats {planted:+.0%} of the log return before it" in prices.notes[1]
        returns, (train, validation, _) = log_returns(prices), prices.borders
        for part in (returns[:train], returns[train:validation], returns[validation:]):
            assert np.sign(correlate(part, 1)) == np.sign(planted)
        assert correlate(returns[:train], 1) == pytest.approx(planted, abs=0.03)


def log_returns(prices: ForecastSeries) -> Array:
    return np.diff(np.log(prices.values[:, 3].astype(np.float64)))


def correlate(values: Array, lag: int) -> float:
    return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])
