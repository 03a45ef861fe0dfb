"""Gates of a mixture of experts: by distance to learned prototypes, by a plain softmax, or by chance.

Shapes: ``[B]`` batch, ``[Z]`` latent, ``[V]`` embedding width, ``[E]`` experts, ``[N]`` points.

References:
    Hermans et al. 2017, "In Defense of the Triplet Loss for Person Re-Identification", equation 5 (batch hard).
    Fedus et al. 2022, "Switch Transformers", equations 4 to 6 (load balance).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.models.grouped import GroupedLinear
from trainables.models.initial_weights import normal

_SMALLEST_SQUARE = 1e-8  # below it a distance has no usable slope


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """How a batch is spread over the experts."""

    weights: Tensor
    """Of the experts' forecasts, ``[B, E]``: 0 for all but the best few, 1 in sum."""
    shares: Tensor
    """Before the others were left out, ``[B, E]``."""
    embeddings: Tensor | None
    """On the unit sphere, ``[B, V]``; a gate of chance has none."""


class Gate(nn.Module):
    """Latents ``[B, Z]`` to a :class:`Routing`."""

    def __init__(
        self,
        *,
        kind: Literal["metric", "softmax", "random"],
        n_inputs: int,
        width: int,
        n_experts: int,
        top_k: int,
        temperature: float,
        generator: torch.Generator,
    ) -> None:
        """Draw the weights.

        Args:
            kind: ``metric``: by squared distance to a prototype per expert; ``softmax``: by a linear map of the
                embedding; ``random``: by a projection of the latent that is never trained.
            n_inputs: ``Z``
            width: ``V``; the layer before the embedding is twice as wide.
            n_experts: ``E``
            top_k: Experts that take part in a forecast.
            temperature: Of the metric gate; squared distances lie in [0, 4].
            generator: Source of the weights.
        """
        super().__init__()
        self.top_k = top_k
        self.learned = kind != "random"
        self.embed = Embedding(n_inputs, width, generator) if self.learned else None
        if kind == "metric":
            self.score: nn.Module = Prototypes(n_experts, width, temperature, generator)
        elif kind == "softmax":
            self.score = _Linear(width, n_experts, generator)
        else:
            self.score = _Projection(n_inputs, n_experts, generator)

    def forward(self, latents: Tensor) -> Routing:
        """Weigh the experts."""
        embeddings = None if self.embed is None else self.embed(latents)
        shares = torch.softmax(self.score(latents if embeddings is None else embeddings), dim=-1)
        return Routing(weights=keep_largest(shares, self.top_k), shares=shares, embeddings=embeddings)

    def undecayed(self) -> list[nn.Parameter]:
        """List what weight decay must leave alone: of prototypes only the direction counts."""
        return [self.score.points] if isinstance(self.score, Prototypes) else []

    def triplets(self, embeddings: Tensor, labels: Tensor, margin: float) -> "Triplets":
        """Compute the triplet loss of a batch.

        Prototypes join as members of their own expert's class: without them nothing would say which expert a cluster
        of embeddings belongs to (with a single expert per forecast, not even the forecast's loss would).

        Args:
            embeddings: ``[B, V]``
            labels: ``[B]``, the expert each should go to; -1 where unknown.
            margin: In Euclidean distance.
        """
        if isinstance(self.score, Prototypes):
            prototypes = self.score.directions()
            embeddings = torch.cat((embeddings, prototypes.to(embeddings.dtype)))
            labels = torch.cat((labels, torch.arange(len(prototypes), device=labels.device)))
        return triplet_loss(embeddings, labels, margin)


