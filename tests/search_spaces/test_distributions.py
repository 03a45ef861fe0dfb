import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces.distributions import contains, describe, format_value, nearest, parse_range, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [("none", None), ("True", True), ("no", False), ("3", 3), ("1e-3", 1e-3), (" mixed ", "mixed"), ("-2", -2)],
)
def test_values_as_typed(text: str, value: object) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("value", [None, True, False, 3, 0.001, "mixed"])
def test_what_is_written_can_be_read(value: object) -> None:
    assert parse_value(format_value(value)) == value


def test_ranges_as_typed() -> None:
    assert parse_range("a", "2..5", IntDistribution(1, 8)) == IntDistribution(2, 5)
    assert parse_range("a", "1e-4..1e-3", FloatDistribution(1e-5, 1, log=True)) == FloatDistribution(
        1e-4, 1e-3, log=True
    )
    assert parse_range("a", "0..1", FloatDistribution(1e-5, 1, log=True)) == FloatDistribution(0, 1)  # no log of zero
    assert parse_range("a", "8..32", CategoricalDistribution((8, 16, 32, 64))) == CategoricalDistribution((8, 16, 32))
    assert parse_range("a", "3,none,x", None) == CategoricalDistribution((3, None, "x"))


@pytest.mark.parametrize("text", ["5..2", "a..b", "1..", "100..200"])
def test_wrong_ranges_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--range a="):
        parse_range("a", text, CategoricalDistribution((8, 16)))


def test_contains() -> None:
    choices = CategoricalDistribution((1, None, "x"))
    assert contains(choices, None)
    assert contains(choices, 1.0)
    assert not contains(choices, True)
    assert not contains(choices, 2)
    assert contains(IntDistribution(0, 10, step=5), 5)
    assert not contains(IntDistribution(0, 10, step=5), 4)
    assert not contains(IntDistribution(0, 10), 2.5)
    assert not contains(FloatDistribution(0, 1), False)
    assert contains(FloatDistribution(0, 1), 1)


def test_nearest() -> None:
    assert nearest(FloatDistribution(0.1, 1), 5.0) == 1
    assert nearest(IntDistribution(0, 10, step=5), 6) == 5
    assert nearest(CategoricalDistribution((8, 32)), 16) == 8
    assert nearest(CategoricalDistribution(("x", "y")), "z") == "x"
    assert nearest(FloatDistribution(0.1, 1), None) == 0.1


def test_describe() -> None:
    assert describe(IntDistribution(1, 8)) == "1..8"
    assert describe(FloatDistribution(1e-4, 1e-2, log=True)) == "0.0001..0.01 (log)"
    assert describe(IntDistribution(0, 10, step=5)) == "0..10 in steps of 5"
    assert describe(CategoricalDistribution((3.0, None))) == "3, none"
