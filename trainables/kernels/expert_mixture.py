"""The dense part of a multi-gate mixture of experts, for all experts, features and towers at once.

``[E]`` experts, ``[B]`` batch, ``[F]`` inputs of an expert, ``[H]`` its hidden width, ``[O]`` its outputs, ``[D]``
features (one gate and one tower each), ``[T]`` hidden width of a tower.

Autograd's backward of the same forward spends half its time in copies of badly strided operands; written out, every
product is one batched call on operands that the matrix library takes as they lie.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from trainables.kernels.relu_dropout import relu_dropout_, relu_dropout_backward


class ExpertWeights(NamedTuple):
    """Weights of the experts' two linear layers."""

    hidden: Tensor
    """``[E, F, H]``"""
    hidden_bias: Tensor
    """``[E, 1, H]``"""
    output: Tensor
    """``[E, H, O]``"""
    output_bias: Tensor
    """``[E, 1, O]``"""


class TowerWeights(NamedTuple):
    """Weights of the towers; the first dimension may be expanded from 1 where all features share one tower."""

    hidden: Tensor
    """``[D, O, T]``"""
    hidden_bias: Tensor
    """``[D, 1, T]``"""
    output: Tensor
    """``[D, 1, T]``"""
    output_bias: Tensor
    """``[D, 1]``"""


def expert_mixture(
    features: Tensor,
    gates: Tensor,
    experts: ExpertWeights,
    towers: TowerWeights,
    *,
    expert_dropout: float,
    tower_dropout: float,
    generator: torch.Generator | None,
) -> Tensor:
    """Experts, their mixture for every feature, and the feature's tower.

    Args:
        features: ``[E, B, F]``, what every expert sees; may be expanded from one copy.
        gates: ``[D, E, B]``, non-negative weights that sum to 1 over the experts.
        experts: Weights of the experts.
        towers: Weights of the towers.
        expert_dropout: Rate after the experts' hidden layer.
        tower_dropout: Rate after the towers' hidden layer.
        generator: Source of the dropout masks; ``None`` means evaluation.

    Returns:
        ``[D, B]``, one prediction per feature and sample.

    References:
        Ma et al. 2018, "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", eq. 6.
    """
    result: Tensor = _ExpertMixture.apply(  # type: ignore[no-untyped-call]
        features, gates, *experts, *towers, expert_dropout, tower_dropout, generator
    )
    return result


class _ExpertMixture(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        features: Tensor,
        gates: Tensor,
        expert_hidden: Tensor,
        expert_hidden_bias: Tensor,
        expert_output: Tensor,
        expert_output_bias: Tensor,
        tower_hidden: Tensor,
        tower_hidden_bias: Tensor,
        tower_output: Tensor,
        tower_output_bias: Tensor,
        expert_dropout: float,
        tower_dropout: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        hidden = torch.baddbmm(expert_hidden_bias, features, expert_hidden)  # [E, B, H]
        expert_scale = relu_dropout_(hidden, expert_dropout, generator)
        outputs = torch.baddbmm(expert_output_bias, hidden, expert_output)  # [E, B, O]

        batch_gates = gates.permute(2, 1, 0).contiguous()  # [B, E, D]
        batch_outputs = outputs.transpose(0, 1).contiguous()  # [B, E, O]
        mixtures = torch.bmm(batch_gates.transpose(1, 2), batch_outputs)  # [B, D, O]

        tower = torch.baddbmm(tower_hidden_bias, mixtures.transpose(0, 1), tower_hidden)  # [D, B, T]
        tower_scale = relu_dropout_(tower, tower_dropout, generator)
        predictions = (tower * tower_output).sum(-1).add_(tower_output_bias)  # [D, B]

        ctx.scales = (expert_scale, tower_scale)  # type: ignore[attr-defined]
        ctx.save_for_backward(
            features, expert_hidden, expert_output, tower_hidden, tower_output,
            hidden, batch_gates, batch_outputs, mixtures, tower,
        )  # fmt: skip
        return predictions

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (
            features, expert_hidden, expert_output, tower_hidden, tower_output,
            hidden, batch_gates, batch_outputs, mixtures, tower,
        ) = ctx.saved_tensors  # type: ignore[attr-defined]  # fmt: skip
        expert_scale, tower_scale = ctx.scales  # type: ignore[attr-defined]

        gradient = gradient.contiguous()
        d_tower_output = torch.bmm(gradient.unsqueeze(1), tower)
        d_tower = relu_dropout_backward(gradient.unsqueeze(-1) * tower_output, tower, tower_scale)  # [D, B, T]
        d_tower_hidden = torch.bmm(mixtures.permute(1, 2, 0), d_tower)
        d_mixtures = torch.bmm(d_tower, tower_hidden.transpose(1, 2)).transpose(0, 1)  # [B, D, O]

        d_gates = torch.bmm(batch_outputs, d_mixtures.transpose(1, 2)).permute(2, 1, 0)  # [D, E, B]
        d_outputs = torch.bmm(batch_gates, d_mixtures).transpose(0, 1).contiguous()  # [E, B, O]

        d_expert_output = torch.bmm(hidden.transpose(1, 2), d_outputs)
        d_hidden = relu_dropout_backward(torch.bmm(d_outputs, expert_output.transpose(1, 2)), hidden, expert_scale)
        d_expert_hidden = torch.bmm(features.transpose(1, 2), d_hidden)
        needs_features = ctx.needs_input_grad[0]  # type: ignore[attr-defined]
        d_features = torch.bmm(d_hidden, expert_hidden.transpose(1, 2)) if needs_features else None
        return (
            d_features, d_gates,
            d_expert_hidden, d_hidden.sum(1, keepdim=True), d_expert_output, d_outputs.sum(1, keepdim=True),
            d_tower_hidden, d_tower.sum(1, keepdim=True), d_tower_output, gradient.sum(1, keepdim=True),
            None, None, None,
        )  # fmt: skip
