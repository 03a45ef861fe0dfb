"""One file into a table of named columns, or one line that says what is wrong with the file.

Tables are pyarrow's; they do not leave the loaders.
"""

import gzip
import textwrap
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pyarrow as pa
from pyarrow import csv, parquet

from trainables.data.names import enumerate_names

LARGEST_BLOCK = 2**30
"""Bytes of a text file that are read, and from which the types of its columns are inferred, at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableFile:
    """What a file holds, with its path for the messages."""

    path: Path
    table: pa.Table

    @property
    def names(self) -> list[str]:
        """The column names, in the file's order."""
        return list(self.table.column_names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Look up a column.

        Raises:
            ValueError: If there is none of that name; the message lists those there are.
        """
        if name not in self.names:
            raise ValueError(f"{self.path} has no column {name!r}; name one of {enumerate_names(self.names)}")
        return self.table.column(name)

    def select(self, names: list[str]) -> Self:
        """Keep these columns, in this order."""
        return replace(self, table=self.table.select(names))

    def without(self, dropped: str) -> Self:
        """Leave one column out, if it is there."""
        return self.select([name for name in self.names if name != dropped])


def read_table(path: Path, *, delimiter: str = ",") -> TableFile:
    """Read a ``.csv`` with a header line, or a ``.parquet``.

    Args:
        path: The file.
        delimiter: What stands between two cells of a ``.csv``; blanks and tabs beside it do not count.

    Raises:
        ValueError: If the file is missing, empty, damaged or ragged, or if its columns cannot be told apart.
    """
    is_parquet = path.suffix == ".parquet"
    table = _read_parquet(path) if is_parquet else _read_text(path, has_header=True, delimiter=delimiter)
    if table.num_rows == 0:
        raise ValueError(f"{path} names its columns but has no rows; give it at least one row of numbers")
    _check_names(table.column_names, path)
    return TableFile(path=path, table=table)


def read_plain_text(path: Path) -> TableFile:
    """Read comma-separated lines without a header; the columns are called ``f00``, ``f01`` and so on.

    A ``.gz`` is unpacked on the way.

    Raises:
        ValueError: If the file is missing, empty or ragged.
    """
    table = _read_text(path, has_header=False)
    return TableFile(path=path, table=table.rename_columns([f"f{i:02d}" for i in range(table.num_columns)]))


def _read_parquet(path: Path) -> pa.Table:
    _check_has_content(path)
    try:
        # Not parquet.read_table(), which would take a folder named "site=3" for a column.
        with parquet.ParquetFile(path) as file:
            return file.read()
    except _READ_ERRORS as error:
        raise _unreadable(path, "Parquet", error) from error


def _read_text(path: Path, *, has_header: bool, delimiter: str = ",") -> pa.Table:
    _check_has_content(path)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        # One block, so that a column of whole numbers may turn to fractions late; one thread, so that errors name rows.
        options = csv.ReadOptions(
            use_threads=False,
            block_size=min(max(len(content), 1), LARGEST_BLOCK),
            autogenerate_column_names=not has_header,
        )
        table = csv.read_csv(
            pa.BufferReader(content),
            options,
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(strings_can_be_null=True),
        )
        return table.rename_columns([name.strip() for name in table.column_names])
    except _READ_ERRORS as error:
        expected = "comma-separated text" if delimiter == "," else f"text separated by {delimiter!r}"
        raise _unreadable(path, expected, error) from error


def _check_has_content(path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{path} is not there, or is no file; the series needs it")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes); write it again, or leave its series out")


def _unreadable(path: Path, expected: str, error: Exception) -> ValueError:
    # The reason quotes the file: whatever is in there, the message stays one short, printable line.
    printable = "".join(character if character.isprintable() else " " for character in str(error))
    reason = textwrap.shorten(printable, 160, placeholder=" ...")
    return ValueError(f"{path} cannot be read as {expected}; correct it, or write it again ({reason})")


def _check_names(names: list[str], path: Path) -> None:
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise ValueError(f"{path} has a single column {names[0]!r}; separate the columns by commas")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{path} has more than one column named {enumerate_names(repeated)}; start the file with a header line "
            "that names every column once"
        )


_READ_ERRORS = (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeDecodeError)
