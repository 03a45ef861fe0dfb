"""One's own series as CSV or Parquet: a folder per series, ``ROOT/<series>/train.csv`` and ``test.csv``.

A root that holds these two files itself is one series, named after the folder. One row is one step, in order; one
column is one feature, but for the labels and the clock. Public data sets that were converted to this shape (SMD, ASD)
are read here, too.

``[T, D]`` = time steps, features; ``[N]`` = test steps.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.data.columns import check_clock, to_labels, to_numbers
from trainables.data.files import TableFile, read_table
from trainables.data.names import enumerate_names, sort_naturally
from trainables.data.series import AnomalySeries, SeriesFound, note_constant_features

DEFAULT_LABEL_COLUMN = "label"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRoles:
    """The columns that are no features."""

    label_column: str | None = None
    """Holds 0 or 1 in the test part. ``None``: the column ``label`` if there is one, else the series is unlabelled."""
    timestamp: str | None = None
    """Holds the clock, in both parts. ``None``: there is none, and every column is a feature or the labels."""


def find_table_series(root: Path, roles: ColumnRoles, *, suffix: Literal["csv", "parquet"]) -> SeriesFound:
    """Find the series below a folder, in natural order, or the one that the folder itself is."""
    if _holds_series(root, suffix):
        return {root.resolve().name: partial(_load, root, root.resolve().name, suffix, roles)}
    folders = {
        folder.name: folder
        for folder in root.iterdir()
        if not folder.name.startswith(".") and folder.is_dir() and _holds_series(folder, suffix)
    }
    return {name: partial(_load, folders[name], name, suffix, roles) for name in sort_naturally(folders)}


def check_no_row_numbers(part: TableFile) -> None:
    """Check that no column is the numbers of the rows, which no model should see.

    Raises:
        ValueError: If one is called as pandas calls them.
    """
    for column, name in enumerate(part.names, start=1):
        if name == "" or name.startswith("__index_level_"):
            raise ValueError(
                f"column {column} of {part.path} is called {name!r}, like the row numbers that pandas writes; save the "
                "table with index=False, or give the column a name"
            )


def _holds_series(folder: Path, suffix: str) -> bool:
    """Tell whether one of the parts is there; loading says which one is missing."""
    return any((folder / f"{part}.{suffix}").is_file() for part in ("train", "test"))


def _load(folder: Path, name: str, suffix: str, roles: ColumnRoles) -> AnomalySeries:
    train, test = (read_table(folder / f"{part}.{suffix}") for part in ("train", "test"))
    notes: list[str] = []
    if roles.timestamp is not None:
        train, test = (_without_clock(part, roles.timestamp) for part in (train, test))
        notes.append(f"The column {roles.timestamp!r} is the clock: it rises throughout and is no feature.")
    labels, test = _split_labels(test, roles.label_column)
    if labels is None:
        notes.append("The test part has no labels.")
    train, test = _match_features(train, test, roles.label_column or DEFAULT_LABEL_COLUMN, notes)
    way_out = "name it with --timestamp if it is the clock, else write it as numbers or drop it from both parts"
    train_values, test_values = to_numbers(train, way_out=way_out), to_numbers(test, way_out=way_out)
    return AnomalySeries(
        name=name,
        train=train_values,
        test=test_values,
        labels=labels,
        features=tuple(train.names),
        notes=(
            *notes,
            *_note_rising_features(train_values, train.names),
            *note_constant_features(train_values),
        ),
    )


def _without_clock(part: TableFile, timestamp: str) -> TableFile:
    check_clock(part, timestamp)
    return part.without(timestamp)


def _split_labels(test: TableFile, label_column: str | None) -> tuple[NDArray[np.bool_] | None, TableFile]:
    if label_column is None and DEFAULT_LABEL_COLUMN not in test.names:
        return None, test
    name = label_column or DEFAULT_LABEL_COLUMN
    return to_labels(test, name), test.without(name)


def _match_features(
    train: TableFile, test: TableFile, label_column: str, notes: list[str]
) -> tuple[TableFile, TableFile]:
    """Bring both parts to the features of the train part, in its order."""
    if label_column in train.names:
        train = train.without(label_column)
        notes.append(f"The column {label_column!r} of the train part is dropped: all of that part is taken as normal.")
    for part in (train, test):
        check_no_row_numbers(part)
    _check_same_features(train, test)
    if train.names != test.names:
        test = test.select(train.names)
        notes.append("The test part has its columns in another order than the train part; they are matched by name.")
    return train, test


def _check_same_features(train: TableFile, test: TableFile) -> None:
    missing = [name for name in train.names if name not in test.names]
    extra = [name for name in test.names if name not in train.names]
    if missing or extra:
        differences = (("lacks", missing), ("adds", extra))
        verdict = " and ".join(f"{verb} {enumerate_names(names)}" for verb, names in differences if names)
        raise ValueError(
            f"{test.path} {verdict}, compared with {train.path}; both need a header line and the same features"
        )


def _note_rising_features(train: NDArray[np.float32], names: list[str]) -> tuple[str, ...]:
    """Point at features of ``train`` ``[T, D]`` that look like a forgotten clock: no test value was ever seen there."""
    # Large whole numbers, such as seconds since 1970, may stand still for a few rows in float32.
    rises = (train[1:] >= train[:-1]).all(axis=0) & (train[-1] > train[0])
    rising = [names[column] for column in np.flatnonzero(rises)]
    if len(train) < 3 or not rising:
        return ()
    return (
        f"Never falling in the train part, as a clock or a counter: {enumerate_names(rising)}; --timestamp leaves a "
        "clock out of the features.",
    )
