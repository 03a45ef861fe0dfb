"""Weighing several losses by how uncertain each is, learned with everything else.

References:
    Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses", section 3.2, in its form for
    regression: ``exp(-s) L / 2 + s / 2`` with ``s`` the logarithm of the variance; at rest ``s = log L``.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

BOUND = 4.0
"""On ``s``: a loss that nears 0 would otherwise be weighed without limit."""


class LossWeights(nn.Module):
    """Adds losses up: each with a learned weight, or all alike. One loss alone is left as it is."""

    def __init__(self, names: Iterable[str], *, learned: bool) -> None:
        """Begin with every ``s`` at 0.

        Args:
            names: Of the losses.
            learned: Whether the weights are learned, or all 1.
        """
        super().__init__()
        self.names = tuple(names)
        n_learned = len(self.names) if learned and len(self.names) > 1 else 0
        # Through a hyperbolic tangent instead of a clamp, whose gradient would be 0 for good beyond the bound.
        self.unbounded = nn.Parameter(torch.zeros(n_learned), requires_grad=n_learned > 0)

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Add the losses up; a loss of exactly 0 is absent (a batch without triplets) and does not move its weight."""
        assert tuple(losses) == self.names
        values = torch.stack([losses[name] for name in self.names])
        if not len(self.unbounded):
            return values.sum()
        s = self._log_variances()
        terms = 0.5 * torch.exp(-s) * values + 0.5 * s
        return torch.where(values.detach() == 0, 0.0, terms).sum()

    @torch.no_grad()
    def current(self) -> dict[str, Tensor]:
        """Return the factor that each loss has now; nothing where none is learned."""
        return dict(zip(self.names, 0.5 * torch.exp(-self._log_variances()), strict=False))

    def _log_variances(self) -> Tensor:
        return BOUND * torch.tanh(self.unbounded / BOUND)
