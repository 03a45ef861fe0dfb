"""One's own series to forecast, as CSV or Parquet: one file in the root, one series, named after the file.

One row is one step, in order; one column is one variable, but for the clock. Of the rows 70 % train, 10 % validate and
20 % test.
"""

from functools import partial
from pathlib import Path
from typing import Literal

from trainables.data.columns import to_clock
from trainables.data.files import read_table
from trainables.data.forecast_files import list_files, name_files
from trainables.data.forecast_rows import make_series, read_rows
from trainables.data.forecast_rules import ForecastChoices, ForecastRules, split_by_percent
from trainables.data.forecast_series import ForecastSeries, ForecastSeriesFound
from trainables.data.tables import check_no_row_numbers

_WAY_OUT = "name it with --timestamp if it is the clock, else write it as numbers or drop it"


def find_forecast_tables(
    root: Path, choices: ForecastChoices, *, suffix: Literal["csv", "parquet"]
) -> ForecastSeriesFound:
    """Find the files of a folder, in natural order."""
    files = name_files(list_files(root, f"*.{suffix}"), lambda path: path.stem)
    return {name: partial(_load, path, name, choices) for name, path in files.items()}


def _load(path: Path, name: str, choices: ForecastChoices) -> ForecastSeries:
    file, times = read_table(path), None
    notes = []
    if choices.timestamp is None:
        notes.append("No clock is named (--timestamp): every row is taken as one regular step.")
    else:
        times = to_clock(file, choices.timestamp)
        file = file.without(choices.timestamp)
        if times.dtype.kind != "M":
            notes.append(f"The clock {choices.timestamp!r} holds plain numbers; they are taken as seconds.")
    check_no_row_numbers(file)
    rules = ForecastRules(borders=split_by_percent(train=70, test=20), notes=tuple(notes))
    return make_series(name, read_rows(file, times, way_out=_WAY_OUT), choices, rules)
