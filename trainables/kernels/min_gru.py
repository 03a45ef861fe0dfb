"""The recurrence of MinGRU: a gated average whose gate looks at the input alone, so only the average runs step by step.

``[..., B, L, H]`` = any leading dimensions, batch, length, width.

Three forms of one formula: :func:`min_gru_scan` for training, :func:`min_gru_step` for a step of a running series, and
:func:`min_gru_log_scan`, which is the paper's: parallel over the length, and therefore for a GPU. On a CPU it takes 8
to 20 times as long as the first and loses digits with the length (relative error 1e-5 at 96 steps in float32).
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def min_gru_scan(gate: Tensor, candidate: Tensor, initial: Tensor | None = None) -> Tensor:
    """Run h_t = (1 - z_t) h_{t-1} + z_t g(candidate_t) with z = sigmoid(gate) over the length; differentiable.

    g(v) is v + 0.5 from zero up and sigmoid(v) below, so every state is positive. On CUDA, the log-space form runs.

    Args:
        gate: k, ``[..., B, L, H]``, before the sigmoid.
        candidate: v, ``[..., B, L, H]``, before g.
        initial: h_0, ``[..., B, H]``, not negative; zero where it is left out.

    Returns:
        h_1 to h_L, ``[..., B, L, H]``.

    Raises:
        ValueError: If a shape does not fit the others.

    References:
        Feng et al. 2024, "Were RNNs All We Needed?", section 3.1 and appendix B.2 (g, and the log-space form).
    """
    _check_shapes(gate, candidate, initial)
    if gate.is_cuda:
        return min_gru_log_scan(gate, candidate, initial)
    result: Tensor = _MinGRUScan.apply(gate, candidate, initial)  # type: ignore[no-untyped-call]
    return result


def min_gru_log_scan(gate: Tensor, candidate: Tensor, initial: Tensor | None = None) -> Tensor:
    """Do as :func:`min_gru_scan`, in log space and parallel over the length.

    The logarithms of z, 1 - z and g are built from their arguments: taken of the values they would be infinite where a
    gate saturates, and their gradients not a number.
    """
    _check_shapes(gate, candidate, initial)
    log_kept = torch.cumsum(F.logsigmoid(-gate), -2)  # a*_t, the log of prod (1 - z)
    log_terms = F.logsigmoid(gate) + _log_candidate(candidate) - log_kept
    if initial is not None:
        smallest = torch.finfo(initial.dtype).tiny  # the log of zero has no gradient
        log_terms = torch.cat([initial.clamp_min(smallest).log().unsqueeze(-2), log_terms], -2)
    log_sums = torch.logcumsumexp(log_terms, -2)
    return torch.exp(log_kept + (log_sums if initial is None else log_sums[..., 1:, :]))


def min_gru_step(gate: Tensor, candidate: Tensor, hidden: Tensor) -> Tensor:
    """Take one step: gate, candidate, the state before and the result are ``[..., B, H]``."""
    return torch.lerp(hidden, _candidate_value(candidate), torch.sigmoid(gate))


def _check_shapes(gate: Tensor, candidate: Tensor, initial: Tensor | None) -> None:
    if gate.ndim < 2 or 0 in gate.shape or candidate.shape != gate.shape:
        raise ValueError(
            f"`gate` is {list(gate.shape)} and `candidate` {list(candidate.shape)}, "
            "but both must be [..., B, L, H], nothing of it zero"
        )
    expected = (*gate.shape[:-2], gate.shape[-1])
    if initial is not None and initial.shape != expected:
        raise ValueError(f"`initial` is {list(initial.shape)}, but must be {list(expected)}: `gate` without its length")


def _candidate_value(candidate: Tensor) -> Tensor:
    """g(v), both branches in one sum: sigmoid(0) is the 0.5."""
    return F.relu(candidate) + torch.sigmoid(candidate.clamp_max(0))


def _log_candidate(candidate: Tensor) -> Tensor:
    return torch.where(candidate >= 0, torch.log(F.relu(candidate) + 0.5), F.logsigmoid(candidate))


class _MinGRUScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, gate: Tensor, candidate: Tensor, initial: Tensor | None) -> Tensor:
        update = torch.sigmoid(gate)
        value = _candidate_value(candidate)
        hidden = torch.empty_like(value, memory_format=torch.contiguous_format)
        state = torch.zeros_like(value[..., 0, :]) if initial is None else initial
        for step_update, step_value, step in zip(update.unbind(-2), value.unbind(-2), hidden.unbind(-2), strict=True):
            state = torch.lerp(state, step_value, step_update, out=step)
        ctx.save_for_backward(update, candidate, value, hidden, initial)  # type: ignore[arg-type]
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        update, candidate, value, hidden, initial = ctx.saved_tensors  # type: ignore[attr-defined]
        kept = 1 - update
        d_hidden = gradient.clone(memory_format=torch.contiguous_format)
        d_steps, kept_steps = d_hidden.unbind(-2), kept.unbind(-2)
        for t in range(len(d_steps) - 1, 0, -1):
            d_steps[t - 1].addcmul_(kept_steps[t], d_steps[t])
        d_initial = None if initial is None else kept_steps[0] * d_steps[0]
        moved = value.clone()  # g - h_{t-1}, what the gate decides about
        moved[..., 1:, :].sub_(hidden[..., :-1, :])
        if initial is not None:
            moved[..., 0, :].sub_(initial)
        d_gate = moved.mul_(d_hidden).mul_(update).mul_(kept)
        slope = torch.where(candidate >= 0, 1.0, value * (1 - value))  # below zero, g is the sigmoid
        d_candidate = d_hidden.mul_(update).mul_(slope)
        return d_gate, d_candidate, d_initial
