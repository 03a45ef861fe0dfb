import math

import pytest
import torch

from trainables.models.grouped import GroupedLayerNorm, GroupedLinear, dropout


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("middle", [(), (5,), (5, 4)])
def test_linear_is_one_linear_layer_per_group(bias: bool, middle: tuple[int, ...]) -> None:
    layer = GroupedLinear(3, 6, 2, _generator(), bias=bias)
    inputs = torch.randn(3, *middle, 6) if middle else torch.randn(3, 6)
    outputs = layer(inputs)
    assert outputs.shape == (*inputs.shape[:-1], 2)
    for g in range(3):
        offset = layer.bias[g, 0] if layer.bias is not None else None
        torch.testing.assert_close(outputs[g], torch.nn.functional.linear(inputs[g], layer.weight[g].T, offset))


def test_linear_takes_inputs_as_they_lie() -> None:
    layer = GroupedLinear(2, 6, 3, _generator())
    inputs = torch.randn(4, 2, 7, 12)[..., ::2].transpose(0, 1)  # [G, B, L, I], contiguous in nothing
    torch.testing.assert_close(layer(inputs), layer(inputs.contiguous()))
    one = torch.randn(1, 4, 7, 6).expand(2, -1, -1, -1)
    torch.testing.assert_close(layer(one), layer(one.contiguous()))


def test_linear_starts_as_pytorch_s() -> None:
    layer = GroupedLinear(2, 100, 50, _generator())
    for parameter in layer.parameters():
        assert parameter.abs().max() <= 1 / math.sqrt(100)
    # 10,000 uniform draws: the deviation is off by 5 % with a chance below 1e-9.
    assert layer.weight.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
    again = GroupedLinear(2, 100, 50, _generator())
    assert torch.equal(layer.weight, again.weight)


def test_layer_norm_is_one_per_group() -> None:
    layer = GroupedLayerNorm(3, 8)
    with torch.no_grad():
        layer.scale.copy_(torch.randn(3, 1, 1, 8))
        layer.shift.copy_(torch.randn(3, 1, 1, 8))
    inputs = torch.randn(3, 4, 5, 8)
    outputs = layer(inputs)
    for g in range(3):
        wanted = torch.nn.functional.layer_norm(inputs[g], (8,), layer.scale[g, 0, 0], layer.shift[g, 0, 0])
        torch.testing.assert_close(outputs[g], wanted)


def test_dropout_is_off_without_a_generator_or_a_rate() -> None:
    values = torch.randn(3, 4)
    assert dropout(values, 0.5, None) is values
    assert dropout(values, 0.0, _generator()) is values


def test_dropout_keeps_the_mean_and_its_mask_is_the_gradient() -> None:
    values = torch.ones(200, 500, requires_grad=True)
    kept = dropout(values, 0.2, _generator())
    share = (kept == 0).double().mean().item()
    # 100,000 draws, deviation 0.0013: outside by chance in fewer than 1 of 1e9.
    assert share == pytest.approx(0.2, abs=0.008)
    assert kept[kept != 0].unique().tolist() == [1.25]
    kept.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, kept.detach())
    assert torch.equal(dropout(values, 0.2, _generator()), kept)
    assert not torch.equal(dropout(values, 0.2, _generator(1)), kept)
