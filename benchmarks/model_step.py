"""One training step of the batched LightMMoE against the report's looped form, and against the machine's peak.

    python benchmarks/model_step.py

One thread, published sizes, 38 features, batch 64, the same weights. Both models take turns, so that other load on the
machine meets both. Prints one JSON line; exits with 1 if the outputs differ by more than 1e-5.
"""

import json
import sys
import time
from collections.abc import Callable

import torch
from looped_lightmmoe import LoopedLightMMoE, copy_weights

from search_spaces.lightmmoe import PUBLISHED
from trainables.adam import Adam
from trainables.models.base import Sizes
from trainables.models.lightmmoe import LightMMoE, LightMMoEConfig

N_FEATURES, ROUNDS = 38, 30
TOLERANCE = 1e-5


def main() -> int:
    """Run the benchmark and return its exit code."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    config = LightMMoEConfig.from_dict(PUBLISHED)
    looped, batched = (
        LoopedLightMMoE(config, N_FEATURES),
        LightMMoE(config, Sizes.one_step(N_FEATURES), torch.Generator()),
    )
    copy_weights(looped, batched)
    windows = torch.randn(config.batch_size, config.window, N_FEATURES)
    targets = torch.randn(config.batch_size, N_FEATURES)
    with torch.inference_mode():
        difference = float((looped.eval()(windows) - batched(windows)).abs().max())
    looped.train()
    timed = {
        "looped": _looped_step(looped, windows, targets),
        "batched": _batched_step(batched, windows, targets),
        "looped_inference": _inference(lambda: looped(windows)),
        "batched_inference": _inference(lambda: batched(windows)),
        "peak": _matrix_product(),
    }
    best = _take_turns(timed)
    gflops = 2 * 1024**3 / best["peak"] / 1e9
    floor_s = count_operations(config, N_FEATURES) / (gflops * 1e9)
    print(
        json.dumps(
            {
                "largest_difference": difference,
                "looped_ms": round(best["looped"] * 1e3, 3),
                "batched_ms": round(best["batched"] * 1e3, 3),
                "ratio": round(best["looped"] / best["batched"], 2),
                "inference_ratio": round(best["looped_inference"] / best["batched_inference"], 2),
                "peak_gflops": round(gflops, 1),
                "floor_ms": round(floor_s * 1e3, 3),
                "times_floor": round(best["batched"] / floor_s, 2),
            }
        )
    )
    return 0 if difference <= TOLERANCE else 1


def count_operations(config: LightMMoEConfig, n_features: int) -> float:
    """Count the floating-point operations of a training step: the products forward, and twice as many backward.

    The step skips the gradient with respect to the inputs, so the first products count once less.
    """
    b, d, w, e = config.batch_size, n_features, config.window, config.n_experts
    first = e * config.n_kernels * w * d + e * w * d  # convolutions and gates
    rest = (
        e * config.n_kernels * d * config.expert_hidden
        + e * config.expert_hidden * config.expert_output
        + e * config.expert_output * d  # mixtures
        + d * config.expert_output * config.tower_hidden
        + d * config.tower_hidden
    )
    return 2.0 * b * (2 * first + 3 * rest)


def _looped_step(model: torch.nn.Module, windows: torch.Tensor, targets: torch.Tensor) -> Callable[[], None]:
    """As a PyTorch user writes it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        loss = torch.nn.functional.mse_loss(model(windows), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _batched_step(model: torch.nn.Module, windows: torch.Tensor, targets: torch.Tensor) -> Callable[[], None]:
    """As ``trainables/training.py`` does it."""
    optimizer = Adam(model.parameters(), learning_rate=1e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        loss = torch.nn.functional.mse_loss(model(windows, generator), targets)
        optimizer.update(torch.autograd.grad(loss, optimizer.parameters))

    return step


def _inference(predict: Callable[[], torch.Tensor]) -> Callable[[], None]:
    def step() -> None:
        with torch.inference_mode():
            predict()

    return step


def _matrix_product() -> Callable[[], None]:
    left, right = torch.randn(1024, 1024), torch.randn(1024, 1024)

    def step() -> None:
        left @ right

    return step


def _take_turns(timed: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the best time per call, each measured in small blocks that alternate."""
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(ROUNDS):
        for name, call in timed.items():
            n_calls = 3 if "looped" in name else 15
            started = time.perf_counter()
            for _ in range(n_calls):
                call()
            best[name] = min(best[name], (time.perf_counter() - started) / n_calls)
    return best


if __name__ == "__main__":
    sys.exit(main())
