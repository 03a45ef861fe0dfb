"""Tiny series, tiny configurations and one local cluster, shared by all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

# Before ray is imported anywhere: its own switch for quiet local clusters.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
# Tiny models lose more to the handing out of work to threads than they gain; on a busy machine ten times as much.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from search_spaces.lightmmoe import PUBLISHED
from trainables.data.series import AnomalySeries

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

TINY = {
    **PUBLISHED,
    "window": 8,
    "n_experts": 2,
    "n_kernels": 2,
    "expert_hidden": 8,
    "expert_output": 4,
    "tower_hidden": 3,
    "clip": 5.0,
}
"""A configuration of LightMMoE that trains in milliseconds."""


def make_series(name: str = "tiny", *, n_steps: int = 500, n_features: int = 4, seed: int = 0) -> AnomalySeries:
    """A noisy periodic series with ten incidents in its test part, four of them in the first 40 %."""
    rng = np.random.default_rng([seed, len(name)])
    time = np.arange(2 * n_steps)[:, None]
    clean = np.sin(2 * np.pi * time / np.array([11, 17, 23, 31, 41])[:n_features])
    values = (clean + 0.1 * rng.standard_normal(clean.shape)).astype(np.float32)
    labels = np.zeros(n_steps, dtype=np.bool_)
    for start in range(80, n_steps - 10, (n_steps - 90) // 10):
        labels[start : start + 5] = True
    values[n_steps:][labels] += rng.choice([-1.5, 1.5], size=(int(labels.sum()), n_features)).astype(np.float32)
    return AnomalySeries(
        name=name,
        train=values[:n_steps].copy(),
        test=values[n_steps:].copy(),
        labels=labels,
        features=tuple(f"f{i}" for i in range(n_features)),
    )


@pytest.fixture
def shared_data() -> Path:
    """The real data, where they are."""
    if not (folder := SHARED / "data").is_dir():
        pytest.skip(f"the real data are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One Ray of two CPUs for all tests that need one; studies join it."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
