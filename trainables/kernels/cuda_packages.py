"""The CUDA kernels of others, imported only when first asked for, and one warning where they are missing.

Both packages build from source against an installed PyTorch and fail to import, with every submodule, where a part of
them is missing; so they are optional (extra ``cuda``), and any ``ImportError`` means "not here".
"""

import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module

from torch import Tensor

Kernel = Callable[..., Tensor]
"""A function of one of the packages; they are not typed."""


@cache
def load_selective_scan() -> Kernel | None:
    """Return ``mamba_ssm``'s scan, or ``None`` after a warning, which a process gives once."""
    return _load("mamba_ssm", "mamba_ssm.ops.selective_scan_interface", "selective_scan_fn")


@cache
def load_causal_convolution() -> Kernel | None:
    """Return ``causal_conv1d``'s convolution, or ``None``; with ``mamba_ssm`` missing too, one warning is enough."""
    if load_selective_scan() is None:
        return None
    return _load("causal_conv1d", "causal_conv1d", "causal_conv1d_fn")


def _load(package: str, module: str, function: str) -> Kernel | None:
    try:
        kernel: Kernel = getattr(import_module(module), function)
    except ImportError as error:
        warnings.warn(
            f"`{package}` cannot be imported ({error}): the slower PyTorch form runs on CUDA instead; "
            'install it with: pip install --no-build-isolation "ablatune[cuda]"',
            stacklevel=2,
        )
        return None
    return kernel
