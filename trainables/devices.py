"""Which device a trial runs on: a GPU where one was asked for, else the processor."""

import torch


def count_gpus() -> int:
    """Return how many GPUs PyTorch can use on this machine."""
    return torch.cuda.device_count()


def choose_device(*, use_gpu: bool) -> torch.device:
    """Return the device of a worker; Ray shows a worker no GPU but its own.

    Raises:
        RuntimeError: If a GPU was asked for and PyTorch sees none: the processor would be a silent surprise.
    """
    if use_gpu and count_gpus() == 0:
        raise RuntimeError("a GPU was asked for, but PyTorch sees none; install its CUDA build on this node")
    return torch.device("cuda" if use_gpu else "cpu")
