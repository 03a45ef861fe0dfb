from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trainables.data.datasets import load_series
from trainables.data.series import AnomalySeries
from trainables.data.tables import ColumnRoles, find_table_series

TRAIN = {"a": [1.0, 2.5, 2.0], "b": [True, False, True]}
TEST = {"a": [3.0, 4.5], "b": [False, True]}


def load(
    root: Path, dataset: str = "csv", *, label_column: str | None = None, timestamp: str | None = None
) -> AnomalySeries:
    (series,) = load_series(dataset, root=root, names=None, label_column=label_column, timestamp=timestamp)
    return series


def test_csv_becomes_a_series(write_csv: Callable[..., Path]) -> None:
    series = load(write_csv(TRAIN, {**TEST, "label": [0, 1]}))
    assert series.name == "s"
    assert series.features == ("a", "b")
    np.testing.assert_array_equal(series.train, np.array([[1, 1], [2.5, 0], [2, 1]], dtype=np.float32), strict=True)
    np.testing.assert_array_equal(series.test, np.array([[3, 0], [4.5, 1]], dtype=np.float32), strict=True)
    np.testing.assert_array_equal(series.labels, np.array([False, True]), strict=True)
    assert series.notes == ()


def test_parquet_and_csv_of_the_same_table_are_the_same_series(tmp_path: Path) -> None:
    for part, columns in (("train", TRAIN), ("test", {**TEST, "label": [0, 1]})):
        pd.DataFrame(columns).to_csv(tmp_path / f"{part}.csv", index=False)
        pd.DataFrame(columns).to_parquet(tmp_path / f"{part}.parquet")
    from_csv, from_parquet = load(tmp_path), load(tmp_path, "parquet")
    assert from_csv.content_hash() == from_parquet.content_hash()
    assert from_csv.features == from_parquet.features


