"""Everything that turns steps into anomaly scores: a trained model and the untrained baselines, behind one method.

``[C]`` = context (:data:`trainables.data.windows.CONTEXT`), ``[n]`` steps to score, ``[D]`` features.
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.windows import CONTEXT, Windows
from trainables.training import predict

TOP_K = 5
"""Features whose errors ``score_aggregation = top_k`` averages."""


class Detector(Protocol):
    """Scores steps; higher means more anomalous."""

    def score(self, values: Tensor) -> NDArray[np.float64]:
        """Score ``[n]`` steps, given as ``[C + n, D]`` standardised, unclipped values."""
        ...


class ForecastDetector:
    """A model that predicts the next step; the score is its squared error, put together over features."""

    def __init__(self, model: nn.Module, *, window: int, clip: float | None, aggregation: str) -> None:
        self.model, self.window, self.clip, self.aggregation = model, window, clip, aggregation

    def score(self, values: Tensor) -> NDArray[np.float64]:
        """Score ``[n]`` steps by how badly they were predicted."""
        targets = values[CONTEXT:]
        if self.clip is not None:
            targets = targets.clamp(-self.clip, self.clip)
        errors = (self.predict(values) - targets).square_()
        return aggregate_errors(errors, self.aggregation).cpu().numpy().astype(np.float64)

    def predict(self, values: Tensor) -> Tensor:
        """Predict ``[n, D]`` steps, under the detector's clip."""
        windows = Windows(values, window=self.window, clip=self.clip)
        return predict(self.model, windows, targets=range(CONTEXT, len(values)))


class SumOfSquares:
    """Sum of squared z-scores: no parameters, no training, and better than most published models on SMD.

    References:
        EasyTSAD's MTSExample.
    """

    def __init__(self, clip: float | None) -> None:
        self.clip = clip

    def score(self, values: Tensor) -> NDArray[np.float64]:
        """Score each step by its own values alone."""
        steps = values[CONTEXT:].cpu().numpy().astype(np.float64)
        if self.clip is not None:
            steps = np.clip(steps, -self.clip, self.clip)
        return np.asarray(np.einsum("nd,nd->n", steps, steps))


class RandomScores:
    """Uniform random scores: what a metric gives to a detector that knows nothing."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def score(self, values: Tensor) -> NDArray[np.float64]:
        """Score each step at random."""
        return self.generator.random(len(values) - CONTEXT)


def aggregate_errors(errors: Tensor, aggregation: str) -> Tensor:
    """Fold the squared errors ``[n, D]`` of single features into scores ``[n]`` of steps."""
    if aggregation == "mean":
        return errors.mean(dim=1)
    if aggregation == "max":
        return errors.amax(dim=1)
    assert aggregation == "top_k"
    return torch.topk(errors, min(TOP_K, errors.shape[1]), dim=1).values.mean(dim=1)
