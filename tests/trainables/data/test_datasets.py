from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.data.datasets import DATASETS, list_series, load_series

COLUMNS = {"a": [1.0, 2.0]}


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A root with twelve series as CSV, ``s-1`` to ``s-12``."""
    for i in range(1, 13):
        (tmp_path / f"s-{i}").mkdir()
        for part in ("train", "test"):
            (tmp_path / f"s-{i}" / f"{part}.csv").write_text(f"a\n{i}\n")
    return tmp_path


def test_every_data_set_describes_itself_in_one_line() -> None:
    for name, loader in DATASETS.items():
        assert loader.name == name
        assert loader.description.endswith(".")
        assert "\n" not in loader.description
        assert loader.needs_root == (name != "sample")


def test_all_series_are_the_default_in_natural_order(many: Path) -> None:
    names = tuple(f"s-{i}" for i in range(1, 13))
    assert list_series("csv", many) == names
    assert tuple(series.name for series in load_series("csv", root=many, names=None)) == names


def test_named_series_come_in_the_order_named(many: Path) -> None:
    assert [float(s.train[0, 0]) for s in load_series("csv", root=many, names=["s-10", "s-2"])] == [10, 2]


def test_the_sample_needs_no_root() -> None:
    assert list_series("sample", None) == ("sample-1", "sample-2")
    assert [series.name for series in load_series("sample", root=None, names=["sample-2"])] == ["sample-2"]


def test_an_unknown_data_set_is_answered_by_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown data set 'smp'; known are 'sample', 'smd', 'asd', 'csv', 'parquet'$"
    ):
        load_series("smp", root=None, names=None)


@pytest.mark.parametrize("name", [name for name, loader in DATASETS.items() if loader.needs_root])
class TestRoot:
    def test_it_is_needed(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"data set '{name}' needs --data-root, a folder with .*train"):
            list_series(name, None)

    def test_it_has_to_exist(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(
            ValueError, match=rf"the root '.*/gone' of data set '{name}' does not exist; give --data-root"
        ):
            list_series(name, tmp_path / "gone")

    def test_it_has_to_be_a_folder(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(
            ValueError, match=rf"the root '.*/file' of data set '{name}' is not a folder; give --data-root"
        ):
            list_series(name, tmp_path / "file")

    def test_without_series_the_layout_is_named(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=rf"no series of data set '{name}' in '.*'; looked for .*train"):
            list_series(name, tmp_path)


def test_a_root_for_the_sample_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data set 'sample' is built in, but --data-root is '.*'; leave the root out"):
        load_series("sample", root=tmp_path, names=None)


@pytest.mark.parametrize("option", ["label_column", "timestamp"])
def test_published_sets_know_their_columns(option: str) -> None:
    message = f"--{option.replace('_', '-')} is 'x', but data set 'sample' knows its own columns"
    with pytest.raises(ValueError, match=message):
        load_series("sample", root=None, names=None, **{option: "x"})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["s-99"], r"unknown series 's-99' of data set 'csv'; known are 's-1', 's-2', .*, 's-10' and 2 more$"),
        (["s-1", "s-1"], "series 's-1' of data set 'csv' is named more than once"),
        ([], "no series of data set 'csv' is named; name at least one, known are 's-1'"),
        (["../s-1"], r"series '\.\./s-1' is a path, but a series of data set 'csv' is a plain name; known are 's-1'"),
        ([".."], "series '..' is a path"),
        (["/etc"], "series '/etc' is a path"),
        ([r"..\s-1"], "is a path"),
        (["."], "unknown series '.'"),
    ],
)
def test_series_are_named_by_their_plain_names(many: Path, names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_series("csv", root=many, names=names)


def test_a_name_never_leads_out_of_the_root(write_csv: Callable[..., Path]) -> None:
    root = write_csv(COLUMNS, COLUMNS)
    (root / "inner" / "t").mkdir(parents=True)
    for part in ("train", "test"):
        (root / "inner" / "t" / f"{part}.csv").write_text("a\n1\n")
    for name in ("../s", "t/../../s", str(root / "s")):
        with pytest.raises(ValueError, match="is a path"):
            load_series("csv", root=root / "inner", names=[name])


@pytest.mark.shared
def test_asd_is_read(shared_data: Path) -> None:
    names = list_series("asd", shared_data / "asd")
    assert names == ("omi-1", "omi-2", "omi-3", "omi-5", "omi-6", "omi-7", "omi-9", "omi-11")
    (series,) = load_series("asd", root=shared_data / "asd", names=["omi-11"])
    assert series.train.shape == (8_640, 19)
    assert series.test.shape == (4_320, 19)
    assert series.labels is not None
    assert series.labels.mean() == pytest.approx(0.0579, abs=5e-5)
