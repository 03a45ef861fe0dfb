"""LightMMoE as its technical report prints it: one module per expert, gate and tower, and a Python loop over each.

The reference for the batched model, in the tests for its values and in the benchmarks for its speed.
``[B, W, D]`` = batch, window, features.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainables.models.lightmmoe import LightMMoE, LightMMoEConfig


class Expert(nn.Module):
    """Convolution over the window, two linear layers."""

    def __init__(self, config: LightMMoEConfig, n_features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, config.n_kernels, (config.window, 1))
        self.fc1 = nn.Linear(config.n_kernels * n_features, config.expert_hidden)
        self.fc2 = nn.Linear(config.expert_hidden, config.expert_output)
        self.dropout = nn.Dropout(config.expert_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, W, D]`` to ``[B, O]``."""
        x = self.dropout(F.relu(self.conv(x.unsqueeze(1))))
        x = torch.flatten(x, start_dim=1)
        return torch.as_tensor(self.fc2(self.dropout(F.relu(self.fc1(x)))))


class Tower(nn.Module):
    """Two linear layers down to one value."""

    def __init__(self, config: LightMMoEConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.expert_output, config.tower_hidden)
        self.fc2 = nn.Linear(config.tower_hidden, 1)
        self.dropout = nn.Dropout(config.tower_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, O]`` to ``[B, 1]``."""
        return torch.as_tensor(self.fc2(self.dropout(F.relu(self.fc1(x)))))


class LoopedLightMMoE(nn.Module):
    """The report's model, with its mixed gate and separate towers."""

    def __init__(self, config: LightMMoEConfig, n_features: int) -> None:
        super().__init__()
        self.sg_ratio, self.n_features = config.sg_ratio, n_features
        self.experts = nn.ModuleList(Expert(config, n_features) for _ in range(config.n_experts))
        self.towers = nn.ModuleList(Tower(config) for _ in range(n_features))
        shape = (config.window, config.n_experts)
        self.w_gates = nn.ParameterList(nn.Parameter(torch.randn(shape)) for _ in range(n_features))
        self.share_gate = nn.Parameter(torch.randn(shape))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, W, D]`` to ``[B, D]``."""
        outputs = torch.stack([expert(x) for expert in self.experts])  # [E, B, O]
        predictions = []
        for d in range(self.n_features):
            specific = x[:, :, d] @ self.w_gates[d]
            shared = x[:, :, d] @ self.share_gate
            gate = torch.softmax((1 - self.sg_ratio) * specific + self.sg_ratio * shared, dim=1)  # [B, E]
            mixture = torch.einsum("be,ebo->bo", gate, outputs)
            predictions.append(self.towers[d](mixture))
        return torch.cat(predictions, dim=1)


@torch.no_grad()
def copy_weights(looped: LoopedLightMMoE, batched: LightMMoE) -> None:
    """Give the batched model the looped one's weights."""
    gate: Any = batched.gate
    extractor: Any = batched.extractor
    for e, expert in enumerate(looped.experts):
        assert isinstance(expert, Expert)
        assert expert.conv.bias is not None
        n_kernels = expert.conv.out_channels
        kernels = slice(e * n_kernels, (e + 1) * n_kernels)
        extractor.weight[kernels] = expert.conv.weight[:, 0, :, 0]
        extractor.bias[kernels, 0] = expert.conv.bias
        batched.expert_hidden[e] = expert.fc1.weight.T
        batched.expert_hidden_bias[e, 0] = expert.fc1.bias
        batched.expert_output[e] = expert.fc2.weight.T
        batched.expert_output_bias[e, 0] = expert.fc2.bias
    for d, tower in enumerate(looped.towers):
        assert isinstance(tower, Tower)
        gate.specific[d] = looped.w_gates[d].T
        batched.tower_hidden[d] = tower.fc1.weight.T
        batched.tower_hidden_bias[d, 0] = tower.fc1.bias
        batched.tower_output[d] = tower.fc2.weight
        batched.tower_output_bias[d] = tower.fc2.bias
    gate.shared[:] = looped.share_gate.T
