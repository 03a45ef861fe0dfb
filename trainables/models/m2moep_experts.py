"""The experts of M2-MOEP: all of them side by side, over tokens of three kinds.

Shapes: ``[B]`` batch, ``[L]`` lookback, ``[C]`` columns, ``[H]`` horizon, ``[D]`` target columns, ``[E]`` experts,
``[S]`` sequences per expert, ``[T]`` tokens, ``[M]`` model width, ``[F]`` spectral features per column.

References:
    Wang et al. 2025, "Is Mamba Effective for Time Series Forecasting?" (S-Mamba): columns as tokens, Mamba in both
    directions, then a feed-forward layer. Nie et al. 2023, "A Time Series is Worth 64 Words" (PatchTST): patches.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from trainables.models.base import Sizes
from trainables.models.grouped import GroupedLayerNorm, GroupedLinear, dropout
from trainables.models.mamba import MambaBlock
from trainables.models.min_gru import MinGRUBlock

PATCH = 16
STRIDE = 8
EXPANSION = 2
"""Inner width of a core and of the feed-forward layer, in model widths."""
TAPS = 4
"""Of a Mamba block's convolution, as published for sequences in time."""
TAPS_ACROSS_VARIATES = 2
"""As S-Mamba has it: columns have no order that a longer convolution could follow."""

