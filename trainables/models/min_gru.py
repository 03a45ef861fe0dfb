"""The MinGRU block: a gated recurrence whose gate does not look at the state, so that time can be scanned.

Shapes: ``[G]`` groups, ``[B]`` batch, ``[L]`` steps, ``[M]`` width, ``[E]`` inner width.

References:
    Feng et al. 2024, "Were RNNs All We Needed?", section 3.1 and appendix B (the positive candidate ``g``).
"""

import torch
from torch import Tensor, nn

from trainables.kernels.min_gru import min_gru_scan
from trainables.models.grouped import GroupedLinear


class MinGRUBlock(nn.Module):
    """``[G, B, L, M]`` to the same: gate and candidate of each step, their scan, and a linear layer.

    The states are positive, so the linear layer behind them is needed for outputs of either sign.
    """

    def __init__(self, *, n_groups: int, width: int, inner: int, generator: torch.Generator) -> None:
        super().__init__()
        self.in_proj = GroupedLinear(n_groups, width, 2 * inner, generator)
        self.out_proj = GroupedLinear(n_groups, inner, width, generator)

    def forward(self, tokens: Tensor, *, first: int = 0) -> Tensor:
        """Mix tokens ``[G, B, L, M]`` along ``L``, each seeing itself and those before it.

        Args:
            tokens: ``[G, B, L, M]``.
            first: The first token whose output is wanted; -1 asks for the last token's alone.

        Returns:
            ``[G, B, L, M]``, without the outputs before ``first``.
        """
        # Under autocast the products are rounded, but states, which sum over all tokens, keep the weights' precision.
        gate, candidate = self.in_proj(tokens).to(self.in_proj.weight.dtype).chunk(2, dim=-1)
        outputs: Tensor = self.out_proj(min_gru_scan(gate, candidate)[:, :, first:])
        return outputs
