"""Mamba-GRU: a selective state space model and a gated recurrence side by side, blended by a learned weight.

Shapes: ``[B]`` batch, ``[L]`` lookback, ``[C]`` columns, ``[M]`` hidden width, ``[H]`` horizon, ``[D]`` target columns.
The blocks and what lies between them work on ``[1, B, L, M]``: one group (see ``grouped.py``).

References:
    The family's specification ("Mamba-GRU 混合架构研究"): parallel branches and ``sigmoid(a) m + (1 - sigmoid(a)) g``.
    It says nothing of normalisation. Here both branches see the same normalised input (Xiong et al. 2020, "On Layer
    Normalization in the Transformer Architecture") and both outputs are brought to one scale before they are blended:
    without that, ``a`` measures which branch happens to speak louder, not which one is listened to.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from trainables.kernels.selective_scan import scan_backend
from trainables.models.base import Family, ForecasterConfig, Model, Sizes, check_range
from trainables.models.grouped import GroupedLayerNorm, GroupedLinear, dropout
from trainables.models.instance_norm import Level
from trainables.models.mamba import MambaBlock
from trainables.models.min_gru import MinGRUBlock
from trainables.models.running_means import RunningMeans

Branches = Literal["both", "mamba", "min_gru", "mamba_widened", "min_gru_widened"]

EXPANSION = 2
"""Inner width of either branch over the hidden width, as Mamba has it; both get the same, so that they hold as many
states' worth of channels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MambaGRUConfig(ForecasterConfig):
    """Every hyperparameter of Mamba-GRU."""

    family: ClassVar[str] = "mamba_gru"

    hidden: int
    """``M``"""
    d_state: int
    """States of each of Mamba's inner channels."""
    d_conv: int
    """Taps of Mamba's causal convolution."""
    n_layers: int
    branches: Branches
    """Which branches a layer has; a widened one has as many parameters as both together."""
    fusion: Literal["learned", "fixed", "concat", "attention"]
    """``learned``: by ``sigmoid(a)``; ``fixed``: half and half; ``concat``: a linear map of both; ``attention``: by how
    well each fits a query that the input makes, step by step."""
    alpha_shape: Literal["layer", "channel", "input"]
    """Of a learned fusion: one ``a`` per layer, one per channel, or one per channel and step, made from the input."""
    alpha_init: float
    """Where every ``a`` starts; 0 is half and half, above it Mamba weighs more."""
    dropout: float
    """Of what a layer adds to its input."""
    instance_norm: bool
    """Whether every window is brought to mean 0 and deviation 1: for levels, such as prices, and not for returns, whose
    deviation tells how nervous the market is."""

    def __post_init__(self) -> None:
        ForecasterConfig.__post_init__(self)  # super() is not available in a dataclass with slots
        for name, high in (("hidden", 4096), ("d_state", 256), ("d_conv", 64), ("n_layers", 64)):
            check_range(name, getattr(self, name), 1, high)
        check_range("alpha_init", self.alpha_init, -10, 10)
        check_range("dropout", self.dropout, 0, 1, open_high=True)


