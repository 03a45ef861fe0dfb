import math

import pytest
import torch

from trainables.models.metric_gate import Gate, Prototypes, balance_loss, keep_largest, triplet_loss


def _gate(kind: str, *, top_k: int = 2) -> Gate:
    generator = torch.Generator().manual_seed(0)
    return Gate(
        kind=kind,  # type: ignore[arg-type]
        n_inputs=5,
        width=4,
        n_experts=3,
        top_k=top_k,
        temperature=0.5,
        generator=generator,
    )


def _latents(batch: int = 8) -> torch.Tensor:
    return torch.randn(batch, 5, generator=torch.Generator().manual_seed(1))


def test_triplets_by_hand() -> None:
    points, labels = torch.tensor([[0.0], [1.0], [3.0], [9.0]]), torch.tensor([0, 0, 1, -1])
    found = triplet_loss(points, labels, 2.5)
    # 0: own at 1, other at 3: 2.5 + 1 - 3; 1: own at 1, other at 2: 2.5 + 1 - 2; 3 has no own; 9 has no label.
    assert found.loss.item() == pytest.approx((0.5 + 1.5) / 2)
    assert found.n_anchors.item() == 2
    assert found.n_violations.item() == 2
    near = triplet_loss(points, labels, 1.5)
    assert near.loss.item() == pytest.approx((0 + 0.5) / 2)
    assert near.n_violations.item() == 1


def test_triplets_equal_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(-1, 3, (20,), generator=generator)
    losses = []
    for anchor in range(20):
        distances = (points - points[anchor]).norm(dim=1)
        own = [distances[i] for i in range(20) if i != anchor and labels[i] == labels[anchor]]
        others = [distances[i] for i in range(20) if labels[i] not in (labels[anchor], -1)]
        if labels[anchor] >= 0 and own and others:
            losses.append(max(0.0, 0.5 + max(own) - min(others)))
    found = triplet_loss(points, labels, 0.5)
    assert found.n_anchors.item() == len(losses)
    assert found.loss.item() == pytest.approx(float(sum(losses)) / len(losses), abs=1e-9)


@pytest.mark.parametrize("labels", [[-1, -1, -1], [0, 0, 0], [0, 1, 2], [0, 0, -1]])
def test_without_anchors_the_loss_is_a_zero_of_the_graph(labels: list[int]) -> None:
    points = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    found = triplet_loss(points, torch.tensor(labels), 1.0)
    assert found.loss.item() == 0
    assert torch.autograd.grad(found.loss, points)[0].eq(0).all()


def test_points_that_coincide_have_finite_gradients() -> None:
    points = torch.zeros(4, 2, requires_grad=True)
    found = triplet_loss(points, torch.tensor([0, 0, 1, 1]), 0.5)
    assert found.loss.item() == pytest.approx(0.5)
    assert torch.isfinite(torch.autograd.grad(found.loss, points)[0]).all()


def test_the_balance_loss_is_least_when_the_experts_are_used_evenly() -> None:
    assert balance_loss(torch.eye(4).repeat(3, 1)).item() == pytest.approx(1)
    assert balance_loss(torch.eye(4)[:1].repeat(6, 1)).item() == pytest.approx(4)
    shares = torch.tensor([[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]])
    assert balance_loss(shares).item() == pytest.approx(2 * (2 / 3 * 1.4 / 3 + 1 / 3 * 1.6 / 3))


def test_the_largest_shares_are_brought_to_one() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert torch.allclose(keep_largest(shares, 2), torch.tensor([[0.625, 0.375, 0], [0, 2 / 9, 7 / 9]]))
    assert torch.equal(keep_largest(shares, 3), shares)
    assert torch.equal(keep_largest(shares, 1).sum(1), torch.ones(2))


@pytest.mark.parametrize("kind", ["metric", "softmax", "random"])
def test_a_gate_weighs_the_best_experts(kind: str) -> None:
    routing = _gate(kind)(_latents())
    assert torch.allclose(routing.weights.sum(1), torch.ones(8))
    assert (routing.weights > 0).sum(1).eq(2).all()
    assert torch.equal(routing.weights.argmax(1), routing.shares.argmax(1))
    assert torch.allclose(routing.shares.sum(1), torch.ones(8))


def test_the_metric_gate_is_a_softmax_of_squared_distances() -> None:
    gate = _gate("metric")
    routing = gate(_latents())
    assert isinstance(gate.score, Prototypes)
    assert torch.allclose(routing.embeddings.norm(dim=1), torch.ones(8))
    prototypes = gate.score.points / gate.score.points.norm(dim=1, keepdim=True)
    squares = (routing.embeddings[:, None] - prototypes[None]).square().sum(2)
    assert torch.allclose(routing.shares, torch.softmax(-squares / 0.5, dim=1), atol=1e-6)


def test_a_random_gate_has_nothing_to_learn_and_sends_a_window_where_it_always_went() -> None:
    gate = _gate("random")
    assert list(gate.parameters()) == []
    assert torch.equal(gate(_latents()).weights, gate(_latents()).weights)
    assert gate(_latents(200)).shares.argmax(1).bincount(minlength=3).min() > 20


def test_gates_embed_alike() -> None:
    assert torch.equal(_gate("metric")(_latents()).embeddings, _gate("softmax")(_latents()).embeddings)


def test_triplets_say_which_expert_a_cluster_belongs_to() -> None:
    """Training by the triplet loss alone sends each window to its label's expert, with prototypes among the points."""
    gate = _gate("metric", top_k=1)
    latents, labels = torch.eye(5).repeat(6, 1)[:, [0, 1, 2, 3, 4]], torch.tensor([0, 1, 2, 0, 1] * 6)
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        gate.triplets(gate(latents).embeddings, labels, 0.5).loss.backward()
        optimizer.step()
    assert torch.equal(gate(latents).shares.argmax(1), labels)


def test_triplets_of_a_softmax_gate_are_of_windows_only() -> None:
    embeddings = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(2)), dim=1)
    labels = torch.tensor([0, 0, 1, 1, 2, -1])
    found = _gate("softmax").triplets(embeddings, labels, 0.3)
    assert torch.equal(found.loss, triplet_loss(embeddings, labels, 0.3).loss)
    assert _gate("metric").triplets(embeddings, labels, 0.3).n_anchors.item() == 5 + 3


def test_a_colder_gate_is_surer() -> None:
    warm, cold = _gate("metric"), _gate("metric")
    assert isinstance(cold.score, Prototypes)
    cold.score.temperature = 0.05
    assert (cold(_latents()).shares.amax(1) > warm(_latents()).shares.amax(1)).all()
    assert warm(_latents()).shares.amax() <= 1 / (1 + 2 * math.exp(-4 / 0.5))
