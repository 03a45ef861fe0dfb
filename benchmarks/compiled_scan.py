"""The selective scan in C++, compiled on the spot: the lower bound in ``scan.py``, not a way to train."""

import ctypes
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("scan_lower_bound.cpp")
COMPILE = ["g++", "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-shared", "-fPIC"]

Step = Callable[[Sequence[Tensor], Tensor], list[Tensor]]
"""Arguments of the scan and the gradient of its result, to its result and the gradients of its arguments."""


def compile_scan() -> Step:
    """Compile and load.

    Raises:
        OSError: If there is no ``g++``.
        subprocess.CalledProcessError: If it cannot compile for this processor.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "scan.so"
        subprocess.run([*COMPILE, str(SOURCE), "-o", str(library)], check=True, capture_output=True)
        scan = ctypes.CDLL(str(library)).scan

    def step(arguments: Sequence[Tensor], gradient: Tensor) -> list[Tensor]:
        inputs, step_sizes, decay, *rest = (argument.detach() for argument in arguments)
        n_groups, batch, length, n_channels = inputs.shape
        given = [inputs, step_sizes, decay.transpose(1, 2).contiguous(), *rest, gradient]
        results = [torch.empty_like(tensor) for tensor in (inputs, *given[:-1])]
        pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (*given, *results)]
        scan(n_groups, batch, length, n_channels, decay.shape[2], *pointers)
        results[3] = results[3].transpose(1, 2)
        return results

    return step
