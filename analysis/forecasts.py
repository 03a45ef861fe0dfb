"""What was forecast on the test part, read from the prediction files: lines for a figure, and the spread of errors.

Of thousands of trials, only the rows that a figure shows are read, and of each only its first seed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contenders import Comparison, Contender
from analysis.error_spread import ErrorSpread, spread_errors
from analysis.metric_catalogue import LAST_VALUE, label_baseline
from analysis.records import Records

MOST_COLUMNS = 3
"""Target columns that are drawn."""
MOST_POINTS = 400
"""Points of a line over the whole test part."""
ZOOMED_STEPS = 60
"""So many steps at least are shown closely, and never less than two forecasts."""

_NEEDED = ["series", "origin", "step", "time", "column", "actual", "predicted"]
_DAY = np.timedelta64(1, "D")

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Line:
    """A line of a figure; NaN breaks it."""

    x: Values
    """Days since 1970 where there is a clock, else rows of the series."""
    y: Values


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ColumnView:
    """One target column on the test part and, more closely, on a stretch of it."""

    column: str
    actual: Line
    best: Line
    zoomed_actual: Line
    zoomed: Mapping[str, Line]
    """Of the best row and the baselines, by label."""
    origins: tuple[float, ...]
    """Where the zoomed forecasts begin; empty where they are one step long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecasts:
    """What the figures show of the prediction files."""

    series: str
    """The one that is drawn."""
    n_series: int
    columns: tuple[ColumnView, ...]
    n_columns: int
    has_clock: bool
    horizon: int
    n_zoomed: int
    """Forecasts in the stretch that is drawn closely."""
    trials: Mapping[str, str]
    """The trial that stands for each row, by the row's label."""
    best: str
    errors: ErrorSpread | None


def read_forecasts(records: Records, comparison: Comparison) -> Forecasts | None:
    """Read what the best row, the published one and the naive baselines forecast.

    Returns:
        ``None`` where the best row has no predictions, or those of another task.

    Raises:
        ValueError: If a prediction file cannot be read.
    """
    tables: dict[str, pd.DataFrame] = {}
    trials: dict[str, str] = {}
    for row in choose_rows(comparison):
        if (found := _read_first_seed(records, row)) is not None:
            trials[row.label], tables[row.label] = found
    best = comparison.best.label
    if best not in tables:
        return None
    shown = tables[best]["series"].unique().tolist()
    series = next((one for one in records.study["test_series"] if one in shown), shown[0])
    drawn = {label: table[table["series"] == series] for label, table in tables.items()}
    columns = drawn[best]["column"].unique().tolist()
    lines = {label: table for label, table in drawn.items() if label == best or label in _labels(comparison.baselines)}
    zoomed = choose_stretch(drawn[best]["origin"].unique(), int(drawn[best]["step"].max()))
    with_clock = _has_clock(drawn[best])
    in_histogram = (comparison.best, comparison.published, _find_last_value(comparison))
    return Forecasts(
        series=series,
        n_series=len(shown),
        columns=tuple(_view(column, lines, best, zoomed, with_clock) for column in spread_out(columns, MOST_COLUMNS)),
        n_columns=len(columns),
        has_clock=with_clock,
        horizon=int(drawn[best]["step"].max()),
        n_zoomed=len(zoomed),
        trials=trials,
        best=best,
        errors=spread_errors({row.label: tables[row.label] for row in in_histogram if row and row.label in tables}),
    )


def choose_rows(comparison: Comparison) -> tuple[Contender, ...]:
    """Choose the rows that figures show: the best, the published one where it is another, and the baselines."""
    published = comparison.published
    others = () if published is None or published.is_best else (published,)
    return (comparison.best, *others, *comparison.baselines)


