from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainables.data.datasets import list_series, load_series
from trainables.data.series import AnomalySeries


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two tiny machines in the published layout; returns the folder ``ServerMachineDataset``."""
    root = tmp_path / "ServerMachineDataset"
    for part, lines in (("train", "0.5,1\n0.25,1\n"), ("test", "0,1\n1,1\n0.125,0\n"), ("test_label", "0\n1\n0\n")):
        (root / part).mkdir(parents=True)
        for machine in ("machine-1-10", "machine-1-2"):
            (root / part / f"{machine}.txt").write_text(lines)
    return root


def load(root: Path, name: str = "machine-1-2") -> AnomalySeries:
    (series,) = load_series("smd", root=root, names=[name])
    return series


def test_the_published_layout_is_read(published: Path) -> None:
    series = load(published)
    assert series.name == "machine-1-2"
    assert series.features == ("f00", "f01")
    np.testing.assert_array_equal(series.train, np.array([[0.5, 1], [0.25, 1]], dtype=np.float32), strict=True)
    np.testing.assert_array_equal(series.test, np.array([[0, 1], [1, 1], [0.125, 0]], dtype=np.float32), strict=True)
    np.testing.assert_array_equal(series.labels, np.array([False, True, False]), strict=True)
    assert series.notes == (
        "The features have no names in the published files; they are numbered from f00.",
        "1 of 2 features are constant in the train part; they are kept.",
    )


def test_the_parent_folder_will_do(published: Path) -> None:
    assert list_series("smd", published) == list_series("smd", published.parent) == ("machine-1-2", "machine-1-10")
    assert load(published).content_hash() == load(published.parent).content_hash()


def test_hidden_files_are_no_machines(published: Path) -> None:
    (published / "train" / "._machine-1-2.txt").write_bytes(b"\x00\x05\x16\x07")
    assert list_series("smd", published) == ("machine-1-2", "machine-1-10")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("train/machine-1-2.txt", "", r"train/machine-1-2\.txt is empty \(0 bytes\)"),
        (
            "train/machine-1-2.txt",
            "1,2\n3\n",
            r"train/machine-1-2\.txt cannot be read .*Row #2: Expected 2 columns, got 1",
        ),
        ("test/machine-1-2.txt", "1\n2\n3\n", r"the test part of series 'machine-1-2' has 1 columns, but 2 features"),
        (
            "test/machine-1-2.txt",
            "1,2\n3,-\n5,6\n",
            r"row 2 of column 'f01' in .*test/machine-1-2\.txt is '-', not a number",
        ),
        (
            "test/machine-1-2.txt",
            "1,2\n3,nan\n5,6\n",
            r"the test part of series 'machine-1-2' holds 1 missing .* row 2 ",
        ),
        ("test_label/machine-1-2.txt", "0\n1\n", r"test_label/machine-1-2\.txt has 2 lines, but .*/test/.* has 3"),
        ("test_label/machine-1-2.txt", "0\n1\n2\n", r"row 3 of .*test_label/machine-1-2\.txt is 2, but a label is 0"),
        ("test_label/machine-1-2.txt", "0,0\n1,0\n0,0\n", r"test_label/machine-1-2\.txt has 2 cells in a line"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(published: Path, path: str, content: str, message: str) -> None:
    (published / path).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        load(published)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["test", "test_label"])
def test_a_missing_file_is_named(published: Path, part: str) -> None:
    (published / part / "machine-1-2.txt").unlink()
    with pytest.raises(ValueError, match=rf"/{part}/machine-1-2\.txt is not there"):
        load(published)


@pytest.mark.parametrize("part", ["train", "test", "test_label"])
def test_a_missing_folder_is_named(published: Path, part: str) -> None:
    (published / part).rename(published / "elsewhere")
    with pytest.raises(ValueError, match=rf"ServerMachineDataset/{part} is not there, but the published layout has"):
        list_series("smd", published)


def test_parquet_needs_its_labels(write_parquet: Callable[..., Path]) -> None:
    root = write_parquet({"f00": [1.0, 2.0]}, {"f00": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"s/test\.parquet has no column 'label'; name one of 'f00'"):
        load(root, "s")


@pytest.mark.shared
@pytest.mark.parametrize(("machine", "first_test_row"), [("machine-1-6", 1_100), ("machine-3-5", 12_400)])
def test_the_published_text_and_the_parquet_hold_the_same_values(
    shared_data: Path, machine: str, first_test_row: int
) -> None:
    text = load(shared_data / "smd_official_sample", machine)
    whole = load(shared_data / "smd", machine)
    rows = slice(first_test_row, first_test_row + 4_000)
    assert text.features == whole.features
    # Both are the same six decimals, so they are the same float32, not only close to it.
    np.testing.assert_array_equal(text.train, whole.train[:4_000], strict=True)
    np.testing.assert_array_equal(text.test, whole.test[rows], strict=True)
    assert text.labels is not None
    assert whole.labels is not None
    np.testing.assert_array_equal(text.labels, whole.labels[rows], strict=True)


@pytest.mark.shared
def test_all_machines_load_in_natural_order(shared_data: Path) -> None:
    names = list_series("smd", shared_data / "smd")
    assert names[:3] == ("machine-1-3", "machine-1-4", "machine-1-5")
    series = load_series("smd", root=shared_data / "smd", names=names[:2])
    assert [(s.name, s.train.shape, s.test.shape) for s in series] == [
        ("machine-1-3", (23_702, 38), (23_703, 38)),
        ("machine-1-4", (23_706, 38), (23_707, 38)),
    ]
    assert series[0].notes == ("4 of 38 features are constant in the train part; they are kept.",)
