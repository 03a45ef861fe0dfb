"""What a trained model costs: memory, latency of one window, throughput of many."""

import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from trainables.tasks.base import Workload

_LATENCY_CALLS = 200
_LATENCY_WARM_UP = 20


def measure_speed(workload: Workload) -> dict[str, float]:
    """Time a model on its test part, from scaled values to what it is asked for.

    Returns:
        ``latency_p50_ms`` and ``latency_p95_ms`` of one window at a time, and ``windows_per_s`` in large batches.
    """
    for _ in range(_LATENCY_WARM_UP):
        workload.one()
    times = []
    for _ in range(_LATENCY_CALLS):
        started = time.perf_counter()
        workload.one()
        times.append(time.perf_counter() - started)
    started = time.perf_counter()
    workload.many()
    elapsed = time.perf_counter() - started
    return {
        "latency_p50_ms": float(np.quantile(times, 0.5)) * 1e3,
        "latency_p95_ms": float(np.quantile(times, 0.95)) * 1e3,
        "windows_per_s": workload.n_many / elapsed,
    }


class MemoryMeter:
    """Peak memory since it was made: of the GPU's allocator, else what the process grew by."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            return
        # A worker that did other trials keeps what they freed; handed back, it counts again when this one takes it.
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        with suppress(OSError):  # forbidden in some containers; then the peak is that of the process's whole life
            Path("/proc/self/clear_refs").write_text("5")
        self._before_mb = _status_mb("VmRSS")

    def peak_mb(self) -> float:
        """Return the peak so far in MB; 0 where the system does not tell."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e6
        return max(0.0, _status_mb("VmHWM") - self._before_mb)


def _status_mb(name: str) -> float:
    status = Path("/proc/self/status")
    if not os.access(status, os.R_OK):
        return 0.0
    for line in status.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1e3
    return 0.0
