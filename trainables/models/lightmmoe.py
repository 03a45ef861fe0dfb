"""LightMMoE: a light multi-gate mixture of experts that predicts the next step of every feature.

Shapes: ``[B]`` batch, ``[W]`` window, ``[D]`` features, ``[E]`` experts, ``[K]`` convolution kernels of an expert,
``[F]`` flattened features of an expert, ``[H]``, ``[O]``, ``[T]`` widths as in
``trainables/kernels/expert_mixture.py``.

References:
    The family's technical report ("LightMMoE技术报告"), section on architecture, as its published code runs it: one
    convolution inside each expert, separate towers, one-step prediction. Ma et al. 2018 for the multi-gate mixture.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from trainables.kernels.expert_mixture import ExpertWeights, TowerWeights, expert_mixture
from trainables.kernels.relu_dropout import relu_dropout
from trainables.models.base import DetectorConfig, Family, Model, Sizes, check_range
from trainables.models.initial_weights import normal, uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class LightMMoEConfig(DetectorConfig):
    """Every hyperparameter of LightMMoE, from preprocessing to training."""

    family: ClassVar[str] = "lightmmoe"

    n_experts: int
    n_kernels: int
    """Convolution kernels of each expert."""
    expert_hidden: int
    expert_output: int
    tower_hidden: int
    expert_kind: Literal["conv", "dual", "none"]
    """``conv``: convolution over time; ``dual``: a convolution over time and neighbouring features added to it;
    ``none``: the flattened window goes straight to the expert's linear layers."""
    towers: Literal["separate", "shared"]
    """One tower per feature, or one for all."""
    gate: Literal["mixed", "specific", "shared", "average"]
    sg_ratio: float
    """Weight of the shared gate in the mixed one, in [0, 1]."""
    sg_ratio_learned: bool
    """Whether training moves ``sg_ratio`` from its value."""
    expert_dropout: float
    tower_dropout: float

    def __post_init__(self) -> None:
        DetectorConfig.__post_init__(self)  # super() is not available in a dataclass with slots
        check_range("n_experts", self.n_experts, 1, 64)
        for name in ("n_kernels", "expert_hidden", "expert_output", "tower_hidden"):
            check_range(name, getattr(self, name), 1, 4096)
        check_range("sg_ratio", self.sg_ratio, 0, 1)
        check_range("expert_dropout", self.expert_dropout, 0, 1, open_high=True)
        check_range("tower_dropout", self.tower_dropout, 0, 1, open_high=True)


