"""The written-out backward against autograd on the plain form of the same formula."""

import pytest
import torch
from torch import Tensor

from trainables.kernels.expert_mixture import ExpertWeights, TowerWeights, expert_mixture

E, B, F, H, O, D, T = 3, 5, 6, 7, 4, 2, 3


def _inputs(shared_towers: bool) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)

    towers = 1 if shared_towers else D
    return [
        draw(E, B, F), draw(D, E, B),
        draw(E, F, H), draw(E, 1, H), draw(E, H, O), draw(E, 1, O),
        draw(towers, O, T), draw(towers, 1, T), draw(towers, 1, T), draw(towers, 1),
    ]  # fmt: skip


def _fused(features: Tensor, logits: Tensor, *weights: Tensor) -> Tensor:
    towers = TowerWeights(*(weight.expand(D, *weight.shape[1:]) for weight in weights[4:]))
    return expert_mixture(
        features, torch.softmax(logits, 1), ExpertWeights(*weights[:4]), towers,
        expert_dropout=0.3, tower_dropout=0.3, generator=None,
    )  # fmt: skip


def _plain(features: Tensor, logits: Tensor, *weights: Tensor) -> Tensor:
    w1, b1, w2, b2, t1, tb1, t2, tb2 = weights
    gates = torch.softmax(logits, 1)
    predictions = []
    for d in range(D):
        tower = min(d, len(t1) - 1)
        outputs = torch.stack([torch.relu(features[e] @ w1[e] + b1[e]) @ w2[e] + b2[e] for e in range(E)])
        mixture = (gates[d].unsqueeze(-1) * outputs).sum(0)  # [B, O]
        hidden = torch.relu(mixture @ t1[tower] + tb1[tower])
        predictions.append((hidden * t2[tower]).sum(-1) + tb2[tower])
    return torch.stack(predictions)


@pytest.mark.parametrize("shared_towers", [False, True])
def test_values_and_gradients_equal_the_plain_form(shared_towers: bool) -> None:
    inputs = _inputs(shared_towers)
    fused, plain = _fused(*inputs), _plain(*inputs)
    assert torch.allclose(fused, plain, atol=1e-12)
    upstream = torch.randn(fused.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for ours, reference in zip(
        torch.autograd.grad(fused, inputs, upstream), torch.autograd.grad(plain, inputs, upstream), strict=True
    ):
        assert torch.allclose(ours, reference, atol=1e-12)


def test_gradients_by_finite_differences() -> None:
    assert torch.autograd.gradcheck(_fused, _inputs(shared_towers=False), atol=1e-6)


def test_gradients_under_dropout() -> None:
    """With one mask, reached by the same generator state, the function is smooth and can be checked too."""

    def dropped(*inputs: Tensor) -> Tensor:
        features, logits, *weights = inputs
        return expert_mixture(
            features, torch.softmax(logits, 1), ExpertWeights(*weights[:4]), TowerWeights(*weights[4:]),
            expert_dropout=0.4, tower_dropout=0.4, generator=torch.Generator().manual_seed(7),
        )  # fmt: skip

    assert torch.autograd.gradcheck(dropped, _inputs(shared_towers=False), atol=1e-6)


def test_features_without_gradient_get_none() -> None:
    features, logits, *weights = _inputs(shared_towers=False)
    result = _fused(features.detach(), logits, *weights)
    result.sum().backward()
    assert features.grad is None
    assert weights[0].grad is not None
