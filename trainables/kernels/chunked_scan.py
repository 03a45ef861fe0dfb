"""The selective scan in plain PyTorch operations, faster than a loop over the steps and much smaller.

``[G]`` groups, ``[B]`` batch, ``[L]`` length, ``[D]`` channels, ``[N]`` states of a channel; a block of them has
``[g, b, q, N, D]``.

Autograd's backward of the loop keeps every state, N times as much as the input, and spends its time on memory. Written
out, the scan runs through blocks of rows and chunks of time that stay in the cache, keeps one state per chunk, and
computes the others again in the backward pass: 2 to 7 times as fast, in a ninth to a seventeenth of the memory
(``benchmarks/scan.py``). Two choices that surprised us, measured on one core of an AMD processor:

* exp2, with log2(e) folded into A: PyTorch's exp is MKL's, which takes 2.7 times as long there;
* for sums over channels, ``bmm`` of a row by a matrix: of a matrix by a column it takes 8 times as long.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

_LONGEST_CHUNK = 16  # steps; longer chunks leave the cache, shorter ones keep more states
_SHORTEST_CHUNK = 2
_BUFFER_BYTES = {"cpu": 2 << 20, "cuda": 256 << 20}  # of each work buffer: a CPU's cache, a GPU's parallelism


def chunked_scan(
    inputs: Tensor, step_sizes: Tensor, decay: Tensor, input_weights: Tensor, output_weights: Tensor, skip: Tensor
) -> Tensor:
    """Arguments, result and equation as in :func:`trainables.kernels.selective_scan.selective_scan`, unchecked."""
    result: Tensor = _ChunkedScan.apply(  # type: ignore[no-untyped-call]
        inputs, step_sizes, decay, input_weights, output_weights, skip
    )
    return result


class _Block(NamedTuple):
    """What is scanned at a time."""

    n_groups: int
    n_rows: int
    """Of the batch; all of it where a block has more than one group."""
    chunk: int
    """Steps."""


class _ChunkedScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        inputs: Tensor,
        step_sizes: Tensor,
        decay: Tensor,
        input_weights: Tensor,
        output_weights: Tensor,
        skip: Tensor,
    ) -> Tensor:
        block = _choose_block(inputs, decay.shape[2])
        rates = _transposed(decay)  # [G, 1, 1, N, D]
        log2_rates = rates * math.log2(math.e)
        driven = step_sizes * inputs
        chunks = _chunks(inputs.shape[2], block.chunk)
        n_groups, batch, _, n_channels = inputs.shape
        boundaries = inputs.new_empty(len(chunks) - 1, n_groups, batch, decay.shape[2], n_channels)
        outputs = torch.empty_like(inputs, memory_format=torch.contiguous_format)
        buffers = _work_buffers(2, inputs, block, decay.shape[2])
        for groups, rows in _blocks(inputs, block):
            for i, steps in enumerate(chunks):
                part = (groups, rows, steps)
                before = boundaries[i - 1, groups, rows] if i else None
                _, states = _scan_chunk(
                    step_sizes[part], driven[part], input_weights[part], log2_rates[groups], before, buffers
                )
                if i < len(boundaries):
                    boundaries[i, groups, rows] = states[:, :, -1]
                outputs[part] = _weighted_sum(output_weights[part], states)
        outputs.addcmul_(inputs, skip[:, None, None])
        ctx.block = block  # type: ignore[attr-defined]
        ctx.save_for_backward(
            inputs, step_sizes, input_weights, output_weights, skip, rates, log2_rates, driven, boundaries
        )
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, ...]:
        (
            inputs, step_sizes, input_weights, output_weights, skip, rates, log2_rates, driven, boundaries,
        ) = ctx.saved_tensors  # type: ignore[attr-defined]  # fmt: skip
        block: _Block = ctx.block  # type: ignore[attr-defined]
        d_rates = torch.zeros_like(rates)
        d_step_sizes, d_driven = torch.empty_like(driven), torch.empty_like(driven)
        d_input_weights, d_output_weights = torch.empty_like(input_weights), torch.empty_like(output_weights)
        buffers = _work_buffers(3, inputs, block, rates.shape[3])
        chunks = list(enumerate(_chunks(inputs.shape[2], block.chunk)))
        for groups, rows in _blocks(inputs, block):
            after: Tensor | None = None  # what the later chunk hands back to its first state
            for i, steps in reversed(chunks):
                part = (groups, rows, steps)
                before = boundaries[i - 1, groups, rows] if i else None
                decays, states = _scan_chunk(
                    step_sizes[part], driven[part], input_weights[part], log2_rates[groups], before, buffers
                )
                d_output_weights[part] = _channel_sum(gradient[part], states)
                d_states = _backward_chunk(gradient[part], output_weights[part], decays, after, buffers)
                d_input_weights[part] = _channel_sum(driven[part], d_states)
                d_driven[part] = _weighted_sum(input_weights[part], d_states)
                after = decays[:, :, 0] * d_states[:, :, 0] if i else None
                d_exponents = _exponent_gradient(decays, states, d_states, before)
                torch.mul(d_exponents, step_sizes[part].unsqueeze(-2), out=d_states)  # a free buffer by now
                d_rates[groups] += d_states.sum((1, 2), keepdim=True)
                d_step_sizes[part] = d_exponents.mul_(rates[groups]).sum(-2)
        d_skip = (gradient * inputs).sum((1, 2))
        d_step_sizes.addcmul_(d_driven, inputs)
        d_inputs = d_driven.mul_(step_sizes).addcmul_(gradient, skip[:, None, None])
        d_decay = d_rates[:, 0, 0].transpose(1, 2)
        return d_inputs, d_step_sizes, d_decay, d_input_weights, d_output_weights, d_skip


def _transposed(decay: Tensor) -> Tensor:
    """``[G, D, N]`` to ``[G, 1, 1, N, D]``: channels lie innermost in every work buffer."""
    return decay.transpose(1, 2).contiguous()[:, None, None]


def _scan_chunk(
    step_sizes: Tensor,
    driven: Tensor,
    input_weights: Tensor,
    log2_rates: Tensor,
    before: Tensor | None,
    buffers: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return exp(delta A) and the states of a chunk, ``[g, b, q, N, D]`` both, in the first two buffers."""
    shape = (*step_sizes.shape[:3], *log2_rates.shape[3:])
    decays, states = _shaped(buffers[0], shape), _shaped(buffers[1], shape)
    torch.mul(step_sizes.unsqueeze(-2), log2_rates, out=decays).exp2_()
    torch.mul(input_weights.unsqueeze(-1), driven.unsqueeze(-2), out=states)
    state = before
    for step_decay, step_state in zip(decays.unbind(2), states.unbind(2), strict=True):
        if state is not None:
            step_state.addcmul_(step_decay, state)
        state = step_state
    return decays, states


