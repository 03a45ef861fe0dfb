"""The named data sets of forecasting: which there are, where they come from, and their series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from trainables.data.finding import check_takes_option, choose_series, find_in_root, look_up_dataset
from trainables.data.forecast_published import (
    find_alibaba,
    find_bitbrains,
    find_ett,
    find_exchange_rate,
    find_google,
    find_nasa,
)
from trainables.data.forecast_rules import ForecastChoices
from trainables.data.forecast_series import Difference, ForecastSeries, ForecastSeriesFound
from trainables.data.forecast_tables import find_forecast_tables
from trainables.data.ohlcv import find_ohlcv
from trainables.data.sample_prices import find_sample_prices
from trainables.data.sample_workload import find_sample_workload


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastDataset:
    """One named data set."""

    name: str
    description: str
    """One line: what it is and where it comes from."""
    layout: str | None
    """What is looked for below the root; ``None`` for a built-in set, which has no root."""
    find: Callable[[Path, ForecastChoices], ForecastSeriesFound]
    """Finds the series there are, in natural order. All of them are the default of a study."""
    horizon: int
    """How many steps ahead a study forecasts unless the user says otherwise."""
    takes_roles: bool = False
    """Whether the user says which column is the clock; published sets know their own."""

    @property
    def needs_root(self) -> bool:
        """Whether the data lie in a folder that the user has to name."""
        return self.layout is not None


def load_forecast_series(
    dataset: str,
    *,
    root: Path | None,
    names: Sequence[str] | None,
    timestamp: str | None = None,
    target: Sequence[str] | None = None,
    difference: str | None = None,
) -> tuple[ForecastSeries, ...]:
    """Load series of a data set, checked.

    Args:
        dataset: A name in :data:`FORECAST_DATASETS`.
        root: The folder the data lie in; ``None`` for a built-in set.
        names: The series, in the order wanted; ``None``: all there are, in natural order.
        timestamp: The column with the clock, for one's own tables; ``None``: there is none.
        target: The columns to forecast; ``None``: what the data set is for, which is every column but for prices.
        difference: ``none`` or ``log_return``; ``None``: log returns for prices, else none.

    Raises:
        ValueError: If anything about the request or the data is wrong, in one line.
    """
    takes_roles = look_up_dataset(dataset, FORECAST_DATASETS).takes_roles
    check_takes_option("--timestamp", timestamp, dataset, takes_it=takes_roles)
    choices = ForecastChoices(
        timestamp=timestamp,
        targets=None if target is None else tuple(target),
        difference=cast("Difference | None", difference),  # checked there
    )
    found = _find(dataset, root, choices)
    return tuple(found[name]() for name in choose_series(names, found, dataset))


def list_forecast_series(dataset: str, root: Path | None) -> tuple[str, ...]:
    """List the series of a data set in natural order, without reading them.

    Raises:
        ValueError: If the data set is unknown, or if there is no series of it in the root.
    """
    return tuple(_find(dataset, root, ForecastChoices()))


def _find(dataset: str, root: Path | None, choices: ForecastChoices) -> ForecastSeriesFound:
    loader = look_up_dataset(dataset, FORECAST_DATASETS)
    return find_in_root(loader, root, lambda folder: loader.find(folder, choices))


FORECAST_DATASETS: dict[str, ForecastDataset] = {
    dataset.name: dataset
    for dataset in (
        ForecastDataset(
            name="sample_workload",
            description="Two short generated series of hourly server load with daily and weekly cycles; built in.",
            layout=None,
            find=find_sample_workload,
            horizon=24,
        ),
        ForecastDataset(
            name="sample_prices",
            description="Two generated series of daily prices with clustered volatility; built in.",
            layout=None,
            find=find_sample_prices,
            horizon=1,
        ),
        ForecastDataset(
            name="ett",
            description="Electricity Transformer Temperature, hourly and every 15 minutes (Zhou et al., AAAI 2021).",
            layout="ETTh1.csv, ETTh2.csv, ETTm1.csv or ETTm2.csv, or the same as .parquet",
            find=find_ett,
            horizon=96,
        ),
        ForecastDataset(
            name="exchange_rate",
            description="Daily exchange rates of eight currencies, 1990 to 2016 (Lai et al., SIGIR 2018).",
            layout="exchange_rate.txt.gz, exchange_rate.txt or exchange_rate.parquet",
            find=find_exchange_rate,
            horizon=96,
        ),
        ForecastDataset(
            name="bitbrains",
            description="GWA-T-12: virtual machines of a hosting company, every five minutes (Shen et al., 2015).",
            layout="{rnd,fastStorage}/2013-8/<vm>.csv, or bitbrains_rnd_2013-8_vm<vm>.parquet or .csv",
            find=find_bitbrains,
            horizon=12,
        ),
        ForecastDataset(
            name="alibaba",
            description="Alibaba cluster trace 2018: machine usage, mean of the data centre, every 30 or 300 seconds.",
            layout="alibaba*.parquet or .csv with a column 'timestamp' in seconds",
            find=find_alibaba,
            horizon=12,
        ),
        ForecastDataset(
            name="google",
            description="Google cluster trace 2019: instance usage, mean of the data centre, every five minutes.",
            layout="google*.parquet or .csv with a column 'timestamp' in seconds",
            find=find_google,
            horizon=12,
        ),
        ForecastDataset(
            name="nasa",
            description="NASA-HTTP: requests per minute to a web server in summer 1995 (Internet Traffic Archive).",
            layout="nasa*.parquet or .csv with the columns 'timestamp' and 'requests'",
            find=find_nasa,
            horizon=60,
        ),
        ForecastDataset(
            name="ohlcv",
            description="Daily prices of stocks: open, high, low, close, volume; the close is forecast.",
            layout="<TICKER>.parquet or .csv, or <TICKER>_2006-01-01_to_2018-01-01.csv",
            find=find_ohlcv,
            horizon=1,
        ),
        ForecastDataset(
            name="csv",
            description="Your own series as CSV with a header line, a file for each.",
            layout="<series>.csv",
            find=partial(find_forecast_tables, suffix="csv"),
            horizon=24,
            takes_roles=True,
        ),
        ForecastDataset(
            name="parquet",
            description="Your own series as Parquet, a file for each.",
            layout="<series>.parquet",
            find=partial(find_forecast_tables, suffix="parquet"),
            horizon=24,
            takes_roles=True,
        ),
    )
}
"""The data sets by name. A new one is a finder and an entry here."""