class Embedding(nn.Module):
    """Two layers and a normalisation: ``[B, Z]`` to the unit sphere in ``[B, V]``."""

    def __init__(self, n_inputs: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = GroupedLinear(1, n_inputs, 2 * width, generator)
        self.outer = GroupedLinear(1, 2 * width, width, generator)

    def forward(self, latents: Tensor) -> Tensor:
        """Embed latents."""
        hidden = torch.relu(self.hidden(latents.unsqueeze(0)))
        return nn.functional.normalize(self.outer(hidden).squeeze(0), dim=-1)


class Prototypes(nn.Module):
    """Minus the squared distance to each expert's prototype over the temperature: ``[B, V]`` to ``[B, E]``."""

    def __init__(self, n_experts: int, width: int, temperature: float, generator: torch.Generator) -> None:
        super().__init__()
        self.points = normal((n_experts, width), generator)
        self.temperature = temperature

    def directions(self) -> Tensor:
        """Return the prototypes on the unit sphere, ``[E, V]``."""
        return nn.functional.normalize(self.points, dim=-1)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Score embeddings on the unit sphere."""
        cosines = embeddings @ self.directions().T
        return (2 * cosines - 2) / self.temperature


class _Linear(nn.Module):
    def __init__(self, n_inputs: int, n_outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layer = GroupedLinear(1, n_inputs, n_outputs, generator)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.layer(inputs.unsqueeze(0)).squeeze(0)
        return scores


class _Projection(nn.Module):
    """Scores of variance 1 for standard normal latents."""

    weight: Tensor

    def __init__(self, n_inputs: int, n_outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        drawn = torch.randn(n_inputs, n_outputs, generator=generator)
        self.register_buffer("weight", drawn / math.sqrt(n_inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ self.weight


def keep_largest(shares: Tensor, k: int) -> Tensor:
    """Set all but the ``k`` largest of each row to zero and bring the rest to 1 in sum: ``[B, E]`` to the same."""
    if k >= shares.shape[-1]:
        return shares
    largest = shares.topk(k, dim=-1)
    return torch.zeros_like(shares).scatter(
        -1, largest.indices, largest.values / largest.values.sum(dim=-1, keepdim=True)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Triplets:
    """The triplet loss of a batch and how it came about."""

    loss: Tensor
    n_anchors: Tensor
    """Points with both a point of their own class and one of another."""
    n_violations: Tensor
    """Anchors whose loss is positive."""


def triplet_loss(points: Tensor, labels: Tensor, margin: float) -> Triplets:
    """Compute the batch-hard triplet loss: the farthest of one's own class against the nearest of any other.

    Args:
        points: ``[N, V]``
        labels: ``[N]``; a point labelled -1 takes no part.
        margin: How much farther the others must be.

    Returns:
        The mean over anchors; without any, a zero that still belongs to the graph.
    """
    squares = points.square().sum(dim=1)
    products = points @ points.T
    distances = (squares[:, None] + squares[None] - 2 * products).clamp(min=_SMALLEST_SQUARE).sqrt()
    known = labels >= 0
    pairs = known[:, None] & known[None]
    alike = labels[:, None] == labels[None]
    own = pairs & alike & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    others = pairs & ~alike
    farthest = distances.masked_fill(~own, -torch.inf).amax(dim=1)
    nearest = distances.masked_fill(~others, torch.inf).amin(dim=1)
    anchors = own.any(dim=1) & others.any(dim=1)
    losses = torch.where(anchors, margin + farthest - nearest, 0.0).relu()
    n_anchors = anchors.sum()
    return Triplets(
        loss=losses.sum() / n_anchors.clamp(min=1), n_anchors=n_anchors, n_violations=(losses > 0).sum().detach()
    )


def balance_loss(shares: Tensor) -> Tensor:
    """Compute how unevenly the experts are used: 1 when evenly, up to the number of experts.

    Args:
        shares: Softmax of the gate, ``[B, E]``.
    """
    n_experts = shares.shape[-1]
    first = torch.nn.functional.one_hot(shares.argmax(dim=-1), n_experts).to(shares.dtype).mean(dim=0)
    return n_experts * (first * shares.mean(dim=0)).sum()
