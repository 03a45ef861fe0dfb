"""The selective scan, forward and backward, against a loop, mambapy's parallel scan and machine code.

    python benchmarks/scan.py [--repeats 15] [--size NAME ...]

One thread, float32. Each size has a process of its own, in which the forms take turns, so that other load on the
machine meets all of them; medians of the process's CPU time, which does not count the waiting for a core. Memory is
measured in one more process for each form: the highest resident memory of a step (``VmHWM``, reset before it) less what
was resident before, after a step of a small size that loads what is loaded once. Prints a table and then one JSON line;
exits with 1 if the forms disagree or another form in PyTorch is faster than ours at some size.
"""

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from compiled_scan import compile_scan
from looped_scan import selective_scan_reference
from torch import Tensor

from trainables.kernels.selective_scan import selective_scan

SIZES = {  # groups, batch, length, channels, states
    "variates, 8 scans": (8, 32, 7, 64, 16),
    "variates, 24 scans": (24, 32, 7, 64, 16),
    "variates, 48 narrow scans": (48, 32, 7, 16, 16),
    "patches, 4 scans": (4, 32 * 7, 11, 64, 16),
    "time, 30 steps": (1, 32, 30, 128, 16),
    "time, 60 steps": (1, 32, 60, 128, 16),
    "time, 96 steps": (1, 32, 96, 128, 16),
    "time, 120 steps": (1, 32, 120, 128, 16),
    "time, 336 steps": (1, 32, 336, 128, 16),
    "time, 96 steps, batch 128": (1, 128, 96, 128, 16),
}
SMALL = (1, 2, 4, 16, 2)
OURS, LOOP, MAMBAPY, COMPILED = "ours", "loop", "mambapy", "compiled"
TOLERANCE = 1e-4  # of the largest value of each result

Step = Callable[[Sequence[Tensor], Tensor], Sequence[Tensor]]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--size", choices=SIZES, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    forms, reasons = find_forms()
    for reason in reasons:
        print(f"left out: {reason}")
    rows = []
    ratio_titles, memory_titles = [f"{form} / ours" for form in forms[1:]], [f"{form} MB" for form in forms]
    print(_line("size", "G, B, L, D, N", "ours ms", *ratio_titles, *memory_titles))
    print(_line(*["---"] * (2 + 2 * len(forms))))
    for name in options.size:
        row = _measure(name, forms, options.repeats)
        rows.append(row)
        ratios = [f"{row['ms'][form] / row['ms'][OURS]:.2f}" for form in forms[1:]]
        memory = [f"{row['mb'][form]:.0f}" for form in forms]
        print(_line(name, ", ".join(map(str, SIZES[name])), f"{row['ms'][OURS]:.1f}", *ratios, *memory), flush=True)
    print(json.dumps({"scan": rows}))
    agree = all(row["largest_difference"] <= TOLERANCE for row in rows)
    fastest = all(row["ms"][OURS] <= row["ms"][form] for row in rows for form in forms if form != COMPILED)
    return 0 if agree and fastest else 1


def find_forms() -> tuple[list[str], list[str]]:
    """Name the forms that can run here, ours first, and say why the others cannot."""
    forms, reasons = [OURS, LOOP], []
    for form, found in ((MAMBAPY, mambapy_step), (COMPILED, compile_scan)):
        try:
            found()
        except (ImportError, OSError, subprocess.CalledProcessError) as error:
            reasons.append(f"{form}: {error}")
        else:
            forms.append(form)
    return forms, reasons


def mambapy_step() -> Step:
    """Return mambapy's selective scan, groups folded into the batch.

    Raises:
        ImportError: If mambapy is not installed (``pip install mambapy``).
    """
    pscan = import_module("mambapy.pscan").pscan  # not typed

    def scan(
        inputs: Tensor, step_sizes: Tensor, decay: Tensor, input_weights: Tensor, output_weights: Tensor, skip: Tensor
    ) -> Tensor:
        decays = torch.exp(step_sizes.unsqueeze(-1) * decay[:, None, None])
        driven = (step_sizes * inputs).unsqueeze(-1) * input_weights.unsqueeze(-2)
        states = pscan(decays.flatten(0, 1), driven.flatten(0, 1)).view(driven.shape)
        outputs: Tensor = (states @ output_weights.unsqueeze(-1)).squeeze(-1) + skip[:, None, None] * inputs
        return outputs

    return _differentiated(scan)


def draw(size: Sequence[int]) -> tuple[list[Tensor], Tensor]:
    """Arguments as a trained block has them (A from -1 to -N, steps from 0.01 to 1), and a gradient of the result."""
    n_groups, batch, length, n_channels, n_states = size
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    series = (n_groups, batch, length)
    decay = -torch.arange(1.0, n_states + 1).expand(n_groups, n_channels, -1) * torch.exp(
        0.1 * normal(n_groups, n_channels, n_states)
    )
    arguments = [
        normal(*series, n_channels), F.softplus(normal(*series, n_channels) - 2), decay,
        normal(*series, n_states), normal(*series, n_states), normal(n_groups, n_channels),
    ]  # fmt: skip
    return [argument.requires_grad_() for argument in arguments], normal(*series, n_channels)


def _step(form: str) -> Step:
    if form == OURS:
        return _differentiated(selective_scan)
    if form == LOOP:
        return _differentiated(selective_scan_reference)
    return mambapy_step() if form == MAMBAPY else compile_scan()


def _differentiated(scan: Callable[..., Tensor]) -> Step:
    def step(arguments: Sequence[Tensor], gradient: Tensor) -> list[Tensor]:
        outputs = scan(*arguments)
        return [outputs, *torch.autograd.grad(outputs, arguments, gradient)]

    return step


def _measure(name: str, forms: list[str], repeats: int) -> dict[str, Any]:
    milliseconds, difference = _alone(_time, SIZES[name], forms, repeats)
    megabytes = {form: _alone(_peak_memory, SIZES[name], form) for form in forms}
    return {"size": name, "ms": milliseconds, "mb": megabytes, "largest_difference": difference}


def _alone(function: Callable[..., Any], *arguments: object) -> Any:
    """Call in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(function, arguments)


def _time(size: Sequence[int], forms: list[str], repeats: int) -> tuple[dict[str, float], float]:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    arguments, gradient = draw(size)
    steps = {form: _step(form) for form in forms}
    results = {form: step(arguments, gradient) for form, step in steps.items()}
    difference = max(_difference(results[form], results[LOOP]) for form in forms)
    del results
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(repeats):
        for form, step in steps.items():
            step(arguments, gradient)  # leaves the cache as the form itself leaves it
            started = time.process_time()
            step(arguments, gradient)
            times[form].append((time.process_time() - started) * 1e3)
    return {form: statistics.median(values) for form, values in times.items()}, difference


def _difference(results: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest difference of any result, relative to that result's largest value."""
    pairs = [(result.detach(), truth.detach()) for result, truth in zip(results, expected, strict=True)]
    return max(float((result - truth).abs().max() / truth.abs().max()) for result, truth in pairs)


def _peak_memory(size: Sequence[int], form: str) -> float:
    """Resident megabytes that one step adds at its highest."""
    torch.set_num_threads(1)
    step = _step(form)
    step(*draw(SMALL))
    arguments, gradient = draw(size)
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM to what is resident now
    before = _resident_kb("VmRSS")
    step(arguments, gradient)
    return (_resident_kb("VmHWM") - before) / 1024


def _resident_kb(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise AssertionError(field)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
