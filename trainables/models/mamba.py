"""The Mamba block, for several groups and several step sizes at once.

Shapes: ``[G]`` groups (independent blocks with weights of their own), ``[S]`` scales, ``[B]`` batch, ``[L]`` tokens,
``[M]`` model width, ``[E]`` inner width, ``[N]`` states, ``[R]`` rank of the step sizes, ``[K]`` convolution taps.

References:
    Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", section 3.4 and Algorithm 2;
    parameter names and start values as in ``mamba_ssm.modules.mamba_simple``. Several step sizes in parallel, with
    their outputs averaged: Karadag et al. 2025, "ms-Mamba", with one set of weights for all scales ("fixed" mode) whose
    factors are learned.
"""

import math

import torch
from torch import Tensor, nn

from trainables.kernels.causal_convolution import causal_convolution
from trainables.kernels.selective_scan import selective_scan
from trainables.models.grouped import GroupedLinear
from trainables.models.initial_weights import uniform

STEP_RANGE = (1e-3, 1e-1)
"""Step sizes at the start, drawn log-uniformly."""
SMALLEST_STEP = 1e-4


class MambaBlock(nn.Module):
    """``[G, B, L, M]`` to the same: in-projection, causal convolution, selective scan, gate, out-projection."""

    def __init__(
        self,
        *,
        n_groups: int,
        width: int,
        inner: int,
        n_states: int,
        n_taps: int,
        n_scales: int,
        generator: torch.Generator,
    ) -> None:
        """Draw the weights.

        Args:
            n_groups: ``G``
            width: ``M``
            inner: ``E``, usually twice the width.
            n_states: ``N``
            n_taps: ``K``
            n_scales: ``S``; the step sizes start at 1, 2, 4, ... times the learned ones.
            generator: Source of the weights.
        """
        super().__init__()
        self.inner, self.n_states, self.n_scales = inner, n_states, n_scales
        self.rank = math.ceil(width / 16)
        self.in_proj = GroupedLinear(n_groups, width, 2 * inner, generator, bias=False)
        self.conv_weight = uniform((n_groups, inner, n_taps), n_taps, generator)
        self.conv_bias = uniform((n_groups, inner), n_taps, generator)
        self.x_proj = GroupedLinear(n_groups, inner, self.rank + 2 * n_states, generator, bias=False)
        self.dt_proj = uniform((n_groups, self.rank, inner), self.rank, generator)
        self.dt_bias = nn.Parameter(_inverse_softplus(_draw_steps((n_groups, 1, inner), generator)))
        self.A_log = nn.Parameter(torch.arange(1.0, n_states + 1).log().expand(n_groups, inner, n_states).clone())
        self.D = nn.Parameter(torch.ones(n_groups, inner))
        self.out_proj = GroupedLinear(n_groups, inner, width, generator, bias=False)
        # One factor is no parameter: it would only repeat what the step sizes' own bias says.
        doublings = torch.arange(float(n_scales)).mul(math.log(2)).expand(n_groups, n_scales).clone()
        self.log_scales = nn.Parameter(doublings) if n_scales > 1 else None

    def undecayed(self) -> list[nn.Parameter]:
        """List what weight decay must leave alone: decay rates, skips and scales are no weights of a linear map."""
        scales = [] if self.log_scales is None else [self.log_scales]
        return [self.A_log, self.D, self.dt_bias, *scales]

    def forward(self, tokens: Tensor, *, first: int = 0) -> Tensor:
        """Mix tokens ``[G, B, L, M]`` along ``L``, each seeing itself and those before it.

        Args:
            tokens: ``[G, B, L, M]``.
            first: The first token whose output is wanted; -1 asks for the last token's alone.

        Returns:
            ``[G, B, L, M]``, without the outputs before ``first``.
        """
        inputs, gate = self.in_proj(tokens).chunk(2, dim=-1)
        # Under autocast the products are rounded, but states, which sum over all tokens, keep the weights' precision.
        inputs = inputs.to(self.D.dtype)
        inputs = causal_convolution(inputs, self.conv_weight, self.conv_bias)  # with SiLU behind it
        mixed = self._scan(inputs)[:, :, first:]
        outputs: Tensor = self.out_proj(mixed * nn.functional.silu(gate[:, :, first:]))
        return outputs

    def _scan(self, inputs: Tensor) -> Tensor:
        """Scan ``[G, B, L, E]`` under every step size and average: ``[G, B, L, E]``."""
        projected = self.x_proj(inputs).to(inputs.dtype)
        low_rank, b, c = projected.split([self.rank, self.n_states, self.n_states], dim=-1)
        n_groups, batch, length, _ = inputs.shape
        rows = low_rank.reshape(n_groups, batch * length, self.rank)
        steps = torch.baddbmm(self.dt_bias, rows, self.dt_proj).to(inputs.dtype)
        delta = nn.functional.softplus(steps).view_as(inputs)
        decay = -self.A_log.exp()
        if self.log_scales is None:
            return selective_scan(inputs, delta, decay, b, c, self.D)
        outputs = selective_scan(
            self._per_scale(inputs),
            delta.unsqueeze(1).mul(self.log_scales.exp()[:, :, None, None, None]).flatten(0, 1),
            self._per_scale(decay),
            self._per_scale(b),
            self._per_scale(c),
            self._per_scale(self.D),
        )
        return outputs.reshape(n_groups, self.n_scales, *inputs.shape[1:]).mean(dim=1)

    def _per_scale(self, values: Tensor) -> Tensor:
        """Repeat ``[G, ...]`` for every scale: ``[G * S, ...]``."""
        return values.repeat_interleave(self.n_scales, dim=0)


def _draw_steps(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    low, high = (math.log(bound) for bound in STEP_RANGE)
    return torch.empty(shape).uniform_(low, high, generator=generator).exp_().clamp_(min=SMALLEST_STEP)


def _inverse_softplus(values: Tensor) -> Tensor:
    return values + torch.log(-torch.expm1(-values))
