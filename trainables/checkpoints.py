"""Checkpoints of a trial: whole files or none, never more than two, loaded without running what is in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainables.tensor_files import DamagedFileError, read_tensors, write_tensors

KEPT = 2
"""A worker writes a checkpoint before the driver records it: of the two newest, one is always a recorded one."""


class BadCheckpointError(Exception):
    """A checkpoint cannot be read or does not belong to its trial."""


def checkpoint_path(folder: Path, epoch: int) -> Path:
    """Return where the checkpoint of an epoch lies."""
    return folder / f"epoch-{epoch:05d}.pt"


def save_checkpoint(folder: Path, epoch: int, states: Mapping[str, Any]) -> int:
    """Write a checkpoint, then delete all but the two newest.

    Args:
        folder: The trial's own.
        epoch: The epoch it was taken after.
        states: State dicts by series.

    Returns:
        Its size in bytes.
    """
    n_bytes = write_tensors(checkpoint_path(folder, epoch), dict(states))
    for old in sorted(folder.glob("epoch-*.pt"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return n_bytes


def load_checkpoint(folder: Path, epoch: int, device: torch.device) -> dict[str, Any]:
    """Load a checkpoint's states: a file from elsewhere cannot run code here.

    Raises:
        BadCheckpointError: If the file is missing or damaged.
    """
    try:
        states: dict[str, Any] = read_tensors(checkpoint_path(folder, epoch), device)
    except DamagedFileError as error:
        raise BadCheckpointError(str(error)) from error
    return states