class MambaGRU(Model):
    """``[B, L, C]`` to ``[B, H, D]``: a linear map, the layers, and a linear map of the last step."""

    def __init__(self, config: MambaGRUConfig, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        self.config, self.horizon, self.targets = config, sizes.horizon, sizes.targets
        self.embedding = GroupedLinear(1, sizes.n_features, config.hidden, generator)
        self.layers = nn.ModuleList(_Layer(config, generator) for _ in range(config.n_layers))
        self.head = GroupedLinear(1, config.hidden, sizes.horizon * len(sizes.targets), generator)

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Forecast.

        Args:
            inputs: ``[B, L, C]``.
            generator: Source of the dropout masks; ``None`` means evaluation.

        Returns:
            ``[B, H, D]``.
        """
        if not self.config.instance_norm:
            return self._forecast(inputs, generator)
        level = Level.of(inputs)
        return level.restore(self._forecast(level.remove(inputs), generator), self.targets)

    def undecayed(self) -> list[nn.Parameter]:
        """List what weight decay must leave alone: it would pull the blend to one half and silence a layer."""
        return [parameter for layer in self._layers() for parameter in layer.undecayed()]

    def measures(self) -> dict[str, float]:
        """Return Mamba's mean weight in every layer, and the layers' mean, where there is a learned weight.

        Where the weight depends on the input, the mean is over the inputs evaluated since the last training step.
        """
        weights = [layer.fusion.mean_weight() for layer in self._layers() if isinstance(layer.fusion, _Blend)]
        known = {f"alpha_{number}": weight for number, weight in enumerate(weights, start=1) if weight is not None}
        return known | {"alpha": sum(known.values()) / len(known)} if known else {}

    def _layers(self) -> Iterator["_Layer"]:
        for layer in self.layers:
            assert isinstance(layer, _Layer)
            yield layer

    def _forecast(self, inputs: Tensor, generator: torch.Generator | None) -> Tensor:
        # No normalisation behind the last layer: the residual path carries the level of the input to the head.
        tokens = self.embedding(inputs.unsqueeze(0))
        *before, last = self.layers
        for layer in before:
            tokens = layer(tokens, generator)
        forecasts: Tensor = self.head(last(tokens, generator, first=-1))  # it reads the last step alone
        return forecasts.view(len(inputs), self.horizon, len(self.targets))


class _Layer(nn.Module):
    """Adds what the branches make of its normalised input to it: ``[1, B, L, M]`` to the same."""

    def __init__(self, config: MambaGRUConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.dropout = config.dropout
        width = _inner_width(config)
        self.norm = GroupedLayerNorm(1, config.hidden)
        self.mamba = None if "min_gru" in config.branches else _build_mamba(config, width, generator)
        self.min_gru = None if "mamba" in config.branches else _build_min_gru(config, width, generator)
        self.fusion = _build_fusion(config, generator) if config.branches == "both" else None
        # One scale for what comes out, behind the blend: with one for each branch, their ratio would do a's work.
        self.scale = nn.Parameter(torch.ones(config.hidden))

    def forward(self, tokens: Tensor, generator: torch.Generator | None, *, first: int = 0) -> Tensor:
        """Return the steps from ``first`` on."""
        normal = self.norm(tokens)
        branches = [branch for branch in (self.mamba, self.min_gru) if branch is not None]
        outputs = [_normalise(branch(normal, first=first)) for branch in branches]
        if self.fusion is None:
            (mixed,) = outputs
        else:
            mixed = self.fusion(normal[:, :, first:], *outputs, training=generator is not None)
        return tokens[:, :, first:] + dropout(mixed * self.scale, self.dropout, generator)

    def undecayed(self) -> list[nn.Parameter]:
        listed = [self.norm.scale, self.norm.shift, self.scale]
        if self.mamba is not None:
            listed += self.mamba.undecayed()
        if isinstance(self.fusion, _Blend):
            listed += self.fusion.undecayed()
        return listed


class _Blend(nn.Module, ABC):
    """``s m + (1 - s) g`` for the branches' outputs ``[1, B, L, M]``, with a weight ``s`` in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = RunningMeans()

    def forward(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor, *, training: bool) -> Tensor:
        """Blend; ``inputs`` are what the branches saw."""
        weight = self._weigh(inputs, mamba, min_gru)
        if training:
            self._seen = RunningMeans()  # a step makes another model
        else:
            self._seen.add("weight", weight.sum(dtype=torch.float32), weight.numel())
        return torch.lerp(min_gru, mamba, weight.to(mamba.dtype))

    def mean_weight(self) -> float | None:
        """Return the mean of ``s`` over what was evaluated since the last step, where it is learned and known."""
        return self._seen.read().get("weight")

    def undecayed(self) -> list[nn.Parameter]:
        return []

    @abstractmethod
    def _weigh(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor) -> Tensor:
        """Return ``s`` in a shape that fits the outputs."""


class _FixedBlend(_Blend):
    """Half and half."""

    def mean_weight(self) -> None:
        return None

    def _weigh(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor) -> Tensor:  # noqa: ARG002
        return mamba.new_full((), 0.5)


class _LearnedBlend(_Blend):
    """``s = sigmoid(a)`` with one ``a``, or one per channel."""

    def __init__(self, n_weights: int, start: float) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((n_weights,), start))

    def mean_weight(self) -> float:
        return float(torch.sigmoid(self.alpha.detach()).mean())

    def undecayed(self) -> list[nn.Parameter]:
        return [self.alpha]

    def _weigh(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor) -> Tensor:  # noqa: ARG002
        return torch.sigmoid(self.alpha)


