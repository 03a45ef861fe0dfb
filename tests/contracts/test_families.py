"""What every family and its space must hold: one body, run over all of them."""

import json

import optuna
import pytest
import torch

from search_spaces import SPACES
from search_spaces.space import Restricted
from trainables.models import FAMILIES
from trainables.models.base import column_types


@pytest.mark.parametrize("name", SPACES)
def test_the_published_configuration_is_valid_and_lies_in_the_space(name: str) -> None:
    space = SPACES[name]
    config = FAMILIES[space.family].config.from_dict(space.defaults)
    assert config.to_dict() == dict(space.defaults)
    Restricted(space=space).encode(space.defaults)


@pytest.mark.parametrize("name", SPACES)
def test_everything_the_space_proposes_builds_trains_and_fits_its_columns(name: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = SPACES[name]
    family, restricted = FAMILIES[space.family], Restricted(space=space)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    types = {"int": int, "float": float, "bool": bool, "string": object}
    for _ in range(40):
        config = family.config.from_dict(restricted.configure(study.ask())[0])
        assert family.config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
        for parameter, kind in column_types(family.config).items():
            assert isinstance(getattr(config, parameter), types[kind])
        model = family.build(config, 5, torch.Generator().manual_seed(0))
        loss = model(torch.randn(3, config.window, 5), torch.Generator().manual_seed(1)).square().mean()
        loss.backward()
        assert torch.isfinite(loss)


@pytest.mark.parametrize("name", SPACES)
def test_every_arm_is_a_valid_configuration_and_one_level_is_the_published_one(name: str) -> None:
    space = SPACES[name]
    config = FAMILIES[space.family].config
    for factor in space.factors:
        hashes = [
            json.dumps(config.from_dict({**space.defaults, **level.changes}).to_dict()) for level in factor.levels
        ]
        assert len(set(hashes)) == len(hashes)
        assert [bool(level.changes) for level in factor.levels].count(False) == 1
        assert all(level.expected is None or level.changes for level in factor.levels)
