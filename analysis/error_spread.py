"""How the errors of forecasts are spread: histograms of several rows over the same bins."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RANGE_SHARE = 0.99
"""Share of all rows' errors that the bins hold."""

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How one row's errors are spread."""

    label: str
    density: tuple[float, ...]
    """By bin; the area is the share of the errors within the bins."""
    outside: float
    """Share of the errors beyond the bins, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorSpread:
    """Errors of several rows, predicted minus actual, in standard deviations of the actual values of their column."""

    edges: tuple[float, ...]
    rows: tuple[Spread, ...]
    n_left_out: int
    """Columns of series whose actual values do not vary on the test part."""


def spread_errors(tables: Mapping[str, pd.DataFrame]) -> ErrorSpread | None:
    """Sort the scaled errors of every row into the same bins; ``None`` where no error can be scaled.

    Args:
        tables: Predictions by the row's label, with ``series``, ``column``, ``actual`` and ``predicted``.
    """
    scaled = {label: _scale_errors(table) for label, table in tables.items()}
    errors = {label: found for label, (found, _) in scaled.items() if len(found)}
    if not errors:
        return None
    reach = float(np.quantile(np.abs(np.concatenate(list(errors.values()))), RANGE_SHARE))
    # Rice's rule for the row with the fewest errors, an odd number so that one bin stands about zero.
    n_bins = int(np.clip(2 * round(min(len(found) for found in errors.values()) ** (1 / 3)) + 1, 7, 61))
    edges = np.linspace(-reach, reach, n_bins + 1) if reach > 0 else np.linspace(-1, 1, n_bins + 1)
    return ErrorSpread(
        edges=tuple(edges.tolist()),
        rows=tuple(_count_errors(label, found, edges) for label, found in errors.items()),
        n_left_out=max(n_left_out for _, n_left_out in scaled.values()),
    )


def _count_errors(label: str, errors: Values, edges: Values) -> Spread:
    counts = np.histogram(errors, edges)[0]
    density = counts / (len(errors) * np.diff(edges))
    return Spread(label=label, density=tuple(density.tolist()), outside=float(1 - counts.sum() / len(errors)))


def _scale_errors(table: pd.DataFrame) -> tuple[Values, int]:
    """Return the errors in standard deviations of their column, and how many columns have none."""
    known = table.dropna(subset=["actual", "predicted"])
    deviations = known.groupby(["series", "column"], sort=False)["actual"].agg(lambda values: values.std(ddof=0))
    scale = known[["series", "column"]].merge(deviations.rename("scale").reset_index(), how="left")["scale"].to_numpy()
    errors = (known["predicted"] - known["actual"]).to_numpy(dtype=np.float64)
    return errors[scale > 0] / scale[scale > 0], int((deviations <= 0).sum())
