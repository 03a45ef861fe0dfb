import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.data.series import AnomalySeries, note_constant_features


def series(
    train: NDArray[np.float32], test: NDArray[np.float32], labels: NDArray[np.bool_] | None = None
) -> AnomalySeries:
    return AnomalySeries(name="s", train=train, test=test, labels=labels, features=("a", "b"))


def ones(*shape: int) -> NDArray[np.float32]:
    return np.ones(shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (
            ones(0, 2),
            ones(3, 2),
            r"the train part of series 's' is empty \(shape \(0, 2\)\); it needs at least one row",
        ),
        (ones(3, 2), ones(3, 0), r"the test part of series 's' is empty"),
        (ones(3, 2), ones(3, 3), r"the test part of series 's' has 3 columns, but 2 features"),
    ],
)
def test_parts_have_rows_and_the_same_columns(
    train: NDArray[np.float32], test: NDArray[np.float32], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        series(train, test)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_missing_value_is_named(value: float) -> None:
    test = ones(4, 2)
    test[2:, 1] = value
    message = r"the test part of series 's' holds 2 missing or infinite values, the first in row 3 \(.*\) of column 'b'"
    with pytest.raises(ValueError, match=message):
        series(ones(3, 2), test)


def test_every_test_row_has_one_label() -> None:
    with pytest.raises(ValueError, match=r"series 's' has labels of shape \(2,\), but its test part has 3 rows"):
        series(ones(3, 2), ones(3, 2), np.zeros(2, dtype=np.bool_))


def test_the_hash_is_of_the_values() -> None:
    base = series(ones(3, 2), ones(4, 2), np.zeros(4, dtype=np.bool_))
    assert base.content_hash() == series(ones(3, 2), ones(4, 2), np.zeros(4, dtype=np.bool_)).content_hash()
    assert base.content_hash() != series(ones(3, 2), ones(4, 2)).content_hash()
    assert base.content_hash() != series(ones(4, 2), ones(3, 2), np.zeros(3, dtype=np.bool_)).content_hash()


def test_constant_features_are_counted() -> None:
    train = ones(3, 2)
    assert note_constant_features(train) == ("2 of 2 features are constant in the train part; they are kept.",)
    train[1] = 2
    assert note_constant_features(train) == ()
