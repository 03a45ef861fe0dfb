"""The selective scan as its equation reads, step by step: the opponent in ``scan.py``, the truth in the tests."""

import torch
from torch import Tensor


def selective_scan_reference(
    inputs: Tensor, step_sizes: Tensor, decay: Tensor, input_weights: Tensor, output_weights: Tensor, skip: Tensor
) -> Tensor:
    """Arguments and result as in :func:`trainables.kernels.selective_scan.selective_scan`, in any floating type."""
    decays = torch.exp(step_sizes.unsqueeze(-1) * decay[:, None, None])  # [G, B, L, D, N]
    driven = (step_sizes * inputs).unsqueeze(-1) * input_weights.unsqueeze(-2)
    state = torch.zeros_like(driven[:, :, 0])
    states = []
    for step_decay, step_input in zip(decays.unbind(2), driven.unbind(2), strict=True):
        state = step_decay * state + step_input
        states.append(state)
    outputs = (torch.stack(states, 2) @ output_weights.unsqueeze(-1)).squeeze(-1)
    return outputs + skip[:, None, None] * inputs
