"""What an epoch costs here and now, measured on a few steps: the basis of a dry run's estimate."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainables.adam import Adam
from trainables.artifacts import Artifacts
from trainables.models.base import Examples, Family, ModelConfig
from trainables.tasks.base import Task
from trainables.training import torch_generator, train_epoch

_MEASURED_STEPS = 20


def seconds_per_epoch(family: Family, config: ModelConfig, series: Any, task: Task, *, n_threads: int) -> float:
    """Time a few training steps of a configuration on a series and scale them to an epoch.

    What a model learns before its first epoch is not in it: trials share that.
    """
    torch.set_num_threads(n_threads)
    recipe = config.recipe
    model = family.build(config, task.sizes(series, config), torch_generator("cpu", 0, "cost"))
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = Adam(learned, learning_rate=recipe.learning_rate, weight_decay=recipe.weight_decay)
    examples = task.examples(series, config, torch.device("cpu"))
    few = _First(examples, min(len(examples), _MEASURED_STEPS * recipe.batch_size))
    with tempfile.TemporaryDirectory() as folder:
        model.prepare(few, Artifacts(folder=Path(folder), data="cost", seed=0))
    elapsed = []
    for attempt in range(3):
        started = time.perf_counter()
        train_epoch(model, optimizer, few, recipe=recipe, generator=torch_generator("cpu", attempt, "cost"))
        elapsed.append(time.perf_counter() - started)
    return min(elapsed) * len(examples) / len(few)


class _First:
    """The first few of many examples."""

    def __init__(self, examples: Examples, n_examples: int) -> None:
        self._examples, self._n_examples = examples, n_examples

    def __len__(self) -> int:
        return self._n_examples

    @property
    def device(self) -> torch.device:
        return self._examples.device

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        return self._examples.take(indices)
