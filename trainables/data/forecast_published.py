"""The public forecasting data sets: electricity transformers, exchange rates, and traces of data centres.

References:
    ETT: Zhou et al., "Informer", AAAI 2021; github.com/zhouhaoyi/ETDataset. Borders of 12, 4 and 4 months of 30 days.
    Exchange rate: Lai et al., "Modeling Long- and Short-Term Temporal Patterns with Deep Neural Networks", SIGIR 2018.
    Bitbrains: Shen, van Beek, Iosup, "Statistical Characterization of Business-Critical Workloads", CCGrid 2015
    (GWA-T-12).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from trainables.data.columns import to_clock
from trainables.data.files import TableFile, read_plain_text, read_table
from trainables.data.forecast_files import list_files, name_files, pop_clock, select_columns
from trainables.data.forecast_rows import make_series, read_rows
from trainables.data.forecast_rules import ForecastChoices, ForecastRules, split_by_percent
from trainables.data.forecast_series import ForecastSeries, ForecastSeriesFound

ETT_COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
ALIBABA_COLUMNS = ("cpu_util_percent", "mem_util_percent", "net_in", "net_out", "disk_io_percent")
GOOGLE_COLUMNS = ("avg_cpu", "avg_mem", "avg_assigned_mem", "avg_cycles_per_instruction")
NASA_COLUMNS = ("requests",)
BITBRAINS_COLUMNS = {
    "CPU cores": "cpu_cores",
    "CPU capacity provisioned [MHZ]": "cpu_capacity_mhz",
    "CPU usage [MHZ]": "cpu_usage_mhz",
    "CPU usage [%]": "cpu_usage_pct",
    "Memory capacity provisioned [KB]": "mem_capacity_kb",
    "Memory usage [KB]": "mem_usage_kb",
    "Disk read throughput [KB/s]": "disk_read_kbps",
    "Disk write throughput [KB/s]": "disk_write_kbps",
    "Network received throughput [KB/s]": "net_rx_kbps",
    "Network transmitted throughput [KB/s]": "net_tx_kbps",
}
"""The published names and the short ones that the series have."""
BITBRAINS_CLOCK = "Timestamp [ms]"

HOUR = 60
"""Steps of an hour of one-minute counts."""

_ETT_MONTHS = (12, 16, 20)
_TRACE_RULES = ForecastRules(borders=split_by_percent(train=70, test=20))
_WAY_OUT = "write every cell as a number"
_SEVEN_ROWS_A_WEEK = (
    "The published file has no dates. Seven rows are taken as a week, because the sizes of the daily changes repeat "
    "best after seven rows.",
)


def find_ett(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find ``ETTh1``, ``ETTh2``, ``ETTm1`` and ``ETTm2`` below the data set's folder or its parent."""
    stems = ("ETT[hm][12]", "ETT-small/ETT[hm][12]")
    files = name_files(list_files(root, *_with_suffixes(*stems)), lambda path: path.stem)
    return {name: partial(_load_ett, path, name, choices) for name, path in files.items()}


