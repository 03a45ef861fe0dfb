from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from search_spaces.dlinear import FACTORS, PUBLISHED, SPACE
from search_spaces.space import Restricted
from trainables.models.base import Sizes
from trainables.models.dlinear import FAMILY, KERNEL, DLinear, DLinearConfig, average_matrix

CONFIG = DLinearConfig.from_dict({**PUBLISHED, "lookback": 40})
TARGETS = (4, 1, 2)


def _build(**changes: Any) -> DLinear:
    """Weights are moved off their start, where all of them are equal."""
    sizes = Sizes(n_features=5, horizon=6, targets=TARGETS, n_examples=100)
    model = DLinear(replace(CONFIG, **changes), sizes, torch.Generator().manual_seed(0)).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    if model.config.decomposition:
        model.moving_average = (model.moving_average * KERNEL).round() / KERNEL  # its entries are rounded to float32
    return model


def _windows(batch: int = 3) -> Tensor:
    return torch.randn(batch, 40, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def _map_plainly(model: DLinear, windows: Tensor) -> Tensor:
    """Zeng et al. 2023, section 4, as their code runs it: one column and two linear layers at a time."""
    outputs = []
    for place, column in enumerate(TARGETS):
        own = place if model.config.individual else 0
        values = windows[:, :, column]
        reach = KERNEL // 2
        padded = torch.cat((values[:, :1].repeat(1, reach), values, values[:, -1:].repeat(1, reach)), dim=1)
        trend = torch.nn.functional.avg_pool1d(padded[:, None], KERNEL, stride=1)[:, 0]
        if model.config.decomposition:
            rest = torch.nn.functional.linear(values - trend, model.rest[own], model.rest_bias[own])
            outputs.append(rest + torch.nn.functional.linear(trend, model.trend[own], model.trend_bias[own]))
        else:
            outputs.append(torch.nn.functional.linear(values, model.rest[own], model.rest_bias[own]))
    return torch.stack(outputs, dim=-1)


@pytest.mark.parametrize("decomposition", [True, False])
@pytest.mark.parametrize("individual", [True, False])
def test_the_folded_map_is_the_published_one(decomposition: bool, individual: bool) -> None:
    model, windows = _build(decomposition=decomposition, individual=individual), _windows()
    wanted, forecasts = _map_plainly(model, windows), model(windows)
    assert forecasts.shape == (3, 6, 3)
    torch.testing.assert_close(forecasts, wanted, rtol=1e-10, atol=1e-10)
    parameters = list(model.parameters())
    for own, plain in zip(
        torch.autograd.grad(forecasts.square().sum(), parameters),
        torch.autograd.grad(wanted.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(own, plain, rtol=1e-9, atol=1e-9)


def test_the_moving_average_repeats_the_ends() -> None:
    wanted = torch.tensor([[2, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 2]]) / 3
    torch.testing.assert_close(average_matrix(4, 3), wanted)
    assert average_matrix(3, 25).sum(dim=1).tolist() == pytest.approx([1, 1, 1])  # wider than the window


@pytest.mark.parametrize("individual", [True, False])
def test_last_takes_the_last_value_off_and_adds_it_again(individual: bool) -> None:
    model, windows = _build(normalisation="last", individual=individual), _windows()
    last = windows[:, -1:]
    wanted = _map_plainly(model, windows - last) + last[:, :, list(TARGETS)]
    torch.testing.assert_close(model(windows), wanted)


def test_instance_is_free_of_level_and_unit() -> None:
    model, windows = _build(normalisation="instance"), _windows()
    mean, sd = windows.mean(1, keepdim=True), (windows.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    mapped = _map_plainly(model, (windows - mean) / sd)
    torch.testing.assert_close(model(windows), mapped * sd[:, :, list(TARGETS)] + mean[:, :, list(TARGETS)])
    torch.testing.assert_close(model(7 + windows), 7 + model(windows))


@pytest.mark.parametrize("individual", [True, False])
@pytest.mark.parametrize("normalisation", ["none", "last", "instance"])
def test_a_forecast_depends_on_its_own_column_alone(individual: bool, normalisation: str) -> None:
    model, windows = _build(individual=individual, normalisation=normalisation), _windows()
    changed = windows.clone()
    changed[:, :, 1] += torch.randn(3, 40, dtype=torch.float64)
    changed[:, :, 3] += 1  # not forecast
    moved = (model(changed) - model(windows)).abs().amax(dim=(0, 1))
    assert moved[0] == 0
    assert moved[1] > 0
    assert moved[2] == 0


def test_starts_at_the_mean_of_the_window() -> None:
    sizes = Sizes(n_features=5, horizon=6, targets=TARGETS, n_examples=100)
    model = DLinear(CONFIG, sizes, torch.Generator().manual_seed(0))
    windows = _windows().float()
    for bias in (model.rest_bias, model.trend_bias):
        assert bias.abs().max() <= 40**-0.5
        bias.data.zero_()
    wanted = windows[:, :, list(TARGETS)].mean(dim=1, keepdim=True).expand(3, 6, 3)
    torch.testing.assert_close(model(windows), wanted)


def test_weights_follow_from_the_generator() -> None:
    first, second = _build(), _build()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert "moving_average" not in first.state_dict()  # it follows from the configuration


def test_learns_a_linear_map() -> None:
    model = _build()
    windows = _windows(64)
    wanted = windows[:, -6:, list(TARGETS)] * 0.5
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        loss = model.training_loss(windows, wanted, torch.arange(64), torch.Generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_the_space_holds_the_published_configuration_and_its_arms() -> None:
    assert Restricted(space=SPACE).encode(PUBLISHED)["normalisation"] == "none"
    sizes = Sizes(n_features=2, horizon=3, targets=(0, 1), n_examples=1)
    for factor in FACTORS:
        for level in factor.levels:
            config = DLinearConfig.from_dict({**PUBLISHED, **level.changes})
            model = FAMILY.build(config, sizes, torch.Generator())
            assert model(torch.randn(4, config.lookback, 2)).shape == (4, 3, 2)
    assert FAMILY.kernel(torch.device("cpu")) == "pytorch"
