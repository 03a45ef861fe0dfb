from collections.abc import Mapping
from typing import Any

import pytest

from search_spaces import SPACES
from search_spaces.ablation import Factor, Level, Surroundings, choose_factors, curve, list_arms, list_cells
from search_spaces.space import Restricted

LIGHTMMOE = SPACES["lightmmoe"]
FACTORS = {factor.name: factor for factor in LIGHTMMOE.factors}


def _around(space: str = "lightmmoe", **changes: object) -> Surroundings:
    restricted = Restricted(space=SPACES[space])
    published = dict(SPACES[space].defaults)

    def widen(config: dict[str, Any], name: str) -> dict[str, Any]:
        return {**config, name: 1000}

    return Surroundings(
        base=restricted.settle({**published, **changes}), published=published, settle=restricted.settle, widen=widen
    )


def _changed(config: Mapping[str, object], base: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in config.items() if base[name] != value}


def test_around_the_published_base_every_level_but_its_own_is_an_arm() -> None:
    around = _around()
    arms = list_arms(FACTORS["gate"], around)
    assert [arm.name for arm in arms] == ["gate=average", "gate=specific", "gate=shared"]
    assert [arm.expected for arm in arms] == [-9, -4, None]
    assert [_changed(arm.config, around.base) for arm in arms] == [
        {"gate": "average"}, {"gate": "specific"}, {"gate": "shared"}
    ]  # fmt: skip
    assert around.name_of_base(FACTORS["gate"]) == "mixed"


def test_around_another_base_the_published_level_is_an_arm_and_nothing_is_expected() -> None:
    around = _around(n_experts=6, expert_hidden=256)
    arms = list_arms(FACTORS["experts"], around)
    assert [arm.level for arm in arms] == ["1", "2", "4", "8", "1 widened"]
    assert {arm.expected for arm in arms} == {None}
    assert _changed(arms[2].config, around.base) == {"n_experts": 4}  # the width stays the base's own
    assert around.base_level(FACTORS["experts"]) is None
    assert around.name_of_base(FACTORS["experts"]) == "6"


def test_what_falls_away_takes_its_published_value() -> None:
    """A base with another ratio, which an averaging gate does not use: two such arms would differ in nothing."""
    around = _around(sg_ratio=0.2)
    average = next(arm for arm in list_arms(FACTORS["gate"], around) if arm.level == "average")
    assert average.config["sg_ratio"] == 0.7
    alone = next(arm for arm in list_arms(FACTORS["experts"], around) if arm.level == "1")
    assert (alone.config["gate"], alone.config["sg_ratio"]) == ("mixed", 0.7)


def test_what_the_space_sets_itself_is_kept() -> None:
    """One expert leaves nothing to choose the best of: the published top_k would be refused."""
    around = _around("m2moep", n_experts=6, top_k=3)
    factor = next(factor for factor in SPACES["m2moep"].factors if factor.name == "experts")
    by_level = {arm.level: arm.config for arm in list_arms(factor, around)}
    assert (by_level["1"]["n_experts"], by_level["1"]["top_k"]) == (1, 1)
    published = SPACES["m2moep"].defaults
    assert (by_level["4"]["n_experts"], by_level["4"]["top_k"]) == (4, published["top_k"])


def test_a_widened_level_changes_one_parameter_more() -> None:
    arm = next(arm for arm in list_arms(FACTORS["towers"], _around()) if arm.level == "shared widened")
    assert arm.config["tower_hidden"] == 1000
    assert arm.changes == ("towers", "tower_hidden")


def test_a_level_of_several_parameters_is_recognised_in_the_base() -> None:
    around = _around(n_kernels=4, expert_hidden=64, tower_hidden=8)
    assert around.name_of_base(FACTORS["lightness"]) == "extreme"
    (arm,) = list_arms(FACTORS["lightness"], around)
    assert arm.level == "full"
    assert _changed(arm.config, around.base) == {"n_kernels": 8, "expert_hidden": 128, "tower_hidden": 16}


def test_a_factorial_has_every_combination_once_the_base_first() -> None:
    around = _around()
    cells = list_cells([FACTORS["gate"], FACTORS["towers"]], around)
    assert len(cells) == 8
    assert cells[0].config == around.base
    assert len({repr(cell.config) for cell in cells}) == 8
    assert all("widened" not in level for cell in cells for level in cell.levels.values())
    joint = next(cell for cell in cells if cell.levels == {"gate": "average", "towers": "shared"})
    assert _changed(joint.config, around.base) == {"gate": "average", "towers": "shared"}


def test_factors_are_chosen_by_name_in_the_order_of_the_space() -> None:
    names = [factor.name for factor in choose_factors(LIGHTMMOE.factors, ("towers", "gate"))]
    assert names == ["gate", "towers"]
    assert choose_factors(LIGHTMMOE.factors, ("all",)) == list(LIGHTMMOE.factors)
    with pytest.raises(ValueError, match="names 'gates', but the space's factors are experts, gate"):
        choose_factors(LIGHTMMOE.factors, ("gates",))


def test_the_parameters_of_a_factor_are_those_that_all_its_levels_set() -> None:
    levels = (
        Level(name="x", changes={}), Level(name="y", changes={"a": 1, "b": 2}), Level(name="z", changes={"b": 3}),
    )  # fmt: skip
    assert Factor(name="f", kind="component", levels=levels).parameters == ("b",)
    assert curve("clip", (3.0, None), None).parameters == ("clip",)