def find_exchange_rate(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the one series ``exchange_rate``, as published or as Parquet."""
    paths = list_files(root, "exchange_rate.txt.gz", "exchange_rate.txt", "exchange_rate.parquet")
    files = name_files(paths, lambda _: "exchange_rate")
    return {name: partial(_load_exchange_rate, path, name, choices) for name, path in files.items()}


def find_bitbrains(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find virtual machines such as ``rnd_2013-8_vm411``: published, ``rnd/2013-8/411.csv``, or converted."""
    published = list_files(root, "rnd/*/*.csv", "fastStorage/*/*.csv")
    files = name_files([*published, *list_files(root, *_with_suffixes("bitbrains_*"))], _name_machine)
    return {name: partial(_load_bitbrains, path, name, choices) for name, path in files.items()}


def find_alibaba(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the averages over the machines of Alibaba's cluster trace of 2018."""
    return _find_traces(root, choices, "alibaba*", ALIBABA_COLUMNS)


def find_google(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the averages over the instances of Google's cluster trace of 2019."""
    return _find_traces(root, choices, "google*", GOOGLE_COLUMNS)


def find_nasa(root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the requests to NASA's web server in the summer of 1995."""
    return _find_traces(root, choices, "nasa*", NASA_COLUMNS, load=_load_nasa)


def _with_suffixes(*stems: str) -> list[str]:
    return [f"{stem}.{suffix}" for stem in stems for suffix in ("csv", "parquet")]


def _load_ett(path: Path, name: str, choices: ForecastChoices) -> ForecastSeries:
    file, times = pop_clock(read_table(path), "date", "timestamp")
    month = 30 * 24 * (4 if name.startswith("ETTm") else 1)
    rows = read_rows(select_columns(file, ETT_COLUMNS), times, way_out=_WAY_OUT)
    end = month * _ETT_MONTHS[-1]

    def borders(n_steps: int) -> tuple[int, int, int]:
        if n_steps < end:
            raise ValueError(
                f"{path} has {n_steps} steps, but the published borders of {name} end at {end}; get the whole file, or "
                f"read this one with --data {path.suffix[1:]}"
            )
        train, validation, test = (month * months for months in _ETT_MONTHS)
        return train, validation, test

    return make_series(name, rows, choices, ForecastRules(borders=borders, must_be_complete=True))


def _load_exchange_rate(path: Path, name: str, choices: ForecastChoices) -> ForecastSeries:
    file = read_table(path) if path.suffix == ".parquet" else read_plain_text(path)
    if len(file.names) != 8:
        raise ValueError(f"{path} has {len(file.names)} columns, but the published file has 8 currencies; get it again")
    file = TableFile(path=path, table=file.table.rename_columns([f"c{i}" for i in range(8)]))
    rules = ForecastRules(borders=split_by_percent(train=70, test=20), season=7, notes=_SEVEN_ROWS_A_WEEK)
    return make_series(name, read_rows(file, None, way_out=_WAY_OUT), choices, rules)


def _name_machine(path: Path) -> str:
    if path.stem.startswith("bitbrains_"):
        return path.stem.removeprefix("bitbrains_")
    return f"{path.parts[-3]}_{path.parts[-2]}_vm{path.stem}"


def _load_bitbrains(path: Path, name: str, choices: ForecastChoices) -> ForecastSeries:
    if path.stem.startswith("bitbrains_"):
        return _load_trace(path, name, choices, tuple(BITBRAINS_COLUMNS.values()))
    file = read_table(path, delimiter=";")
    clock = to_clock(file, BITBRAINS_CLOCK).astype(np.int64)
    # The header says milliseconds, but the published values are seconds since 1970; the former have 13 digits.
    times = clock.astype("datetime64[s]" if clock[0] < 10**12 else "datetime64[ms]")
    file = select_columns(file, BITBRAINS_COLUMNS)
    file = TableFile(path=path, table=file.table.rename_columns(list(BITBRAINS_COLUMNS.values())))
    return make_series(name, read_rows(file, times, way_out=_WAY_OUT), choices, _TRACE_RULES)


_TraceLoader = Callable[[Path, str, ForecastChoices, tuple[str, ...]], ForecastSeries]


def _load_trace(path: Path, name: str, choices: ForecastChoices, columns: tuple[str, ...]) -> ForecastSeries:
    file, times = pop_clock(read_table(path), "timestamp")
    rows = read_rows(select_columns(file, columns), times, way_out=_WAY_OUT)
    return make_series(name, rows, choices, _TRACE_RULES)


def _load_nasa(path: Path, name: str, choices: ForecastChoices, columns: tuple[str, ...]) -> ForecastSeries:
    series = _load_trace(path, name, choices, columns)
    return replace(series, notes=(*series.notes, *_note_outage(series)))


def _note_outage(series: ForecastSeries) -> tuple[str, ...]:
    """Point at the longest run without a request: the server was down, and the zeros are kept as measured."""
    edges = np.flatnonzero(np.diff(series.values[:, 0] == 0, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    if series.timestamps is None or not len(starts) or (ends - starts).max() < HOUR:
        return ()
    longest = int(np.argmax(ends - starts))
    first, n_steps = series.timestamps[starts[longest]], int(ends[longest] - starts[longest])
    return (f"No request at all for {n_steps} minutes from {first} on: an outage, kept as measured.",)


def _find_traces(
    root: Path, choices: ForecastChoices, stem: str, columns: tuple[str, ...], load: _TraceLoader = _load_trace
) -> ForecastSeriesFound:
    files = name_files(list_files(root, *_with_suffixes(stem)), lambda path: path.stem)
    return {name: partial(load, path, name, choices, columns) for name, path in files.items()}
