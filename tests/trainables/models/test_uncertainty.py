import math

import pytest
import torch

from trainables.models.uncertainty import BOUND, LossWeights


def _losses(first: float, second: float) -> dict[str, torch.Tensor]:
    return {"forecast": torch.tensor(first), "triplet": torch.tensor(second)}


def _settle(weights: LossWeights, losses: dict[str, torch.Tensor]) -> None:
    optimizer = torch.optim.Adam(weights.parameters(), lr=0.05)
    for _ in range(1500):
        optimizer.zero_grad()
        weights(losses).backward()
        optimizer.step()


def test_at_the_start_each_loss_counts_half() -> None:
    weights = LossWeights(("forecast", "triplet"), learned=True)
    assert weights(_losses(0.4, 2.0)).item() == pytest.approx(1.2)


def test_at_rest_the_logarithm_of_the_variance_is_that_of_the_loss() -> None:
    weights = LossWeights(("forecast", "triplet"), learned=True)
    losses = _losses(0.2, 3.0)
    _settle(weights, losses)
    for name, loss in losses.items():
        assert weights.current()[name].item() == pytest.approx(0.5 / loss.item(), rel=1e-3)
    assert weights(losses).item() == pytest.approx(1 + 0.5 * math.log(0.2) + 0.5 * math.log(3), rel=1e-4)


def test_the_weight_is_bounded_on_both_sides() -> None:
    weights = LossWeights(("forecast", "triplet"), learned=True)
    _settle(weights, _losses(1e-9, 1e9))
    assert weights.current()["forecast"].item() < 0.5 * math.exp(BOUND)
    assert weights.current()["triplet"].item() > 0.5 * math.exp(-BOUND)
    weights.unbounded.data.copy_(torch.tensor([-1e4, 1e4]))
    assert weights.current()["forecast"].item() == pytest.approx(0.5 * math.exp(BOUND))
    assert weights.current()["triplet"].item() == pytest.approx(0.5 * math.exp(-BOUND))


def test_a_loss_that_is_absent_from_a_batch_does_not_move_its_weight() -> None:
    weights = LossWeights(("forecast", "triplet"), learned=True)
    triplet = torch.tensor(1.0, requires_grad=True)
    total = weights({"forecast": torch.tensor(0.5), "triplet": 0 * triplet})
    of_weights, of_loss = torch.autograd.grad(total, [weights.unbounded, triplet])
    assert of_weights[1].item() == 0
    assert of_weights[0].item() != 0
    assert of_loss.item() == 0


def test_fixed_weights_are_all_one_and_nothing_is_learned() -> None:
    weights = LossWeights(("forecast", "triplet"), learned=False)
    assert weights(_losses(0.4, 2.0)).item() == pytest.approx(2.4)
    assert sum(parameter.numel() for parameter in weights.parameters()) == 0
    assert weights.current() == {}


def test_a_loss_alone_is_left_as_it_is() -> None:
    weights = LossWeights(("forecast",), learned=True)
    assert weights({"forecast": torch.tensor(0.4)}).item() == pytest.approx(0.4)
    assert sum(parameter.numel() for parameter in weights.parameters()) == 0
