import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from trainables.data.files import read_plain_text, read_table


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_csv_is_read_by_its_header(tmp_path: Path) -> None:
    file = read_table(write(tmp_path / "a.csv", b"\xef\xbb\xbfx, y \n1,2.5\n\n3,4\n"))
    assert file.names == ["x", "y"]
    assert file.column("x").to_pylist() == [1, 3]
    assert file.column("y").to_pylist() == [2.5, 4.0]


def test_a_column_of_whole_numbers_may_turn_to_fractions_in_its_last_row(tmp_path: Path) -> None:
    # 1 MiB is the default size of the block from which the types are inferred.
    file = read_table(write(tmp_path / "a.csv", b"x\n" + b"1\n" * 2**20 + b"0.5\n"))
    assert file.column("x")[-1].as_py() == 0.5


def test_plain_text_has_no_header(tmp_path: Path) -> None:
    file = read_plain_text(write(tmp_path / "a.txt", b"1,2\n3,4"))
    assert file.names == ["f00", "f01"]
    assert file.column("f01").to_pylist() == [2, 4]


def test_packed_plain_text_is_unpacked(tmp_path: Path) -> None:
    # Whole numbers that turn to fractions beyond the first block of the packed size.
    packed = gzip.compress(b"1,2\n" * 2**18 + b"0.5,2\n")
    file = read_plain_text(write(tmp_path / "a.txt.gz", packed))
    assert file.names == ["f00", "f01"]
    assert file.column("f00")[-1].as_py() == 0.5


@pytest.mark.parametrize("content", [gzip.compress(b"1,2\n")[:-9], b"1,2\n", gzip.compress(b"")])
def test_a_damaged_or_empty_pack_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"a\.txt\.gz cannot be read as comma-separated text; correct it"):
        read_plain_text(write(tmp_path / "a.txt.gz", content))


def test_another_delimiter_may_have_tabs_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"x [ms];\ty\n1;\t2.5\n3;\t4\n")
    file = read_table(path, delimiter=";")
    assert file.names == ["x [ms]", "y"]
    assert file.column("y").to_pylist() == [2.5, 4.0]
    with pytest.raises(ValueError, match=r"a\.csv cannot be read as text separated by ';'; correct it"):
        read_table(write(path, b"x;y\n1\n"), delimiter=";")


def test_the_name_of_a_folder_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "site=3").mkdir()
    parquet.write_table(pa.table({"x": [1.0]}), tmp_path / "site=3" / "a.parquet")
    assert read_table(tmp_path / "site=3" / "a.parquet").names == ["x"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", r"a\.csv is empty \(0 bytes\)"),
        ("a.parquet", b"", r"a\.parquet is empty \(0 bytes\)"),
        ("a.csv", b"x,y\n", r"a\.csv names its columns but has no rows"),
        ("a.csv", b"\n\n", r"a\.csv cannot be read as comma-separated text"),
        ("a.csv", b"x,y\n1,2\n3\n", r"a\.csv cannot be read .* \(CSV parse error: Row #3: Expected 2 columns, got 1"),
        ("a.csv", b"x,\xff\n1,2\n", r"a\.csv cannot be read as comma-separated text.*utf-8"),
        ("a.csv", b"x,y\n1,2\n\x1b[2J\xff\x85\n", r"a\.csv cannot be read as comma-separated text"),
        ("a.csv", b"x;y\n1;2\n", r"a\.csv has a single column 'x;y'; separate the columns by commas"),
        ("a.csv", b"0.1,0.2,0.1\n1,2,3\n", r"a\.csv has more than one column named '0\.1'; start .* header line"),
        ("a.parquet", b"PAR1 and nothing else", r"a\.parquet cannot be read as Parquet; correct it, or write it again"),
    ],
)
def test_a_bad_file_is_named_in_one_printable_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_table(write(tmp_path / name, content))
    assert str(caught.value).isprintable()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"b\.csv is not there"):
        read_table(tmp_path / "b.csv")


def test_lines_of_unequal_length_are_an_error_in_plain_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.txt cannot be read .*Row #2: Expected 3 columns, got 2"):
        read_plain_text(write(tmp_path / "a.txt", b"1,2,3\n1,2\n"))


def test_an_unknown_column_is_answered_by_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.csv has no column 'z'; name one of 'x', 'y'"):
        read_table(write(tmp_path / "a.csv", b"x,y\n1,2\n")).column("z")