def choose_stretch(origins: NDArray[np.int64], horizon: int) -> NDArray[np.int64]:
    """Choose the forecasts to be drawn closely: those about the middle, whatever they look like."""
    origins = np.sort(origins)
    number = max(2, -(-ZOOMED_STEPS // horizon))
    begin = max(0, (len(origins) - number) // 2)
    return origins[begin : begin + number]


def spread_out(names: list[str], most: int) -> list[str]:
    """Take at most so many, evenly spread from the first to the last."""
    if len(names) <= most:
        return names
    return [names[round(place * (len(names) - 1) / (most - 1))] for place in range(most)]


def thin_line(x: Values, y: Values, most: int) -> Line:
    """Thin a line out: of every run of points its lowest and its highest, so that no peak is lost."""
    if len(x) <= most:
        return Line(x=x, y=y)
    kept: set[int] = {0, len(x) - 1}
    for places in np.array_split(np.arange(len(x)), max(1, (most - 2) // 2)):
        if not np.isnan(y[places]).all():
            kept |= {int(places[np.nanargmin(y[places])]), int(places[np.nanargmax(y[places])])}
    order = sorted(kept)
    return Line(x=x[order], y=y[order])


def _read_first_seed(records: Records, row: Contender) -> tuple[str, pd.DataFrame] | None:
    """Read the first of a row's trials that wrote forecasts."""
    for trial in row.trials:
        table = records.predictions(trial, _NEEDED)
        if table is not None and len(table):
            return trial, table.sort_values(["series", "origin", "step"], kind="stable")
    return None


def _find_last_value(comparison: Comparison) -> Contender | None:
    return next((row for row in comparison.baselines if row.label == label_baseline(LAST_VALUE)), None)


def _labels(rows: Iterable[Contender]) -> set[str]:
    return {row.label for row in rows}


def _has_clock(table: pd.DataFrame) -> bool:
    """Tell whether time goes on from step to step; a clock that jumps back would fold the line."""
    times = table.drop_duplicates(["origin", "step"])["time"]
    return bool(times.notna().all() and times.is_monotonic_increasing and pd.api.types.is_datetime64_any_dtype(times))


def _view(
    column: str, drawn: Mapping[str, pd.DataFrame], best: str, zoomed: NDArray[np.int64], with_clock: bool
) -> ColumnView:
    tables = {label: table[table["column"] == column] for label, table in drawn.items()}
    near = {label: table[table["origin"].isin(zoomed)] for label, table in tables.items()}
    whole, x = tables[best], _find_x(tables[best], with_clock)
    starts = near[best][near[best]["step"] == 1] if whole["step"].max() > 1 else near[best][:0]
    return ColumnView(
        column=column,
        actual=thin_line(x, _floats(whole, "actual"), MOST_POINTS),
        best=thin_line(x, _floats(whole, "predicted"), MOST_POINTS),
        zoomed_actual=_join([near[best]], "actual", with_clock),
        zoomed={label: _join(_part_forecasts(table), "predicted", with_clock) for label, table in near.items()},
        origins=tuple(_find_x(starts, with_clock).tolist()),
    )


def _part_forecasts(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Part a stretch into its forecasts: no line leads from the end of one to the next, unless they are one step."""
    return [part for _, part in table.groupby("origin")] if table["step"].max() > 1 else [table]


def _join(parts: list[pd.DataFrame], name: str, with_clock: bool) -> Line:
    """Make one line of several, broken between them."""
    most = max(2, MOST_POINTS // max(1, len(parts)))
    lines = [thin_line(_find_x(part, with_clock), _floats(part, name), most) for part in parts]
    x, y = ([piece for line in lines for piece in (getattr(line, axis), [np.nan])][:-1] for axis in ("x", "y"))
    return Line(x=np.concatenate([*x, []]), y=np.concatenate([*y, []]))


def _find_x(table: pd.DataFrame, with_clock: bool) -> Values:
    if not with_clock:
        return (table["origin"] + table["step"] - 1).to_numpy(dtype=np.float64)
    times = table["time"]
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    days: Values = (times.to_numpy(dtype="datetime64[ms]") - np.datetime64(0, "ms")) / _DAY
    return days


def _floats(table: pd.DataFrame, name: str) -> Values:
    return table[name].to_numpy(dtype=np.float64)
