"""What every family and its space must hold: one body, run over all of them."""

import json
from typing import Any

import optuna
import pytest
import torch

from search_spaces import SPACES
from search_spaces.space import Restricted
from trainables.models import FAMILIES
from trainables.models.base import DetectorConfig, Family, Sizes, column_types

N_COLUMNS, HORIZON, TARGETS = 5, 4, (0, 3)


def _make_batch(family: Family, config: Any) -> tuple[Sizes, tuple[torch.Tensor, torch.Tensor]]:
    """Three examples as the family's task would give them."""
    draw = torch.Generator().manual_seed(2)
    if isinstance(config, DetectorConfig):
        inputs = torch.randn(3, config.window, N_COLUMNS, generator=draw)
        return Sizes.one_step(N_COLUMNS, n_examples=3), (inputs, torch.randn(3, N_COLUMNS, generator=draw))
    sizes = Sizes(n_features=N_COLUMNS, horizon=HORIZON, targets=TARGETS, n_examples=3)
    inputs = torch.randn(3, config.lookback, N_COLUMNS, generator=draw)
    return sizes, (inputs, torch.randn(3, HORIZON, len(TARGETS), generator=draw))


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
        sizes, (inputs, wanted) = _make_batch(family, config)
        model = family.build(config, sizes, torch.Generator().manual_seed(0))
        loss = model.training_loss(inputs, wanted, torch.arange(3), torch.Generator().manual_seed(1))
        loss.backward()
        assert torch.isfinite(loss)
        assert model(inputs).shape == wanted.shape


@pytest.mark.parametrize("name", SPACES)
def test_every_arm_is_a_valid_configuration_and_one_level_is_the_published_one(name: str) -> None:
    space = SPACES[name]
    config = FAMILIES[space.family].config
    for factor in space.factors:
        changed = [config.from_dict({**space.defaults, **level.changes}).to_dict() for level in factor.levels]
        names = [json.dumps([values, level.widened]) for values, level in zip(changed, factor.levels, strict=True)]
        assert len(set(names)) == len(names)
        assert factor.parameters
        assert [bool(level.changes) for level in factor.levels].count(False) == 1
        assert all(level.expected is None or level.changes for level in factor.levels)
