import torch

from tests.conftest import TINY, make_series
from trainables.efficiency import MemoryMeter, measure_speed
from trainables.models.base import Sizes
from trainables.models.lightmmoe import LightMMoE, LightMMoEConfig
from trainables.tasks.anomaly import AnomalyTask
from trainables.tasks.detectors import ForecastDetector

CPU = torch.device("cpu")


def test_memory_counts_again_for_every_trial_of_a_worker() -> None:
    """The second meter sees its own 80 MB, though the process had them before."""
    for _ in range(2):
        meter = MemoryMeter(CPU)
        block = [torch.ones(1 << 18) for _ in range(80)]  # small enough to come from the heap that is kept
        assert 60 < meter.peak_mb() < 200
        del block


def test_speed_is_that_of_a_window() -> None:
    config = LightMMoEConfig.from_dict(TINY)
    model = LightMMoE(config, Sizes.one_step(4), torch.Generator())
    detector = ForecastDetector(model, window=config.window, clip=config.clip, aggregation="mean")
    (prepared,) = (
        AnomalyTask().prepare([make_series()], objective="val_loss", labelled_by="time", seed=0).series.values()
    )
    speed = measure_speed(AnomalyTask().workload(detector, prepared, CPU))
    assert 0 < speed["latency_p50_ms"] <= speed["latency_p95_ms"]
    assert speed["windows_per_s"] > 1e3 / speed["latency_p50_ms"]  # a batch is faster than windows one by one