def _backward_chunk(
    gradient: Tensor, output_weights: Tensor, decays: Tensor, after: Tensor | None, buffers: list[Tensor]
) -> Tensor:
    """Return the gradient of the states of a chunk, in the third buffer."""
    d_states = _shaped(buffers[2], tuple(decays.shape))
    torch.mul(output_weights.unsqueeze(-1), gradient.unsqueeze(-2), out=d_states)
    d_steps, step_decays = d_states.unbind(2), decays.unbind(2)
    if after is not None:
        d_steps[-1].add_(after)
    for t in range(len(d_steps) - 1, 0, -1):
        d_steps[t - 1].addcmul_(step_decays[t], d_steps[t])
    return d_states


def _exponent_gradient(decays: Tensor, states: Tensor, d_states: Tensor, before: Tensor | None) -> Tensor:
    """Gradient of delta A: that of h_t, times h_{t-1} exp(delta_t A); overwrites ``decays``."""
    decays.mul_(d_states)
    decays[:, :, 1:].mul_(states[:, :, :-1])
    if before is None:
        decays[:, :, 0].zero_()
    else:
        decays[:, :, 0].mul_(before)
    return decays


def _weighted_sum(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over states, ``[g, b, q, N]`` by ``[g, b, q, N, D]`` to ``[g, b, q, D]``."""
    *lead, n_states, n_channels = states.shape
    products = torch.bmm(weights.reshape(-1, 1, n_states), states.view(-1, n_states, n_channels))
    return products.view(*lead, n_channels)


def _channel_sum(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over channels, ``[g, b, q, D]`` by ``[g, b, q, N, D]`` to ``[g, b, q, N]``."""
    *lead, n_states, n_channels = states.shape
    products = torch.bmm(weights.reshape(-1, 1, n_channels), states.view(-1, n_states, n_channels).transpose(1, 2))
    return products.view(*lead, n_states)


def _choose_block(inputs: Tensor, n_states: int) -> _Block:
    """Let a work buffer hold whole groups of the batch, or else rows of one group, for as many steps as a chunk has."""
    n_groups, batch, length, n_channels = inputs.shape
    n_steps = max(1, _BUFFER_BYTES.get(inputs.device.type, 2 << 20) // (n_states * n_channels * inputs.element_size()))
    chunk = min(length, max(_SHORTEST_CHUNK, min(_LONGEST_CHUNK, n_steps)))
    n_rows = max(1, n_steps // chunk)
    if n_rows >= batch:
        return _Block(_even(n_groups, n_rows // batch), batch, chunk)
    return _Block(1, _even(batch, n_rows), chunk)


def _even(total: int, at_most: int) -> int:
    """Size of the fewest, nearly equal parts of ``total`` that are none larger than ``at_most``."""
    return math.ceil(total / math.ceil(total / at_most))


def _blocks(inputs: Tensor, block: _Block) -> Iterator[tuple[slice, slice]]:
    n_groups, batch = inputs.shape[:2]
    for group in range(0, n_groups, block.n_groups):
        for row in range(0, batch, block.n_rows):
            yield slice(group, group + block.n_groups), slice(row, row + block.n_rows)


def _chunks(length: int, chunk: int) -> list[slice]:
    return [slice(start, min(start + chunk, length)) for start in range(0, length, chunk)]


def _work_buffers(count: int, inputs: Tensor, block: _Block, n_states: int) -> list[Tensor]:
    """Return flat buffers, each for one block."""
    size = block.n_groups * block.n_rows * block.chunk * n_states * inputs.shape[3]
    return [inputs.new_empty(size) for _ in range(count)]


def _shaped(buffer: Tensor, shape: tuple[int, ...]) -> Tensor:
    return buffer[: math.prod(shape)].view(shape)
