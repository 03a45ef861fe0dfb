import pytest

from trainables.data.names import enumerate_names, sort_naturally


def test_numbers_are_sorted_as_numbers() -> None:
    names = ["machine-2-1", "machine-1-10", "machine-1-2", "b", "machine-1-1", "10", "9"]
    assert sort_naturally(names) == ["9", "10", "b", "machine-1-1", "machine-1-2", "machine-1-10", "machine-2-1"]


def test_names_of_equal_numbers_keep_one_order() -> None:
    assert sort_naturally(["a1", "a01"]) == sort_naturally(["a01", "a1"]) == ["a01", "a1"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "'a'"),
        (["a", "b", "c"], "'a', 'b', 'c'"),
        (["a", "b", "c", "d", "e"], "'a', 'b', 'c' and 2 more"),
    ],
)
def test_a_long_list_is_cut(names: list[str], text: str) -> None:
    assert enumerate_names(names, at_most=3) == text
