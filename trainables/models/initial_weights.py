"""Weights as PyTorch's own layers start with, drawn from a generator that is passed in."""

import math

import torch
from torch import nn


def uniform(shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> nn.Parameter:
    """Draw weights or biases of a linear layer or a convolution: uniform within ``1 / sqrt(fan_in)``."""
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))


def normal(shape: tuple[int, ...], generator: torch.Generator) -> nn.Parameter:
    """Draw weights from the standard normal distribution."""
    return nn.Parameter(torch.randn(shape, generator=generator))
