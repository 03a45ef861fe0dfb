"""Layers that several independent copies of a network share one call of: a group per expert, never a loop over them.

``[G]`` groups, ``[B]`` batch, ``[L]`` tokens, ``[I]`` and ``[O]`` widths.
"""

import torch
from torch import Tensor, nn

from trainables.models.initial_weights import uniform


class GroupedLinear(nn.Module):
    """A linear layer per group: ``[G, ..., I]`` to ``[G, ..., O]``."""

    def __init__(
        self, n_groups: int, n_inputs: int, n_outputs: int, generator: torch.Generator, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = uniform((n_groups, n_inputs, n_outputs), n_inputs, generator)
        self.bias = uniform((n_groups, 1, n_outputs), n_inputs, generator) if bias else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply each group's layer to its own inputs."""
        rows = inputs.reshape(inputs.shape[0], -1, inputs.shape[-1])
        weight, bias = self.weight, self.bias
        outputs = torch.bmm(rows, weight) if bias is None else torch.baddbmm(bias, rows, weight)
        return outputs.view(*inputs.shape[:-1], -1)


class GroupedLayerNorm(nn.Module):
    """Layer normalisation over the width with a scale and a shift per group: ``[G, B, L, I]`` to the same."""

    def __init__(self, n_groups: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_groups, 1, 1, width))
        self.shift = nn.Parameter(torch.zeros(n_groups, 1, 1, width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise every token."""
        normal = nn.functional.layer_norm(inputs, inputs.shape[-1:])
        return torch.addcmul(self.shift, normal, self.scale)


def dropout(values: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """Set a share of the values to zero and scale the others up; without a generator, do nothing."""
    if generator is None or probability == 0:
        return values
    kept = torch.empty_like(values).bernoulli_(1 - probability, generator=generator)
    return values * kept.div_(1 - probability)
