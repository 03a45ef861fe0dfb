"""Where trials lie on the axes of a space: choices, ranges, logarithms, and parts that can be left out."""

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.sampled_axes import SampledAxis, list_axes

PARAMETERS: list[dict[str, Any]] = [
    {"name": "clip", "choices": [5.0, None, "auto"], "condition": ""},
    {"name": "depth", "low": 2, "high": 5, "log": False, "condition": ""},
    {"name": "rate", "low": 0.001, "high": 0.1, "log": True, "condition": ""},
    {"name": "decay", "low": 0.0, "high": 1.0, "log": False, "absent": -1.0, "condition": ""},
    {"name": "alone", "choices": [3], "condition": ""},
    {"name": "fixed", "low": 0.5, "high": 0.5, "log": False, "condition": ""},
    {"name": "ratio", "low": 0.0, "high": 1.0, "log": False, "condition": "unless clip = none"},
]
CONFIG = {"clip": None, "depth": 4, "rate": 0.01, "decay": -1.0, "alone": 3, "fixed": 0.5, "ratio": 0.25}
AXES = {axis.label: axis for axis in list_axes(PARAMETERS)}


def a_trial(changes: Mapping[str, Any] | None = None, unused: str = "") -> Any:
    config = {**CONFIG, **(changes or {})}
    return SimpleNamespace(trial_id="search-0000", config=config, used=frozenset(config) - {unused})


def axis(label: str) -> SampledAxis:
    return AXES[label]


def test_what_has_a_choice_is_an_axis() -> None:
    assert list(AXES) == ["clip", "depth", "rate", "decay, whether", "decay, how much", "ratio"]
    assert [one.n_levels for one in AXES.values()] == [3, 4, 32, 2, 32, 32]


def test_a_choice_of_nothing_is_a_choice() -> None:
    assert axis("clip").locate(a_trial()) == 1
    assert axis("clip").level(a_trial({"clip": "auto"})) == 2


def test_a_logarithmic_range_is_measured_by_its_logarithm() -> None:
    assert axis("rate").locate(a_trial()) == pytest.approx(math.log(0.01))
    assert axis("rate").level(a_trial()) == 16  # halfway, where a linear range would have it in the third cell
    assert axis("rate").level(a_trial({"rate": 0.1})) == 31


def test_whole_numbers_are_levels() -> None:
    assert [axis("depth").level(a_trial({"depth": depth})) for depth in (2, 3, 4, 5)] == [0, 1, 2, 3]


def test_a_part_that_can_be_left_out_is_two_axes() -> None:
    assert axis("decay, whether").locate(a_trial()) == 0
    assert axis("decay, how much").locate(a_trial()) is None
    assert axis("decay, whether").locate(a_trial({"decay": 0.5})) == 1
    assert axis("decay, how much").locate(a_trial({"decay": 0.5})) == 0.5


def test_a_parameter_whose_condition_fails_takes_no_part() -> None:
    assert axis("ratio").locate(a_trial(unused="ratio")) is None
    assert axis("ratio").holds(a_trial(unused="ratio"))


@pytest.mark.parametrize("changes", [{"clip": 7.0}, {"depth": 6}, {"rate": 0.0}])
def test_what_lies_outside_is_told(changes: dict[str, Any]) -> None:
    (name,) = changes
    assert axis(name).holds(a_trial())
    assert not axis(name).holds(a_trial(changes))