def test_a_root_that_holds_the_parts_is_one_series_named_after_it(
    write_csv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_csv(TRAIN, TEST) / "s"
    assert load(root).name == "s"
    monkeypatch.chdir(root)
    assert load(Path()).name == "s"


def test_folders_are_listed_in_natural_order_and_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    for name in ("s-10", "s-2", ".hidden", "empty"):
        (tmp_path / name).mkdir()
        if name != "empty":
            (tmp_path / name / "train.csv").write_text("damaged")
    assert list(find_table_series(tmp_path, ColumnRoles(), suffix="csv")) == ["s-2", "s-10"]
    assert not find_table_series(tmp_path, ColumnRoles(), suffix="parquet")


class TestLabels:
    def test_without_a_label_column_there_are_none(self, write_csv: Callable[..., Path]) -> None:
        series = load(write_csv(TRAIN, TEST))
        assert series.labels is None
        assert series.notes == ("The test part has no labels.",)

    def test_a_named_column_has_to_be_there(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv(TRAIN, TEST)
        with pytest.raises(ValueError, match=r"test\.csv has no column 'attack'; name one of 'a', 'b'$"):
            load(root, label_column="attack")

    def test_a_named_column_is_used(self, write_csv: Callable[..., Path]) -> None:
        series = load(write_csv(TRAIN, {**TEST, "attack": [True, False]}), label_column="attack")
        assert series.labels is not None
        assert series.labels.tolist() == [True, False]

    @pytest.mark.parametrize("test", [TEST, {**TEST, "label": [0, 1]}])
    def test_labels_of_the_train_part_are_dropped(
        self, write_csv: Callable[..., Path], test: dict[str, list[object]]
    ) -> None:
        series = load(write_csv({**TRAIN, "label": [0, 0, 0]}, test))
        assert series.features == ("a", "b")
        assert (
            series.notes[-1] == "The column 'label' of the train part is dropped: all of that part is taken as normal."
        )

    def test_other_values_are_an_error(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv(TRAIN, {**TEST, "label": [0, 7]})
        with pytest.raises(ValueError, match=r"row 2 of column 'label' in .*test\.csv is 7, but a label is 0"):
            load(root)


class TestTimestamp:
    def test_it_is_checked_and_dropped(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv({"t": ["2024-01-01", "2024-01-02", "2024-01-03"], **TRAIN}, {**TEST, "t": [5, 6]})
        series = load(root, timestamp="t")
        assert series.features == ("a", "b")
        assert "The column 't' is the clock: it rises throughout and is no feature." in series.notes

    def test_it_has_to_rise(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv({"t": [1, 2, 3], **TRAIN}, {"t": [5, 5], **TEST})
        with pytest.raises(ValueError, match=r"row 2 of column 't' in .*test\.csv \('5'\) is not later"):
            load(root, timestamp="t")

    def test_it_has_to_be_in_both_parts(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv({"t": [1, 2, 3], **TRAIN}, TEST)
        with pytest.raises(ValueError, match=r"test\.csv has no column 't'; name one of 'a', 'b'$"):
            load(root, timestamp="t")

    @pytest.mark.parametrize("times", [["2024-01-01", "2024-01-02"], ["Monday", "Tuesday"]])
    def test_forgotten_and_not_a_number_it_is_an_error(self, write_csv: Callable[..., Path], times: list[str]) -> None:
        root = write_csv({"t": times, "a": [1, 2]}, {"t": times, "a": [1, 2]})
        with pytest.raises(
            ValueError, match=r"column 't' .*train\.csv .*; name it with --timestamp if it is the clock"
        ):
            load(root)

    def test_forgotten_and_a_number_it_gets_a_note(self, write_csv: Callable[..., Path]) -> None:
        start = 1_700_000_000  # float32 cannot tell such neighbours apart
        root = write_csv({"t": range(start, start + 200), "a": [1, 2] * 100}, {"t": [start + 200], "a": [1]})
        assert load(root).notes[-1].startswith("Never falling in the train part, as a clock or a counter: 't';")


class TestFeatures:
    def test_another_order_is_matched_by_name(self, write_csv: Callable[..., Path]) -> None:
        series = load(write_csv(TRAIN, {"b": TEST["b"], "label": [0, 1], "a": TEST["a"]}))
        np.testing.assert_array_equal(series.test, [[3, 0], [4.5, 1]])
        assert series.notes == (
            "The test part has its columns in another order than the train part; they are matched by name.",
        )

    def test_missing_and_extra_columns_are_named(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv({"a": [1.0], "b": [1.0], "c": [1.0]}, {"a": [1.0], "d": [1.0]})
        with pytest.raises(
            ValueError, match=r"test\.csv lacks 'b', 'c' and adds 'd', compared with .*train\.csv; both"
        ):
            load(root)

    @pytest.mark.parametrize("name", ["", "__index_level_0__"])
    def test_row_numbers_are_no_feature(self, write_csv: Callable[..., Path], name: str) -> None:
        root = write_csv({name: [0, 1, 2], **TRAIN}, {name: [0, 1], **TEST})
        with pytest.raises(ValueError, match=rf"column 1 of .*train\.csv is called '{name}', like the row numbers"):
            load(root)

    def test_row_numbers_of_a_filtered_frame_are_no_feature(self, tmp_path: Path) -> None:
        pd.DataFrame(TRAIN).iloc[[0, 2, 1]].to_parquet(tmp_path / "train.parquet")
        pd.DataFrame(TEST).to_parquet(tmp_path / "test.parquet")
        with pytest.raises(ValueError, match=r"column 3 of .*train\.parquet is called '__index_level_0__'"):
            load(tmp_path, "parquet")

    def test_constant_columns_are_kept(self, write_parquet: Callable[..., Path]) -> None:
        series = load(write_parquet({**TRAIN, "c": [7, 7, 7]}, {**TEST, "c": [7, 8], "label": [0, 1]}), "parquet")
        assert series.features == ("a", "b", "c")
        assert series.notes == ("1 of 3 features are constant in the train part; they are kept.",)

    def test_a_part_without_features_is_an_error(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv({"t": [1, 2]}, {"t": [1, 2], "label": [0, 1]})
        with pytest.raises(ValueError, match="the train part of series 's' is empty"):
            load(root, timestamp="t")

    def test_missing_cells_are_an_error(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv(TRAIN, {"a": [3.0, None], "b": [True, None]})
        with pytest.raises(ValueError, match=r"the test part of series 's' holds 2 missing .* row 2 .* column 'a'"):
            load(root)

    def test_text_is_an_error_with_its_row(self, write_csv: Callable[..., Path]) -> None:
        root = write_csv(TRAIN, {"a": [3.0, "off"], "b": [True, True]})
        with pytest.raises(
            ValueError, match=r"row 2 of column 'a' in .*test\.csv is 'off', not a number; name it with"
        ):
            load(root)


def test_the_missing_part_is_named(write_parquet: Callable[..., Path]) -> None:
    root = write_parquet(TRAIN, TEST)
    (root / "s" / "test.parquet").unlink()
    with pytest.raises(ValueError, match=r"s/test\.parquet is not there"):
        load(root, "parquet")
