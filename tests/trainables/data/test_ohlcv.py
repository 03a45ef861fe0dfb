from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trainables.data.forecast_datasets import load_forecast_series
from trainables.data.forecast_series import ForecastSeries
from trainables.data.ohlcv import OHLCV_COLUMNS

PUBLISHED = "AAPL_2006-01-01_to_2018-01-01.csv"


def load(root: Path, *, target: list[str] | None = None, difference: str | None = None) -> ForecastSeries:
    (series,) = load_forecast_series("ohlcv", root=root, names=None, target=target, difference=difference)
    return series


@pytest.fixture
def prices() -> pd.DataFrame:
    """Forty trading days in the published columns, with two missing cells."""
    close = 100 + np.arange(40.0)
    table = pd.DataFrame({"Date": np.busday_offset("2024-01-01", np.arange(40)), "Open": close - 0.5})
    table = table.assign(High=close + 1, Low=close - 1, Close=close, Volume=1000 + np.arange(40), Name="AAPL")
    table.loc[3, "Open"] = np.nan
    table.loc[7, "Low"] = np.nan
    return table


def test_the_published_file_is_read(tmp_path: Path, prices: pd.DataFrame) -> None:
    prices.to_csv(tmp_path / PUBLISHED, index=False)
    series = load(tmp_path)
    assert series.name == "AAPL"
    assert series.columns == OHLCV_COLUMNS
    assert series.targets == (3,)
    assert series.difference == "log_return"
    assert series.season == 5
    assert series.borders == (28, 34, 40)


def test_weekends_are_no_gaps_and_missing_cells_repeat_the_day_before(tmp_path: Path, prices: pd.DataFrame) -> None:
    prices.to_csv(tmp_path / PUBLISHED, index=False)
    series = load(tmp_path)
    assert len(series.values) == 40
    assert series.timestamps is not None
    assert np.is_busday(series.timestamps.astype("datetime64[D]")).all()
    assert series.values[3, 0] == series.values[2, 0]
    assert series.values[7, 2] == series.values[6, 2]
    assert series.notes == ("Missing cells filled with the last value before them: 1 of 'open', 1 of 'low'.",)


def test_parquet_in_lower_case_is_the_same_series(tmp_path: Path, prices: pd.DataFrame) -> None:
    prices.to_csv(tmp_path / PUBLISHED, index=False)
    published = load(tmp_path).content_hash()
    (tmp_path / PUBLISHED).unlink()
    lower = prices.drop(columns="Name").rename(columns=str.lower).rename(columns={"date": "timestamp"})
    lower.to_parquet(tmp_path / "AAPL.parquet")
    assert load(tmp_path).content_hash() == published


def test_the_user_may_choose(tmp_path: Path, prices: pd.DataFrame) -> None:
    prices.to_csv(tmp_path / PUBLISHED, index=False)
    series = load(tmp_path, target=["high", "low"], difference="none")
    assert series.targets == (1, 2)
    assert series.difference == "none"


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (
            5,
            "Close",
            0,
            r"^series 'AAPL' has 1 values that are not above 0, the first \(0\) in row 6 .* column 'close'",
        ),
        (5, "Volume", -1, r"in row 6 \(counted from 1, 2024-01-08T00:00:00\) of column 'volume', but difference 'log_"),
        (4, "Open", np.inf, r"^row 5 of column 'open' in .*AAPL.*\.csv is inf, but a value must be finite"),
    ],
)
def test_a_value_without_a_logarithm_is_an_error(
    tmp_path: Path, prices: pd.DataFrame, row: int, column: str, value: float, message: str
) -> None:
    prices.loc[row, column] = value
    prices.to_csv(tmp_path / PUBLISHED, index=False)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    if np.isfinite(value):
        assert load(tmp_path, difference="none").difference == "none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Low": "minimum"}, r"AAPL.*\.csv lacks 'low' of the published columns; it has 'open', 'high', 'minimum'"),
        ({"Low": "open"}, r"AAPL.*\.csv has more than one column 'open'; keep one in the file$"),
        ({"Date": "day"}, r"AAPL.*\.csv has no column 'timestamp'; name one of 'day', 'open'"),
    ],
)
def test_columns_have_to_be_there_once(
    tmp_path: Path, prices: pd.DataFrame, changes: dict[str, str], message: str
) -> None:
    prices.rename(columns=changes).to_csv(tmp_path / PUBLISHED, index=False)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_two_files_of_a_ticker_are_one_too_many(tmp_path: Path, prices: pd.DataFrame) -> None:
    for name in (PUBLISHED, "AAPL.csv"):
        prices.to_csv(tmp_path / name, index=False)
    with pytest.raises(ValueError, match=r"are both series 'AAPL'; keep one of them in the folder$"):
        load(tmp_path)


@pytest.mark.shared
def test_the_published_apple_and_the_parquet_are_the_same_series(shared_data: Path) -> None:
    published = load(shared_data / "finance_official_sample")
    (parquet,) = load_forecast_series("ohlcv", root=shared_data / "finance", names=["AAPL"])
    np.testing.assert_array_equal(published.values, parquet.values, strict=True)
    assert published.content_hash() == parquet.content_hash()
    assert published.values.shape == (3_019, 5)
    assert published.borders == (2_113, 2_567, 3_019)
    assert published.notes == ()


@pytest.mark.shared
def test_missing_cells_of_real_prices_are_named(shared_data: Path) -> None:
    series = load_forecast_series("ohlcv", root=shared_data / "finance", names=["GE", "WMT"])
    assert [one.values.shape for one in series] == [(3_020, 5)] * 2
    assert [one.notes for one in series] == [
        ("Missing cells filled with the last value before them: 1 of 'open', 1 of 'low'.",),
        ("Missing cells filled with the last value before them: 1 of 'open', 1 of 'high', 1 of 'low'.",),
    ]
