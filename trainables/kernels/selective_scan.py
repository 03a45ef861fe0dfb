"""The selective scan of Mamba, for several independent groups in one call.

``[G]`` groups (experts, scales, directions), ``[B]`` batch, ``[L]`` length, ``[D]`` channels, ``[N]`` states of a
channel.
"""

import torch
from torch import Tensor

from trainables.kernels.chunked_scan import chunked_scan
from trainables.kernels.cuda_packages import Kernel, load_selective_scan

_MAX_KERNEL_STATES = 256  # what mamba_ssm's kernel is compiled for


def selective_scan(
    inputs: Tensor,
    step_sizes: Tensor,
    decay: Tensor,
    input_weights: Tensor,
    output_weights: Tensor,
    skip: Tensor,
) -> Tensor:
    """Run h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t, y_t = C_t h_t + D u_t over the length; differentiable.

    On CUDA, ``mamba_ssm``'s kernel runs where it can be imported (:func:`scan_backend` says so); elsewhere
    :func:`trainables.kernels.chunked_scan.chunked_scan`. All arguments share one floating type and one device.

    Args:
        inputs: u, ``[G, B, L, D]``.
        step_sizes: delta, ``[G, B, L, D]``, after softplus, not negative.
        decay: A, ``[G, D, N]``, negative: -exp(A_log).
        input_weights: B, ``[G, B, L, N]``.
        output_weights: C, ``[G, B, L, N]``.
        skip: D, ``[G, D]``.

    Returns:
        y, ``[G, B, L, D]``.

    Raises:
        ValueError: If a shape or a type does not fit the others.

    References:
        Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", section 3.2, algorithm 2;
        A is discretised by zero-order hold and B by Euler's rule, as the authors' code does it and not as eq. 4 says.
    """
    _check(inputs, step_sizes, decay, input_weights, output_weights, skip)
    if inputs.is_cuda and inputs.dtype != torch.float64 and decay.shape[-1] <= _MAX_KERNEL_STATES:
        kernel = load_selective_scan()
        if kernel is not None:
            return _scan_by_kernel(kernel, inputs, step_sizes, decay, input_weights, output_weights, skip)
    return chunked_scan(inputs, step_sizes, decay, input_weights, output_weights, skip)


def scan_backend(device: torch.device) -> str:
    """Name what scans on ``device``, for a trial's row: ``mamba_ssm`` or ``chunked-pytorch``.

    A scan in float64, or with more than 256 states, is the chunked one everywhere.
    """
    return "mamba_ssm" if device.type == "cuda" and load_selective_scan() is not None else "chunked-pytorch"


def _check(
    inputs: Tensor, step_sizes: Tensor, decay: Tensor, input_weights: Tensor, output_weights: Tensor, skip: Tensor
) -> None:
    if inputs.ndim != 4 or 0 in inputs.shape or decay.ndim != 3:
        raise ValueError(
            f"`inputs` is {list(inputs.shape)} and `decay` {list(decay.shape)}, "
            "but they must be [G, B, L, D] and [G, D, N], nothing of it zero"
        )
    n_groups, batch, length, n_channels = inputs.shape
    n_states = decay.shape[2]
    expected = {
        "step_sizes": (step_sizes, (n_groups, batch, length, n_channels)),
        "decay": (decay, (n_groups, n_channels, n_states)),
        "input_weights": (input_weights, (n_groups, batch, length, n_states)),
        "output_weights": (output_weights, (n_groups, batch, length, n_states)),
        "skip": (skip, (n_groups, n_channels)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor.shape != shape:
            raise ValueError(
                f"`{name}` is {list(tensor.shape)}, but must be {list(shape)}: "
                f"`inputs` is [G, B, L, D] = {list(inputs.shape)} and `decay` [G, D, N] = {list(decay.shape)}"
            )
    types = {"inputs": inputs.dtype} | {name: tensor.dtype for name, (tensor, _) in expected.items()}
    if len(set(types.values())) > 1 or not inputs.is_floating_point():
        found = ", ".join(f"{name}: {dtype}" for name, dtype in types.items())
        raise ValueError(f"all arguments must have one floating type, but found {found}")


def _scan_by_kernel(
    kernel: Kernel,
    inputs: Tensor,
    step_sizes: Tensor,
    decay: Tensor,
    input_weights: Tensor,
    output_weights: Tensor,
    skip: Tensor,
) -> Tensor:
    """Fold groups into channels: the kernel takes B and C for groups of neighbouring channels."""
    n_groups, batch, length, n_channels = inputs.shape

    def channels_first(values: Tensor) -> Tensor:
        return values.permute(1, 0, 3, 2).contiguous()  # [B, G, D or N, L]

    outputs = kernel(
        channels_first(inputs).view(batch, -1, length),
        channels_first(step_sizes).view(batch, -1, length),
        decay.reshape(n_groups * n_channels, -1).float(),
        channels_first(input_weights),
        channels_first(output_weights),
        skip.reshape(-1).float(),
    )
    return outputs.view(batch, n_groups, n_channels, length).permute(1, 0, 3, 2)
