import pytest
import torch

from trainables.kernels.relu_dropout import relu_dropout


def test_evaluation_is_relu() -> None:
    values = torch.tensor([-1.0, 0.0, 2.0])
    assert relu_dropout(values.clone(), 0.5, None).tolist() == [0.0, 0.0, 2.0]


def test_rate_zero_is_relu_and_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    relu_dropout(torch.randn(10), 0.0, generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    # 200,000 draws: the share is off by more than 0.007 with a chance of less than 1e-9.
    values = relu_dropout(torch.ones(200_000), rate, torch.Generator().manual_seed(1))
    assert (values == 0).double().mean().item() == pytest.approx(rate, abs=0.007)
    kept = values[values > 0]
    assert kept.unique().numel() == 1
    assert kept[0].item() == pytest.approx(1 / (1 - rate), rel=1e-4)


def test_every_value_has_its_own_mask_bit() -> None:
    # Four masks come from one 64-bit draw: neighbours must not be dropped together (correlation within 4 sd of zero).
    dropped = (relu_dropout(torch.ones(4, 50_000).T.contiguous(), 0.5, torch.Generator().manual_seed(2)) == 0).double()
    correlation = torch.corrcoef(dropped.T)
    off_diagonal = correlation - torch.eye(4)
    assert off_diagonal.abs().max().item() < 4 / 50_000**0.5


def test_same_generator_state_same_mask() -> None:
    values = torch.rand(1000)
    first = relu_dropout(values.clone(), 0.3, torch.Generator().manual_seed(5))
    second = relu_dropout(values.clone(), 0.3, torch.Generator().manual_seed(5))
    assert torch.equal(first, second)


def test_gradient_passes_where_the_value_did() -> None:
    values = torch.randn(500, dtype=torch.float64, requires_grad=True)
    result = relu_dropout(values * 1.0, 0.25, torch.Generator().manual_seed(3))
    result.sum().backward()
    scale = 65536 / (65536 - round(0.25 * 65536))
    expected = (result > 0).double() * scale
    assert values.grad is not None
    assert torch.allclose(values.grad, expected)
