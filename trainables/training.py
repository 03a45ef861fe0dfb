"""One epoch of training and one pass of prediction, as functions of values: nothing here knows a study or a cluster.

``[B, W, D]`` = batch, window, features.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.adam import Adam
from trainables.data.windows import Windows
from trainables.models.base import Examples, Model, Recipe
from trainables.seeding import derive_seed

Precision = Literal["fp32", "bf16"]

PREDICTION_BATCH = 256  # intermediate results stay in the processor's cache; 1024 takes twice as long
_STEPS_BETWEEN_CHECKS = 32
_NORM_EPSILON = 1e-6


class DivergedError(Exception):
    """The loss became NaN or infinite: the run has failed and cannot recover."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one epoch of training gave."""

    loss: float
    """Mean of the batches' losses."""
    n_steps: int


def torch_generator(device: torch.device | str, seed: int, *names: str | int) -> torch.Generator:
    """Make the generator of a named stream (see :mod:`trainables.seeding`) on a device."""
    return torch.Generator(device).manual_seed(derive_seed(seed, *names))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Where an epoch lies in the training of a full trial, for the learning rate's decay."""

    epoch: int
    """From 1."""
    max_epochs: int

    def cosine(self, step: int, n_steps: int) -> float:
        """Return the factor of the learning rate in a step (from 0) of this epoch: half a cosine from 1 to 0."""
        done = (self.epoch - 1 + step / n_steps) / self.max_epochs
        return 0.5 * (1 + math.cos(math.pi * done))


def train_epoch(
    model: Model,
    optimizer: Adam,
    examples: Examples,
    *,
    recipe: Recipe,
    generator: torch.Generator,
    pace: Pace | None = None,
    precision: Precision = "fp32",
) -> Epoch:
    """Train on every example once, in random order, by the model's own loss.

    Args:
        model: Called for its ``training_loss``.
        optimizer: Over the model's parameters.
        examples: Where batches are taken from; the last batch may be smaller.
        recipe: Batch size, gradient clip and schedule.
        generator: Source of the order and of the dropout masks, on the model's device.
        pace: Where this epoch lies; ``None`` keeps the learning rate as it is.
        precision: ``bf16`` computes the forward pass in it, on a GPU.

    Raises:
        DivergedError: As soon as a check, every 32 steps, finds the running loss NaN or infinite.
    """
    model.train()
    device = examples.device
    total = torch.zeros((), device=device)
    batches = torch.split(torch.randperm(len(examples), generator=generator, device=device), recipe.batch_size)
    for step, batch in enumerate(batches, start=1):
        inputs, wanted = examples.take(batch)
        with autocast(device, precision):
            loss = model.training_loss(inputs, wanted, batch, generator)
        gradients = torch.autograd.grad(loss, optimizer.parameters, allow_unused=True, materialize_grads=True)
        if recipe.gradient_clip is not None:
            _clip_norm(gradients, recipe.gradient_clip)
        factor = pace.cosine(step - 1, len(batches)) if pace is not None and recipe.cosine else 1.0
        optimizer.update(gradients, factor)
        total += loss.detach()
        if step % _STEPS_BETWEEN_CHECKS == 0 or step == len(batches):
            _check_finite(total, step)
    return Epoch(loss=float(total) / len(batches), n_steps=len(batches))


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return a context in which a forward pass runs in a precision."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def _clip_norm(gradients: tuple[Tensor, ...], largest: float) -> None:
    """Scale gradients down, in place, to a Euclidean norm of at most ``largest`` over all of them."""
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (largest / (norm + _NORM_EPSILON)).clamp_(max=1.0))


@torch.inference_mode()
def predict(model: nn.Module, windows: Windows, *, targets: range) -> Tensor:
    """Predict consecutive steps, without dropout: ``[len(targets), D]`` on the model's device."""
    model.eval()
    parts = [model(inputs) for inputs, _ in windows.in_order(targets.start, targets.stop, PREDICTION_BATCH)]
    return torch.cat(parts)


def _check_finite(total: Tensor, step: int) -> None:
    """A sum that was ever NaN or infinite stays so: one look at it covers every step before."""
    value = float(total)
    if not math.isfinite(value):
        raise DivergedError(f"the training loss became {value} within {step} steps; a smaller learning rate may hold")