class _GatedBlend(_Blend):
    """``s = sigmoid(a + W x)``, per channel and step; ``W`` starts at 0, so that the blend starts at ``a``."""

    def __init__(self, hidden: int, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(hidden, hidden))
        self.alpha = nn.Parameter(torch.full((hidden,), start))

    def undecayed(self) -> list[nn.Parameter]:
        return [self.alpha]

    def _weigh(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor) -> Tensor:  # noqa: ARG002
        return torch.sigmoid(nn.functional.linear(inputs, self.weight, self.alpha))


class _AttentiveBlend(_Blend):
    """Softmax over the two branches of their outputs' products with a query, per step.

    Vaswani et al. 2017, "Attention Is All You Need", equation 1, with keys and values equal; the softmax of two is the
    sigmoid of their difference.
    """

    def __init__(self, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.query = GroupedLinear(1, hidden, hidden, generator)
        self.scale = 1 / math.sqrt(hidden)

    def _weigh(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor) -> Tensor:
        scores = (self.query(inputs) * (mamba - min_gru)).sum(dim=-1, keepdim=True)
        return torch.sigmoid(scores * self.scale)


class _Concatenation(nn.Module):
    """A linear map of both outputs, side by side."""

    def __init__(self, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = GroupedLinear(1, 2 * hidden, hidden, generator)

    def forward(self, inputs: Tensor, mamba: Tensor, min_gru: Tensor, *, training: bool) -> Tensor:  # noqa: ARG002
        mixed: Tensor = self.linear(torch.cat((mamba, min_gru), dim=-1))
        return mixed


def _build_mamba(config: MambaGRUConfig, width: int, generator: torch.Generator) -> MambaBlock:
    return MambaBlock(
        n_groups=1,
        width=config.hidden,
        inner=width,
        n_states=config.d_state,
        n_taps=config.d_conv,
        n_scales=1,
        generator=generator,
    )


def _build_min_gru(config: MambaGRUConfig, width: int, generator: torch.Generator) -> MinGRUBlock:
    return MinGRUBlock(n_groups=1, width=config.hidden, inner=width, generator=generator)


def _build_fusion(config: MambaGRUConfig, generator: torch.Generator) -> nn.Module:
    if config.fusion == "fixed":
        return _FixedBlend()
    if config.fusion == "concat":
        return _Concatenation(config.hidden, generator)
    if config.fusion == "attention":
        return _AttentiveBlend(config.hidden, generator)
    if config.alpha_shape == "input":
        return _GatedBlend(config.hidden, config.alpha_init)
    return _LearnedBlend(1 if config.alpha_shape == "layer" else config.hidden, config.alpha_init)


def _inner_width(config: MambaGRUConfig) -> int:
    """Return the inner width of a layer's branches.

    A widened one gets the width at which its layer has the number of parameters nearest to that of a layer with both;
    all else is the same in both models. Rounding costs half a channel, less than ``1 / (4 * hidden)`` of a layer.
    """
    if "widened" not in config.branches:
        return EXPANSION * config.hidden
    unused = torch.Generator()  # counting draws nothing from the model's own generator
    build = _build_mamba if config.branches == "mamba_widened" else _build_min_gru
    both = _Layer(replace(config, branches="both"), unused)
    others = _count(both.norm) + both.scale.numel()
    return _width_of_count(lambda width: build(config, width, unused), _count(both) - others)


def _width_of_count(build: Callable[[int], nn.Module], wanted: int) -> int:
    """Find the width whose module has nearest to ``wanted`` parameters; each unit of width adds the same number."""
    one, two = _count(build(1)), _count(build(2))
    return max(1, round(1 + (wanted - one) / (two - one)))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _normalise(outputs: Tensor) -> Tensor:
    """Bring every step's ``M`` channels to mean 0 and deviation 1, with nothing learned."""
    return nn.functional.layer_norm(outputs, outputs.shape[-1:])


FAMILY = Family(
    name="mamba_gru",
    task="forecast",
    config=MambaGRUConfig,
    build=MambaGRU,
    kernel=scan_backend,
)
