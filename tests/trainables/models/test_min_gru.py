"""The block against the published recurrence, written down as a plain loop in float64."""

import pytest
import torch
from torch import Tensor

from trainables.models.min_gru import MinGRUBlock


def _build(n_groups: int = 2, seed: int = 0) -> MinGRUBlock:
    generator = torch.Generator().manual_seed(seed)
    return MinGRUBlock(n_groups=n_groups, width=6, inner=9, generator=generator).double()


def _tokens(n_groups: int = 2, batch: int = 3, length: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 3 * torch.randn(n_groups, batch, length, 6, generator=generator, dtype=torch.float64)


def _loop(block: MinGRUBlock, tokens: Tensor) -> Tensor:
    """Feng et al. 2024, appendix B: h_t = (1 - z_t) h_{t-1} + z_t g(v_t), from h_0 = 0."""
    outputs = torch.zeros_like(tokens)
    for g, series in enumerate(tokens):
        for b, sequence in enumerate(series):
            state = torch.zeros(9, dtype=torch.float64)
            for t, token in enumerate(sequence):
                k, v = (token @ block.in_proj.weight[g] + block.in_proj.bias[g, 0]).chunk(2)
                z, candidate = torch.sigmoid(k), torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
                state = (1 - z) * state + z * candidate
                outputs[g, b, t] = state @ block.out_proj.weight[g] + block.out_proj.bias[g, 0]
    return outputs


@pytest.mark.parametrize("n_groups", [1, 3])
def test_outputs_and_gradients_are_those_of_the_published_recurrence(n_groups: int) -> None:
    block, tokens = _build(n_groups), _tokens(n_groups).requires_grad_()
    wanted, outputs = _loop(block, tokens), block(tokens)
    torch.testing.assert_close(outputs, wanted, rtol=1e-10, atol=1e-12)
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    inputs = [tokens, *block.parameters()]
    for own, plain in zip(
        torch.autograd.grad((outputs * weights).sum(), inputs),
        torch.autograd.grad((wanted * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, plain, rtol=1e-9, atol=1e-11)


def test_a_closed_gate_forgets_nothing_and_an_open_one_everything() -> None:
    block = _build(n_groups=1)
    with torch.no_grad():
        block.in_proj.weight[:, :, :9] = 0  # the gate no longer looks at the tokens
        block.in_proj.bias[:, :, :9] = -40
        closed = block(_tokens(n_groups=1))
        block.in_proj.bias[:, :, :9] = 40
        tokens = _tokens(n_groups=1)
        opened = block(tokens)
        tokens[:, :, :-1] = 0
        same_end = block(tokens)
    torch.testing.assert_close(closed, block.out_proj.bias.expand_as(closed[0])[None].expand_as(closed))
    torch.testing.assert_close(opened[:, :, -1], same_end[:, :, -1])


def test_a_group_sees_its_own_tokens_alone() -> None:
    block, tokens = _build(), _tokens()
    changed = tokens.clone()
    changed[0] += 1
    assert torch.equal(block(changed)[1], block(tokens)[1])


def test_weights_follow_from_the_generator() -> None:
    first, second, other = _build(), _build(), _build(seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.in_proj.weight, other.in_proj.weight)


def test_under_autocast_only_products_are_rounded() -> None:
    block, tokens = _build().float(), _tokens(length=200).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = block(tokens).float()
    wanted = block(tokens)
    # bfloat16 has 8 bits, and an output is a chain of two products.
    assert (outputs - wanted).norm() < 0.03 * wanted.norm()
    gradients = torch.autograd.grad(outputs.square().sum(), list(block.parameters()))
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)
