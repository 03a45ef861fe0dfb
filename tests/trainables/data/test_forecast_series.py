from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trainables.data.forecast_series import ForecastSeries


def series(**changes: Any) -> ForecastSeries:
    fields: dict[str, Any] = {
        "name": "s",
        "values": np.arange(1, 21, dtype=np.float32).reshape(10, 2),
        "columns": ("a", "b"),
        "targets": (1,),
        "borders": (5, 7, 9),
        "season": 2,
        "timestamps": np.datetime64("2024-01-01T00:00:00", "s") + np.arange(10),
    }
    return ForecastSeries(**fields | changes)


def with_value(value: float) -> np.ndarray[Any, Any]:
    values = np.ones((10, 2), dtype=np.float32)
    values[3:5, 1] = value
    return values


def test_a_good_one_is_accepted() -> None:
    assert series().difference == "none"
    assert series(timestamps=None, difference="log_return", season=1).notes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.ones((0, 2), dtype=np.float32)}, r"^series 's' is empty \(shape \(0, 2\)\); it needs rows"),
        ({"values": np.ones(10, dtype=np.float32)}, r"^series 's' is empty \(shape \(10,\)\)"),
        (
            {"values": with_value(np.nan)},
            r"^series 's' holds 2 missing or infinite values, the first in row 4 "
            r"\(counted from 1, 2024-01-01T00:00:03\) of column 'b'; fill",
        ),
        ({"values": with_value(-np.inf), "timestamps": None}, r"row 4 \(counted from 1\) of column 'b'"),
        ({"columns": ("a",)}, r"^series 's' has 2 columns, but 1 names; name every column once$"),
        ({"targets": ()}, r"^the targets of series 's' are columns \(\), but they must be one or more"),
        ({"targets": (0, 2)}, r"are columns \(0, 2\), but they must be one or more different ones from 0 to 1$"),
        ({"targets": (-1,)}, r"are columns \(-1,\)"),
        ({"targets": (1, 1)}, r"different ones"),
        (
            {"borders": (5, 7, 11)},
            r"^series 's' has 10 rows, but its borders \(5, 7, 11\) make train 5, validation 2, test 4; every part ",
        ),
        ({"borders": (5, 6, 9)}, r"make train 5, validation 1, test 3; every part needs 2 rows or more"),
        ({"borders": (7, 5, 9)}, r"make train 7, validation -2, test 4"),
        ({"season": 0}, r"^series 's' has a season of 0 steps, but it is at least 1 \(none known\)$"),
        ({"timestamps": np.zeros(9, dtype="datetime64[s]")}, r"has timestamps of shape \(9,\), but 10 rows"),
        ({"difference": "twice"}, r"^unknown difference 'twice'; known are 'none', 'log_return'$"),
        (
            {"difference": "log_return", "values": with_value(0)},
            r"^series 's' has 2 values that are not above 0, the first \(0\) in row 4 .* of column 'b', but difference "
            r"'log_return' takes logarithms; use difference 'none', or leave",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        series(**changes)
    assert "\n" not in str(caught.value)


def test_the_hash_is_of_the_values_and_the_question() -> None:
    base = series().content_hash()
    assert base == series(name="other", notes=("note",)).content_hash()
    changed = series().values.copy()
    changed[9, 0] += 1
    others = (
        {"values": changed},
        {"targets": (0,)},
        {"borders": (5, 7, 10)},
        {"season": 3},
        {"difference": "log_return"},
    )
    assert len({base, *(replace(series(), **other).content_hash() for other in others)}) == 6
