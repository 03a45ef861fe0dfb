"""Interactions, worked out by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analysis.ablation.interactions import Interaction
from analysis.ablation.result import study_ablation
from analysis.records import read_records
from tests.analysis.ablation.conftest import AVERAGE, SHARED, TOWERS, AblationBuilder, MakeAblation
from tests.analysis.conftest import hash_config

BOTH = {**TOWERS, "gate": "average", "towers": "shared"}
BASE_SCORES = [(0.80, 0.60), (0.82, 0.64), (0.84, 0.62)]


def make_cell(gate: str, towers: str) -> Mapping[str, Any]:
    config = {**TOWERS, "gate": gate, "towers": towers}
    return {"levels": {"gate": gate, "towers": towers}, "config": config, "config_hash": hash_config(config)}


def cross(make_ablation: MakeAblation) -> AblationBuilder:
    cells = [make_cell(gate, towers) for gate in ("mixed", "average") for towers in ("separate", "shared")]
    return make_ablation(arms=[AVERAGE, SHARED], factorial={"factors": ["gate", "towers"], "cells": cells})


def find_pairs(builder: AblationBuilder) -> tuple[Interaction, ...]:
    builder.look(3)
    builder.finish()
    return read_pairs(builder.write())


def read_pairs(folder: Path) -> tuple[Interaction, ...]:
    ablation = study_ablation(read_records(folder))
    assert ablation is not None
    return ablation.interactions


def shifted(by: float, *, jitter: float = 0.0) -> list[tuple[float | None, float | None]]:
    """The base's scores, moved; the jitter goes up in the first block of series a and down in the second."""
    moved: list[tuple[float | None, float | None]] = [(a + by, b + by) for a, b in BASE_SCORES]
    first, second = BASE_SCORES[0], BASE_SCORES[1]
    moved[0] = (first[0] + by + jitter, first[1] + by)
    moved[1] = (second[0] + by - jitter, second[1] + by)
    return moved


def test_an_interaction_is_the_joint_effect_less_the_single_ones(make_ablation: MakeAblation) -> None:
    builder = cross(make_ablation)
    builder.frozen(TOWERS, shifted(0.0))
    builder.frozen(AVERAGE["config"], shifted(-0.02), arm="gate=average")
    builder.frozen(SHARED["config"], shifted(-0.01), arm="towers=shared")
    builder.frozen(BOTH, shifted(-0.10, jitter=0.01), arm="gate=average towers=shared")
    (pair,) = find_pairs(builder)
    assert (pair.first, pair.second) == ("gate=average", "towers=shared")
    assert pair.joint_effect is not None
    assert pair.joint_effect.mean == pytest.approx(-0.10)
    assert pair.sum_of_singles == pytest.approx(-0.03)
    assert pair.interaction is not None
    assert pair.interaction.mean == pytest.approx(-0.07)
    # Blocks of a: -0.06, -0.08, -0.07; of b: -0.07 throughout. One noisy series leaves two degrees of freedom.
    assert pair.interaction.low == pytest.approx(-0.07 - 4.302653 * (0.0001 / 3) ** 0.5 / 2, abs=1e-6)


def test_parts_that_add_up_do_not_interact(make_ablation: MakeAblation) -> None:
    builder = cross(make_ablation)
    builder.frozen(TOWERS, shifted(0.0))
    builder.frozen(AVERAGE["config"], shifted(-0.02), arm="gate=average")
    builder.frozen(SHARED["config"], shifted(-0.01), arm="towers=shared")
    builder.frozen(BOTH, shifted(-0.03), arm="gate=average towers=shared")
    (pair,) = find_pairs(builder)
    assert pair.interaction is not None
    assert pair.interaction.mean == 0.0


def test_only_blocks_that_all_four_have_count(make_ablation: MakeAblation) -> None:
    builder = cross(make_ablation)
    builder.frozen(TOWERS, shifted(0.0))
    builder.frozen(AVERAGE["config"], [*shifted(-0.02)[:2], (None, None)], arm="gate=average")
    builder.frozen(SHARED["config"], shifted(-0.01), arm="towers=shared")
    builder.frozen(BOTH, shifted(-0.10), arm="gate=average towers=shared")
    (pair,) = find_pairs(builder)
    assert pair.interaction is not None
    assert pair.interaction.n_blocks == 4
    assert pair.joint_effect is not None
    assert pair.joint_effect.n_blocks == 6


def test_a_cell_that_did_not_run_leaves_the_pair_without_interaction(make_ablation: MakeAblation) -> None:
    builder = cross(make_ablation)
    builder.frozen(TOWERS, shifted(0.0))
    builder.frozen(AVERAGE["config"], shifted(-0.02), arm="gate=average")
    (pair,) = find_pairs(builder)
    assert pair.first_effect is not None
    assert (pair.second_effect, pair.joint_effect, pair.sum_of_singles, pair.interaction) == (None, None, None, None)


def test_every_pair_of_levels_of_every_pair_of_factors(make_ablation: MakeAblation) -> None:
    levels = [("mixed", "average", "specific"), ("separate", "shared")]
    cells = [make_cell(gate, towers) for gate in levels[0] for towers in levels[1]]
    builder = make_ablation(arms=[AVERAGE], factorial={"factors": ["gate", "towers"], "cells": cells})
    builder.frozen(TOWERS, shifted(0.0))
    pairs = [(pair.first, pair.second) for pair in find_pairs(builder)]
    assert pairs == [("gate=average", "towers=shared"), ("gate=specific", "towers=shared")]


def test_without_a_factorial_there_are_none(ablated: Path) -> None:
    assert read_pairs(ablated) == ()
