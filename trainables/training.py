"""One epoch of training and one pass of prediction, as functions of values: nothing here knows a study or a cluster.

``[B, W, D]`` = batch, window, features.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.adam import Adam
from trainables.data.windows import Windows
from trainables.seeding import derive_seed

PREDICTION_BATCH = 256  # intermediate results stay in the processor's cache; 1024 takes twice as long
_STEPS_BETWEEN_CHECKS = 32


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


def train_epoch(
    model: nn.Module,
    optimizer: Adam,
    windows: Windows,
    *,
    targets: range,
    batch_size: int,
    generator: torch.Generator,
) -> Epoch:
    """Train on every target once, in random order, by the mean squared error of the next step.

    Args:
        model: Called as ``model(inputs [B, W, D], generator)``, gives ``[B, D]``.
        optimizer: Over the model's parameters.
        windows: The series.
        targets: Steps to predict.
        batch_size: Targets per step; the last batch may be smaller.
        generator: Source of the order and of the dropout masks, on the model's device.

    Raises:
        DivergedError: As soon as a check, every 32 steps, finds the running loss NaN or infinite.
    """
    model.train()
    device = windows.values.device
    order = torch.randperm(len(targets), generator=generator, device=device).add_(targets.start)
    total = torch.zeros((), device=device)
    batches = torch.split(order, batch_size)
    for step, batch in enumerate(batches, start=1):
        inputs, wanted = windows.batch(batch)
        loss = nn.functional.mse_loss(model(inputs, generator), wanted)
        optimizer.update(torch.autograd.grad(loss, optimizer.parameters))
        total += loss.detach()
        if step % _STEPS_BETWEEN_CHECKS == 0 or step == len(batches):
            _check_finite(total, step)
    return Epoch(loss=float(total) / len(batches), n_steps=len(batches))


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
