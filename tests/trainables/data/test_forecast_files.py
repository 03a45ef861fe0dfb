from pathlib import Path

import pyarrow as pa
import pytest

from trainables.data.files import TableFile
from trainables.data.forecast_files import list_files, name_files, pop_clock, select_columns


def table_file(**columns: object) -> TableFile:
    return TableFile(path=Path("a.csv"), table=pa.table(columns))


def test_files_are_listed_without_folders_and_hidden_ones(tmp_path: Path) -> None:
    for name in ("s-2.csv", "s-10.csv", ".s.csv", "s.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    files = name_files(list_files(tmp_path, "*.csv", "s*.csv"), lambda path: path.stem)
    assert list(files) == ["s-2", "s-10"]


def test_two_files_of_one_series_are_an_error(tmp_path: Path) -> None:
    for name in ("s.csv", "s.parquet"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"s\.csv' and '.*s\.parquet' are both series 's'; keep one of them"):
        name_files(list_files(tmp_path, "s.*"), lambda path: path.stem)


def test_the_clock_is_the_first_known_column_that_is_there() -> None:
    file, times = pop_clock(table_file(x=[1, 2], date=["2024-01-01", "2024-01-02"]), "timestamp", "date")
    assert file.names == ["x"]
    assert times.dtype.kind == "M"
    with pytest.raises(ValueError, match=r"^a\.csv has no column 'timestamp'; name one of 'x'$"):
        pop_clock(table_file(x=[1, 2]), "timestamp", "date")


def test_published_columns_are_selected_in_their_order() -> None:
    assert select_columns(table_file(a=[1], b=[2], c=[3]), ("c", "a")).names == ["c", "a"]
    with pytest.raises(ValueError, match=r"^a\.csv lacks 'b', 'd' of the published columns; it has 'a', 'c'$"):
        select_columns(table_file(a=[1], c=[2]), ("a", "b", "d"))
