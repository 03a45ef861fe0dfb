"""What an epoch costs here and now, measured on a few steps: the basis of a dry run's estimate."""

import time

import torch

from trainables.adam import Adam
from trainables.models.base import DetectorConfig, Family
from trainables.tasks.anomaly import AnomalyTask, PreparedSeries
from trainables.training import torch_generator, train_epoch

_MEASURED_STEPS = 20


def seconds_per_epoch(
    family: Family, config: DetectorConfig, series: PreparedSeries, task: AnomalyTask, *, n_threads: int
) -> float:
    """Time a few training steps of a configuration on a series and scale them to an epoch."""
    torch.set_num_threads(n_threads)
    device = torch.device("cpu")
    model = family.build(config, series.n_features, torch_generator("cpu", 0, "cost"))
    optimizer = Adam(model.parameters(), learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    windows, targets = task.training_set(series, config, device)
    few = range(targets.start, min(targets.stop, targets.start + _MEASURED_STEPS * config.batch_size))
    elapsed = []
    for attempt in range(3):
        started = time.perf_counter()
        train_epoch(
            model, optimizer, windows, targets=few, batch_size=config.batch_size,
            generator=torch_generator("cpu", attempt, "cost"),
        )  # fmt: skip
        elapsed.append(time.perf_counter() - started)
    return min(elapsed) * len(targets) / len(few)
