"""Files of series to forecast: one file, one series. Which there are, and where their clock is.

Public sets are read as published or converted to ``.csv`` or ``.parquet`` with the clock in a column ``timestamp``.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trainables.data.columns import to_clock
from trainables.data.files import TableFile
from trainables.data.names import enumerate_names, sort_naturally


def list_files(root: Path, *patterns: str) -> list[Path]:
    """List the files below a folder that match a pattern; hidden ones are left out."""
    paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return sorted(path for path in paths if not path.name.startswith("."))


def name_files(paths: Iterable[Path], name_of: Callable[[Path], str]) -> Mapping[str, Path]:
    """Give every file the name of its series, in natural order.

    Raises:
        ValueError: If two files are the same series: which one is meant is not ours to guess.
    """
    files: dict[str, Path] = {}
    for path in paths:
        name = name_of(path)
        if name in files:
            raise ValueError(f"'{files[name]}' and '{path}' are both series {name!r}; keep one of them in the folder")
        files[name] = path
    return {name: files[name] for name in sort_naturally(files)}


def pop_clock(file: TableFile, *known: str) -> tuple[TableFile, NDArray[Any]]:
    """Split the clock ``[R]`` off a table: the first of the known columns that is there.

    Raises:
        ValueError: If none is there, or it does not rise.
    """
    name = next((name for name in known if name in file.names), known[0])
    return file.without(name), to_clock(file, name)


def select_columns(file: TableFile, names: Iterable[str]) -> TableFile:
    """Keep the columns that a public data set is known to have, in its own order.

    Raises:
        ValueError: If some are missing.
    """
    wanted = list(names)
    missing = [name for name in wanted if name not in file.names]
    if missing:
        raise ValueError(
            f"{file.path} lacks {enumerate_names(missing)} of the published columns; it has "
            f"{enumerate_names(file.names)}"
        )
    return file.select(wanted)
