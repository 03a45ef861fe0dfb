"""A normalising flow over windows: what can be learned of them before any forecast, for a gate to look at.

Shapes: ``[B]`` batch, ``[L]`` lookback, ``[C]`` columns, ``[N]`` windows, ``[Z]`` values of a reduced window.

References:
    Dinh et al. 2017, "Density estimation using Real NVP", section 3: affine couplings between the even and the odd
    values. zuko builds them; their last layers do not start at zero, as they often do elsewhere, since an untrained
    flow that changes nothing would be the same arm of an ablation as no flow at all.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
import zuko  # type: ignore[import-untyped]
from torch import Tensor, nn

from trainables.artifacts import Tensors
from trainables.models.base import Examples
from trainables.models.instance_norm import Level

MOST_VALUES = 128
"""Of a reduced window: a flow over thousands of values would be larger than the forecaster it serves."""
FEWEST_STEPS = 8
"""Of a reduced window: the mean of an instance-normalised window over time is 0, whatever the window."""

EPOCHS = 12
MOST_STEPS = 400
"""Of training, whatever the number of windows: 5 s on one core at depth 4 and width 64."""
BATCH_SIZE = 256
LEARNING_RATE = 1e-3
LARGEST_GRADIENT = 5.0
NOISE_SD = 0.05
"""Added to standardised values in training: windows that stand still would have an unbounded density."""
NOISE_ENTROPY = 0.5 * math.log(2 * math.pi * math.e * NOISE_SD**2)
"""In nats per value; no density fits noisy values better than this, on average."""
_READ_AT_ONCE = 1024
_SMALLEST_SD = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Reduction:
    """How a window is made small enough for a flow: normalised, then averaged over neighbouring steps and columns."""

    n_steps: int
    n_columns: int

    @classmethod
    def of(cls, *, lookback: int, n_features: int) -> Self:
        """Keep all columns and as many steps as fit, but at least eight steps."""
        n_steps = min(lookback, max(FEWEST_STEPS, MOST_VALUES // n_features))
        return cls(n_steps=n_steps, n_columns=min(n_features, MOST_VALUES // n_steps))

    @property
    def n_values(self) -> int:
        """Values of a reduced window, ``Z``."""
        return self.n_steps * self.n_columns

    def __call__(self, windows: Tensor) -> Tensor:
        """Reduce windows ``[B, L, C]`` to ``[B, Z]``, column after column."""
        by_column = Level.of(windows).remove(windows).transpose(1, 2)
        return nn.functional.adaptive_avg_pool2d(by_column, (self.n_columns, self.n_steps)).flatten(1)


class WindowFlow(nn.Module):
    """An invertible map of reduced windows to a latent space in which the training windows are near standard normal."""

    mean: Tensor
    sd: Tensor

    def __init__(self, *, n_values: int, depth: int, width: int, seed: int) -> None:
        """Draw the weights.

        Args:
            n_values: ``Z``
            depth: Couplings.
            width: Of the two hidden layers in each coupling.
            seed: Of the weights. zuko draws from the global generator, which is left as it was.
        """
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            built = zuko.flows.RealNVP(n_values, transforms=depth, hidden_features=(width, width))
        self.couplings = built.transform
        self.register_buffer("mean", torch.zeros(n_values))
        self.register_buffer("sd", torch.ones(n_values))

    def forward(self, values: Tensor) -> Tensor:
        """Map ``[B, Z]`` to latents ``[B, Z]``."""
        latents: Tensor = self.couplings()(self._standardise(values))
        return latents

    def inverse(self, latents: Tensor) -> Tensor:
        """Map latents ``[B, Z]`` back to ``[B, Z]``."""
        standard: Tensor = self.couplings().inv(latents)
        return standard * self.sd + self.mean

    def with_log_determinant(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents ``[B, Z]`` and the logarithm of the map's determinant ``[B]``."""
        latents, log_determinant = self.couplings().call_and_ladj(self._standardise(values))
        return latents, log_determinant - self.sd.log().sum()

    def loss(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Compute the negative log-likelihood of noisy values, in nats per value above the noise's own entropy.

        So counted it is never negative on average, as a loss must be that is weighted by its size.

        Args:
            values: ``[B, Z]``
            generator: Source of the noise; ``None`` adds none.
        """
        standard = self._standardise(values)
        if generator is not None:
            noise = torch.empty_like(standard).normal_(std=NOISE_SD, generator=generator)
            standard = standard + noise
        latents, log_determinant = self.couplings().call_and_ladj(standard)
        squares = 0.5 * latents.square().mean() + 0.5 * math.log(2 * math.pi)
        excess: Tensor = squares - log_determinant.mean() / values.shape[-1] - NOISE_ENTROPY
        return excess

    def _standardise(self, values: Tensor) -> Tensor:
        return (values - self.mean) / self.sd


def reduce_all(examples: Examples, reduction: Reduction) -> Tensor:
    """Reduce every training window: ``[N, Z]`` where the examples lie."""
    numbers = torch.arange(len(examples), device=examples.device)
    return torch.cat([reduction(examples.take(part)[0]) for part in torch.split(numbers, _READ_AT_ONCE)])


def train_flow(values: Tensor, *, depth: int, width: int, seed: int) -> Tensors:
    """Fit a flow to reduced windows ``[N, Z]`` by likelihood; a function of its arguments alone.

    Returns:
        The state of a :class:`WindowFlow`, on the CPU.
    """
    flow = WindowFlow(n_values=values.shape[1], depth=depth, width=width, seed=seed).to(values.device)
    sd, mean = torch.std_mean(values, dim=0, correction=0)
    flow.mean.copy_(mean)
    flow.sd.copy_(sd.clamp_(min=_SMALLEST_SD))
    generator = torch.Generator(values.device).manual_seed(seed)
    optimizer = torch.optim.Adam(flow.parameters(), lr=LEARNING_RATE)
    n_steps = count_steps(len(values))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for step in range(n_steps):
        if step % _steps_per_epoch(len(values)) == 0:
            order = torch.randperm(len(values), generator=generator, device=values.device)
            batches = torch.split(order, BATCH_SIZE)
        optimizer.zero_grad()
        flow.loss(values[batches[step % len(batches)]], generator).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(flow.parameters(), LARGEST_GRADIENT)
        optimizer.step()
        schedule.step()
    return {name: tensor.cpu() for name, tensor in flow.state_dict().items()}


def count_steps(n_windows: int) -> int:
    """Return how many steps a flow is trained for."""
    return min(MOST_STEPS, EPOCHS * _steps_per_epoch(n_windows))


def _steps_per_epoch(n_windows: int) -> int:
    return math.ceil(n_windows / BATCH_SIZE)