TokenKind = Literal["variates", "patches", "time"]
CoreKind = Literal["mamba", "min_gru", "linear"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertSizes:
    """What the experts are made of."""

    n_experts: int
    tokens: TokenKind
    core: CoreKind
    lookback: int
    width: int
    n_states: int
    n_layers: int
    n_scales: int
    dropout: float
    n_spectral: int
    """``F``; 0: none are added."""


def fork(generator: torch.Generator, n_streams: int) -> list[torch.Generator]:
    """Make generators for parts of a model, so that a change of one part leaves the weights of the others alone."""
    seeds = torch.randint(1 << 62, (n_streams,), generator=generator).tolist()
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Experts(nn.Module):
    """Windows ``[B, L, C]`` and their spectral features ``[B, C, F]`` to each expert's forecast, ``[E, B, H, D]``."""

    def __init__(self, chosen: ExpertSizes, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        self.dropout = chosen.dropout
        for_tokens, for_layers, for_cores, for_spectrum = fork(generator, 4)
        self.tokens = _build_tokens(chosen, sizes, for_tokens)
        self.layers = nn.ModuleList(_Layer(chosen, for_layers, for_cores) for _ in range(chosen.n_layers))
        # One for all experts: their tokens are of different spaces, but so is what each makes of them.
        n_spectral = chosen.n_spectral * self.tokens.columns_per_token
        self.spectral = GroupedLinear(1, n_spectral, chosen.width, for_spectrum) if n_spectral else None

    def forward(self, windows: Tensor, spectrum: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """Forecast with every expert; dropout only with a generator."""
        tokens = self.tokens.embed(windows)
        if self.spectral is not None and spectrum is not None:
            tokens = tokens + self.spectral(self.tokens.arrange(spectrum).unsqueeze(0))
        tokens = dropout(tokens, self.dropout, generator)
        for layer in self.layers:
            tokens = layer(tokens, generator)
        return self.tokens.forecast(tokens)

    def undecayed(self) -> list[nn.Parameter]:
        """List what weight decay must leave alone."""
        blocks = [module for module in self.modules() if isinstance(module, MambaBlock)]
        return [parameter for block in blocks for parameter in block.undecayed()]


class Tokens(Protocol):
    """How windows become tokens, and tokens forecasts."""

    columns_per_token: int

    def embed(self, windows: Tensor) -> Tensor:
        """Make tokens ``[E, S, T, M]``."""
        ...

    def arrange(self, spectrum: Tensor) -> Tensor:
        """Lay features ``[B, C, F]`` out as ``[S, T, ...]``, or ``[S, 1, ...]`` where tokens share them."""
        ...

    def forecast(self, tokens: Tensor) -> Tensor:
        """Make forecasts ``[E, B, H, D]``."""
        ...


class VariateTokens(nn.Module):
    """A token per column, made of its whole window: ``S = B``, ``T = C``."""

    columns_per_token = 1

    def __init__(self, chosen: ExpertSizes, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        self.n_experts, self.targets = chosen.n_experts, list(sizes.targets)
        self.window = GroupedLinear(chosen.n_experts, chosen.lookback, chosen.width, generator)
        self.head = GroupedLinear(chosen.n_experts, chosen.width, sizes.horizon, generator)

    def embed(self, windows: Tensor) -> Tensor:
        """Embed whole columns."""
        tokens: Tensor = self.window(_for_each(self.n_experts, windows.transpose(1, 2)))
        return tokens

    def arrange(self, spectrum: Tensor) -> Tensor:
        """Give each token its own column's features."""
        return spectrum

    def forecast(self, tokens: Tensor) -> Tensor:
        """Forecast each target column by its own token."""
        forecasts: Tensor = self.head(tokens[:, :, self.targets])
        return forecasts.transpose(2, 3)


class PatchTokens(nn.Module):
    """A token per patch of a target column, each column for itself: ``S = B D``, ``T`` patches."""

    columns_per_token = 1

    def __init__(self, chosen: ExpertSizes, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        self.n_experts, self.targets = chosen.n_experts, list(sizes.targets)
        self.padding = _pad_to_patches(chosen.lookback)
        n_patches = (chosen.lookback + self.padding - PATCH) // STRIDE + 1
        self.patch = GroupedLinear(chosen.n_experts, PATCH, chosen.width, generator)
        self.head = GroupedLinear(chosen.n_experts, n_patches * chosen.width, sizes.horizon, generator)

    def embed(self, windows: Tensor) -> Tensor:
        """Embed patches of the target columns."""
        columns = windows[:, :, self.targets].transpose(1, 2)  # [B, D, L]
        padded = nn.functional.pad(columns, (0, self.padding), mode="replicate")
        patches = padded.unfold(-1, PATCH, STRIDE).flatten(0, 1)
        tokens: Tensor = self.patch(_for_each(self.n_experts, patches))
        return tokens

    def arrange(self, spectrum: Tensor) -> Tensor:
        """Give all patches their column's features."""
        return spectrum[:, self.targets].flatten(0, 1).unsqueeze(1)

    def forecast(self, tokens: Tensor) -> Tensor:
        """Forecast each column by all of its patches."""
        forecasts: Tensor = self.head(tokens.flatten(2))  # [E, B D, H]
        return forecasts.view(self.n_experts, -1, len(self.targets), forecasts.shape[-1]).transpose(2, 3)


class TimeTokens(nn.Module):
    """A token per step, made of all columns: ``S = B``, ``T = L``."""

    def __init__(self, chosen: ExpertSizes, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        self.n_experts, self.columns_per_token = chosen.n_experts, sizes.n_features
        self.columns = GroupedLinear(chosen.n_experts, sizes.n_features, chosen.width, generator)
        self.steps = GroupedLinear(chosen.n_experts, chosen.lookback, sizes.horizon, generator)
        self.head = GroupedLinear(chosen.n_experts, chosen.width, len(sizes.targets), generator)

    def embed(self, windows: Tensor) -> Tensor:
        """Embed steps."""
        tokens: Tensor = self.columns(_for_each(self.n_experts, windows))
        return tokens

    def arrange(self, spectrum: Tensor) -> Tensor:
        """Give all steps all columns' features."""
        return spectrum.flatten(1).unsqueeze(1)

    def forecast(self, tokens: Tensor) -> Tensor:
        """Map steps to the horizon, then the width to the target columns."""
        over_time: Tensor = self.steps(tokens.transpose(2, 3))  # [E, B, M, H]
        forecasts: Tensor = self.head(over_time.transpose(2, 3))
        return forecasts


class _Layer(nn.Module):
    """A core that mixes tokens and a feed-forward layer, each added to its input and normalised."""

    def __init__(self, chosen: ExpertSizes, generator: torch.Generator, for_core: torch.Generator) -> None:
        super().__init__()
        n_experts, width, inner = chosen.n_experts, chosen.width, EXPANSION * chosen.width
        self.dropout = chosen.dropout
        # Columns have no order, so they are read in both directions, by blocks of their own.
        self.both_ways = chosen.tokens == "variates" and chosen.core != "linear"
        self.core = _build_core(chosen, (2 if self.both_ways else 1) * n_experts, for_core)
        self.hidden = GroupedLinear(n_experts, width, inner, generator)
        self.outer = GroupedLinear(n_experts, inner, width, generator)
        self.norm_mixed = GroupedLayerNorm(n_experts, width)
        self.norm_fed = GroupedLayerNorm(n_experts, width)

    def forward(self, tokens: Tensor, generator: torch.Generator | None) -> Tensor:
        """Map tokens ``[E, S, T, M]`` to the same shape."""
        tokens = self.norm_mixed(tokens + dropout(self._mix(tokens), self.dropout, generator))
        hidden = dropout(torch.relu(self.hidden(tokens)), self.dropout, generator)
        fed: Tensor = self.norm_fed(tokens + dropout(self.outer(hidden), self.dropout, generator))
        return fed

    def _mix(self, tokens: Tensor) -> Tensor:
        if not self.both_ways:
            mixed: Tensor = self.core(tokens)
            return mixed
        onward, back = torch.chunk(self.core(torch.cat((tokens, tokens.flip(2)))), 2)
        return onward + back.flip(2)


def _build_core(chosen: ExpertSizes, n_groups: int, generator: torch.Generator) -> nn.Module:
    width, inner = chosen.width, EXPANSION * chosen.width
    if chosen.core == "linear":
        return GroupedLinear(n_groups, width, width, generator)
    if chosen.core == "min_gru":
        return MinGRUBlock(n_groups=n_groups, width=width, inner=inner, generator=generator)
    return MambaBlock(
        n_groups=n_groups,
        width=width,
        inner=inner,
        n_states=chosen.n_states,
        n_taps=TAPS_ACROSS_VARIATES if chosen.tokens == "variates" else TAPS,
        n_scales=chosen.n_scales,
        generator=generator,
    )


def _build_tokens(
    chosen: ExpertSizes, sizes: Sizes, generator: torch.Generator
) -> VariateTokens | PatchTokens | TimeTokens:
    if chosen.tokens == "variates":
        return VariateTokens(chosen, sizes, generator)
    return (PatchTokens if chosen.tokens == "patches" else TimeTokens)(chosen, sizes, generator)


def _for_each(n_experts: int, inputs: Tensor) -> Tensor:
    """Show every expert the same inputs, without a copy."""
    return inputs.expand(n_experts, *inputs.shape)


def _pad_to_patches(lookback: int) -> int:
    """Return how often the last value is repeated: a stride, as PatchTST does, and what then lacks to whole patches."""
    reach = max(lookback + STRIDE, PATCH)
    return PATCH + math.ceil((reach - PATCH) / STRIDE) * STRIDE - lookback