class LightMMoE(Model):
    """The module; all experts, features and towers are computed together."""

    def __init__(self, config: LightMMoEConfig, sizes: Sizes, generator: torch.Generator) -> None:
        super().__init__()
        n_features = sizes.n_features
        self.config = config
        self.extractor = _build_extractor(config, n_features, generator)
        self.gate = _build_gate(config, n_features, generator)
        n_flat, n_towers = self.extractor.n_flat, n_features if config.towers == "separate" else 1
        e, h, o, t = config.n_experts, config.expert_hidden, config.expert_output, config.tower_hidden
        self.expert_hidden = uniform((e, n_flat, h), n_flat, generator)
        self.expert_hidden_bias = uniform((e, 1, h), n_flat, generator)
        self.expert_output = uniform((e, h, o), h, generator)
        self.expert_output_bias = uniform((e, 1, o), h, generator)
        self.tower_hidden = uniform((n_towers, o, t), o, generator)
        self.tower_hidden_bias = uniform((n_towers, 1, t), o, generator)
        self.tower_output = uniform((n_towers, 1, t), t, generator)
        self.tower_output_bias = uniform((n_towers, 1), t, generator)
        self.n_features = n_features

    def forward(self, windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Predict the step after each window.

        Args:
            windows: ``[B, W, D]``.
            generator: Source of the dropout masks; ``None`` means evaluation.

        Returns:
            ``[B, D]``.
        """
        predictions = expert_mixture(
            self.extractor(windows, generator),
            self.gate(windows.permute(2, 0, 1).contiguous()),
            ExpertWeights(self.expert_hidden, self.expert_hidden_bias, self.expert_output, self.expert_output_bias),
            self._towers_per_feature(),
            expert_dropout=self.config.expert_dropout,
            tower_dropout=self.config.tower_dropout,
            generator=generator,
        )
        return predictions.T

    def _towers_per_feature(self) -> TowerWeights:
        weights = TowerWeights(self.tower_hidden, self.tower_hidden_bias, self.tower_output, self.tower_output_bias)
        return TowerWeights(*(weight.expand(self.n_features, *weight.shape[1:]) for weight in weights))


class _Convolution(nn.Module):
    """Convolution over the whole window, one set of kernels per expert, then ReLU and dropout: ``[E, B, K * D]``."""

    taps = 1  # neighbouring features that a kernel sees

    def __init__(self, config: LightMMoEConfig, n_features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.n_experts, self.dropout = config.n_experts, config.expert_dropout
        self.n_flat = config.n_kernels * n_features
        fan_in = config.window * self.taps
        self.weight = uniform((config.n_experts * config.n_kernels, fan_in), fan_in, generator)
        self.bias = uniform((config.n_experts * config.n_kernels, 1), fan_in, generator)

    def forward(self, windows: Tensor, generator: torch.Generator | None) -> Tensor:
        # One product per sample leaves the maps where the experts want them; one for the batch would have to move them.
        maps = torch.baddbmm(self.bias, self.weight.expand(len(windows), -1, -1), windows)  # [B, E * K, D]
        active = relu_dropout(maps, self.dropout, generator)
        return active.view(len(windows), self.n_experts, self.n_flat).transpose(0, 1)


class _DualConvolution(_Convolution):
    """Adds a convolution across neighbouring features to the one over time.

    The report's TimeSeriesExpert adds two maps whose shapes do not agree (W - 2 against D - 2 positions), so it cannot
    run as printed. Here both have one position per feature: kernels over time, plus kernels over time and the features
    on either side (zero beyond the ends). A sum of two linear maps is one, with three taps.
    """

    taps = 3

    def forward(self, windows: Tensor, generator: torch.Generator | None) -> Tensor:
        padded = nn.functional.pad(windows, (1, 1))
        return super().forward(torch.cat((padded[..., :-2], windows, padded[..., 2:]), dim=1), generator)


class _FlattenedWindow(nn.Module):
    """No convolution: every expert sees the whole window, ``[E, B, W * D]`` without a copy per expert."""

    def __init__(self, config: LightMMoEConfig, n_features: int) -> None:
        super().__init__()
        self.n_experts = config.n_experts
        self.n_flat = config.window * n_features

    def forward(self, windows: Tensor, generator: torch.Generator | None) -> Tensor:  # noqa: ARG002
        return windows.reshape(1, len(windows), -1).expand(self.n_experts, -1, -1)


class _Gate(nn.Module):
    """Softmax over experts of a linear map of the feature's own window: ``[D, E, B]``.

    The map is the feature's own, one shared by all features, or a blend; the blend of two linear maps is the linear map
    of the blended weights, which costs one product instead of two.
    """

    def __init__(self, config: LightMMoEConfig, n_features: int, generator: torch.Generator) -> None:
        super().__init__()
        shape = (config.n_experts, config.window)
        self.n_features = n_features
        self.specific = normal((n_features, *shape), generator) if config.gate != "shared" else None
        self.shared = normal(shape, generator) if config.gate != "specific" else None
        learned = config.gate == "mixed" and config.sg_ratio_learned
        self.ratio = config.sg_ratio
        self.ratio_logit = nn.Parameter(torch.tensor(_logit(config.sg_ratio))) if learned else None

    def forward(self, by_feature: Tensor) -> Tensor:
        """Weigh the experts for ``[D, B, W]``."""
        logits = torch.bmm(self._weights(), by_feature.transpose(1, 2))
        return torch.softmax(logits, dim=1)

    def _weights(self) -> Tensor:
        if self.specific is None:
            assert self.shared is not None
            return self.shared.expand(self.n_features, -1, -1)
        if self.shared is None:
            return self.specific
        ratio = self.ratio if self.ratio_logit is None else torch.sigmoid(self.ratio_logit)
        return torch.lerp(self.specific, self.shared.expand_as(self.specific), ratio)


class _AverageGate(nn.Module):
    """The same weight for every expert: ``[D, E, B]``, without parameters."""

    def __init__(self, config: LightMMoEConfig) -> None:
        super().__init__()
        self.n_experts = config.n_experts

    def forward(self, by_feature: Tensor) -> Tensor:
        """Weigh the experts for ``[D, B, W]``."""
        n_features, batch, _ = by_feature.shape
        return by_feature.new_full((1, 1, 1), 1 / self.n_experts).expand(n_features, self.n_experts, batch)


def _build_extractor(
    config: LightMMoEConfig, n_features: int, generator: torch.Generator
) -> _Convolution | _FlattenedWindow:
    if config.expert_kind == "none":
        return _FlattenedWindow(config, n_features)
    kind = _Convolution if config.expert_kind == "conv" else _DualConvolution
    return kind(config, n_features, generator)


def _build_gate(config: LightMMoEConfig, n_features: int, generator: torch.Generator) -> _Gate | _AverageGate:
    return _AverageGate(config) if config.gate == "average" else _Gate(config, n_features, generator)


def _logit(ratio: float) -> float:
    """Inverse of the sigmoid, kept 1 % away from 0 and 1, where it could never move again."""
    ratio = min(max(ratio, 0.01), 0.99)
    return math.log(ratio / (1 - ratio))


FAMILY = Family(
    name="lightmmoe",
    task="anomaly",
    config=LightMMoEConfig,
    build=LightMMoE,
    kernel=lambda _device: "fused-pytorch",
)
