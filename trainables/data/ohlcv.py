"""Daily prices: open, high, low, close and volume, one file per ticker.

Read as ``AAPL.parquet`` or ``AAPL.csv`` with a column ``timestamp`` or ``date``, and as published,
``AAPL_2006-01-01_to_2018-01-01.csv`` (``Date,Open,High,Low,Close,Volume,Name``); upper and lower case do not matter.
A row is a trading day: weekends and holidays are no gaps, so rows are taken in order. The close is forecast, and models
are trained on log returns. 70 % of the days train, 15 % validate, 15 % test.
"""

import re
from functools import partial
from pathlib import Path

from trainables.data.files import TableFile, read_table
from trainables.data.forecast_files import list_files, name_files, pop_clock, select_columns
from trainables.data.forecast_rows import make_series, read_rows
from trainables.data.forecast_rules import ForecastChoices, ForecastRules, split_by_percent
from trainables.data.forecast_series import ForecastSeries, ForecastSeriesFound
from trainables.data.names import enumerate_names

OHLCV_COLUMNS = ("open", "high", "low", "close", "volume")
TRADING_DAYS_A_WEEK = 5


def make_ohlcv_rules(*notes: str) -> ForecastRules:
    """Make the rules of daily prices, with notes on where they come from."""
    return ForecastRules(
        borders=split_by_percent(train=70, test=15),
        in_row_order=True,
        season=TRADING_DAYS_A_WEEK,
        default_targets=("close",),
        default_difference="log_return",
        notes=notes,
    )


def find_ohlcv(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the tickers of a folder, in natural order."""
    files = name_files(list_files(root, "*.csv", "*.parquet"), _name_ticker)
    return {name: partial(_load, path, name, choices) for name, path in files.items()}


def _name_ticker(path: Path) -> str:
    """Leave out the span of time that published files have in their names."""
    return re.sub(r"_\d{4}-\d{2}-\d{2}_to_\d{4}-\d{2}-\d{2}$", "", path.stem)


def _load(path: Path, name: str, choices: ForecastChoices) -> ForecastSeries:
    file, times = pop_clock(_in_lower_case(read_table(path)), "timestamp", "date")
    rows = read_rows(select_columns(file, OHLCV_COLUMNS), times, way_out="write every cell as a number")
    return make_series(name, rows, choices, make_ohlcv_rules())


def _in_lower_case(file: TableFile) -> TableFile:
    names = [name.lower() for name in file.names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{file.path} has more than one column {enumerate_names(repeated)}; keep one in the file")
    return TableFile(path=file.path, table=file.table.rename_columns(names))
