"""Train the random and the published configurations on many series, and keep every score they give.

A run is one configuration on one series under one seed: the atom of ``objective_validity.py``. Its scores of the test
part, of the clean validation part and of each spoilt copy lie in one ``.npz`` each, so that an objective can be thought
up after the training. What is there is never made again: stop and start as you like.
"""

import io
import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from injections import INJECTIONS
from numpy.typing import NDArray
from torch import Tensor

from search_spaces.distributions import format_value
from search_spaces.lightmmoe import PUBLISHED, SPACE
from search_spaces.space import Restricted
from trainables.adam import Adam
from trainables.data.datasets import load_series
from trainables.data.windows import CONTEXT, as_tensor
from trainables.models import FAMILIES
from trainables.models.base import DetectorConfig, Sizes
from trainables.models.lightmmoe import LightMMoEConfig
from trainables.seeding import derive_seed
from trainables.tasks.anomaly import AnomalyTask, PreparedSeries
from trainables.tasks.clipping import CLIPS
from trainables.tasks.detectors import Detector, ForecastDetector, SumOfSquares, aggregate_errors
from trainables.tasks.incidents import InjectedIncidents
from trainables.tasks.label_free import COMMON_CLIP, relative_loss
from trainables.tasks.labelled_part import cut_in_normal_gap
from trainables.training import DivergedError, torch_generator, train_epoch
from trainables.whole_files import replace_file

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SERIES = {
    "machine-1-3": "smd",
    "machine-2-3": "smd",
    "machine-2-7": "smd",
    "machine-3-2": "smd",
    "machine-3-5": "smd",
    **{f"omi-{number}": "asd" for number in (1, 2, 3, 5, 6, 7, 9, 11)},
}
"""Series and their data sets: none of the SMD machines on which a search with the resulting defaults is then tried."""
N_RANDOM, SEEDS, MAX_EPOCHS, STUDY_SEED = 60, (0, 1), 5, 3
SMD_FEATURES, MOST_PARAMETERS = 38, 4_000_000
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A run to make, or made."""

    name: str
    """``random-07``; ``published-5`` and ``squares-5`` (the untrained sum of squares) with their clip."""
    config: Mapping[str, Any]
    seed: int
    series: str

    def path(self, folder: Path) -> Path:
        """Return where its scores lie."""
        return folder / "runs" / f"{self.name}.{self.seed}.{self.series}.npz"


def all_runs() -> Iterator[Recorded]:
    """List every run, the first seed of everything first; the untrained ones have one seed."""
    clips = {format_value(clip): clip for clip in CLIPS}
    squares: dict[str, Mapping[str, Any]] = {f"squares-{name}": {"clip": clip} for name, clip in clips.items()}
    published: dict[str, Mapping[str, Any]] = {
        f"published-{name}": {**PUBLISHED, "clip": clip} for name, clip in clips.items()
    }
    drawn = draw_configurations(N_RANDOM)
    for seed in SEEDS:
        for name, config in {**(squares if seed == 0 else {}), **published, **drawn}.items():
            for series in SERIES:
                yield Recorded(name=name, config=config, seed=seed, series=series)


def draw_configurations(n: int) -> dict[str, dict[str, Any]]:
    """Draw from the whole space of LightMMoE, uniformly, with the sampler that searches start with.

    One draw in ten has more than four million parameters; these would take half of all the time, and are passed over.

    Returns:
        The configurations by name, which has the number of the draw.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=STUDY_SEED))
    space, family = Restricted(space=SPACE), FAMILIES["lightmmoe"]
    found: dict[str, dict[str, Any]] = {}
    for number in count():
        if len(found) == n:
            break
        config = family.config.from_dict(space.configure(study.ask())[0])
        model = family.build(config, Sizes.one_step(SMD_FEATURES), torch.Generator())
        if sum(p.numel() for p in model.parameters()) <= MOST_PARAMETERS:
            found[f"random-{number:02d}"] = config.to_dict()
    return found


def record(folder: Path, *, n_workers: int) -> None:
    """Make the runs that are not there yet.

    Args:
        folder: Where scores go.
        n_workers: Processes, each with one thread.
    """
    missing = [run for run in all_runs() if not run.path(folder).exists()]
    print(f"{len(missing)} runs to make in {folder}", flush=True)
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_start_worker) as pool:
        futures = {pool.submit(_record_one, run, folder): run for run in missing}
        for n_made, future in enumerate(as_completed(futures), start=1):
            future.result()
            if n_made % 20 == 0:
                left = (time.monotonic() - started) / n_made * (len(missing) - n_made)
                print(f"{n_made} of {len(missing)} runs, about {left / 60:.0f} min left", flush=True)


@cache
def prepare(name: str) -> PreparedSeries:
    """Load, split and scale a series as a study does; its labelled part is looked at by the analysis alone."""
    dataset = SERIES[name]
    series = load_series(dataset, root=DATA / dataset, names=[name])
    data = AnomalyTask().prepare(series, objective="val_loss", labelled_by="time", seed=STUDY_SEED)
    prepared = data.series[name]
    assert isinstance(prepared, PreparedSeries)
    return prepared


@cache
def inject_all(name: str) -> dict[str, InjectedIncidents]:
    """Spoil a series in every way, the same for all configurations; ``test_incidents`` lies in unlabelled test data."""
    series = prepare(name)
    fit, validation = series.train[: series.n_fit], series.train[series.n_fit - CONTEXT :]
    found = {
        kind: inject(validation, fit, np.random.default_rng(derive_seed(STUDY_SEED, kind, name)))
        for kind, inject in INJECTIONS.items()
    }
    assert series.labels is not None
    early = series.test[: cut_in_normal_gap(series.labels)]
    generator = np.random.default_rng(derive_seed(STUDY_SEED, "test_incidents", name))
    found["test_incidents"] = INJECTIONS["incidents_3"](early, fit, generator)
    return {kind: incidents for kind, incidents in found.items() if incidents is not None}


def _start_worker() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _record_one(run: Recorded, folder: Path) -> None:
    series = prepare(run.series)
    arrays: dict[str, NDArray[Any]]
    if run.name.startswith("squares"):
        arrays = dict(_score_everything(SumOfSquares(run.config["clip"]), series))
    else:
        config = LightMMoEConfig.from_dict(run.config)
        try:
            detector, facts = _train(run, config, series)
            arrays = {**_score_everything(detector, series), **_predict_validation(detector, config, series), **facts}
        except DivergedError as error:
            arrays = {"error": np.array(str(error))}
    buffer = io.BytesIO()
    np.savez(buffer, config=np.array(json.dumps(dict(run.config))), **arrays)  # type: ignore[arg-type]
    replace_file(run.path(folder), buffer.getvalue())


def _train(
    run: Recorded, config: DetectorConfig, series: PreparedSeries
) -> tuple[ForecastDetector, dict[str, NDArray[Any]]]:
    task, family = AnomalyTask(), FAMILIES["lightmmoe"]
    model = family.build(config, task.sizes(series, config), torch_generator("cpu", run.seed, series.name, "weights"))
    optimizer = Adam(model.parameters(), learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    examples = task.examples(series, config, CPU)
    started, losses = time.monotonic(), []
    for epoch in range(1, MAX_EPOCHS + 1):
        generator = torch_generator(CPU, run.seed, series.name, "epoch", epoch)
        done = train_epoch(model, optimizer, examples, recipe=config.recipe, generator=generator)
        losses.append(done.loss)
    facts = {
        "train_loss": np.array(losses),
        "train_s": np.array(time.monotonic() - started),
        "n_params": np.array(sum(p.numel() for p in model.parameters())),
    }
    return task.predictor(model, config, series), facts


def _score_everything(detector: Detector, series: PreparedSeries) -> dict[str, NDArray[np.float32]]:
    parts = {"test": series.test, "validation": series.train[series.n_fit - CONTEXT :]}
    parts |= {f"injected_{kind}": incidents.values for kind, incidents in inject_all(series.name).items()}
    return {name: detector.score(as_tensor(values)).astype(np.float32) for name, values in parts.items()}


def _predict_validation(
    detector: ForecastDetector, config: DetectorConfig, series: PreparedSeries
) -> dict[str, NDArray[Any]]:
    """Judge the predictions themselves: losses, and scores against targets that are wrong on purpose."""
    values = as_tensor(series.train[series.n_fit - CONTEXT :])
    predicted, actual = detector.predict(values), values[CONTEXT:]
    generator = torch_generator("cpu", STUDY_SEED, series.name, "targets")
    low, high = (as_tensor(bound) for bound in (series.train.min(axis=0), series.train.max(axis=0)))
    uniform = low + (high - low) * torch.rand(actual.shape, generator=generator)
    wrong_time = actual[torch.randperm(len(actual), generator=generator)]
    last = values[CONTEXT - 1 : -1]
    bound = series.resolve_clip(config.clip)

    def own_clip(targets: Tensor) -> Tensor:
        return targets if bound is None else targets.clamp(-bound, bound)

    def score(targets: Tensor) -> NDArray[np.float32]:
        errors = (predicted - own_clip(targets)).square()
        return np.asarray(aggregate_errors(errors, config.score_aggregation).numpy().astype(np.float32))

    loss = relative_loss(predicted.numpy(), actual.numpy(), last.numpy())
    clipped = [part.clamp(-COMMON_CLIP, COMMON_CLIP) for part in (predicted, actual, last)]
    ratio = (clipped[0] - clipped[1]).square().mean(0) / (clipped[2] - clipped[1]).square().mean(0).clamp_min(1e-9)
    return {
        "uniform_targets": score(uniform),
        "wrong_time": score(wrong_time),
        "relative_loss": np.array(loss),
        "log_ratio_loss": np.array(float(ratio.clamp_min(1e-6).log().mean())),
        "own_loss": np.array(float((predicted - own_clip(actual)).square().mean())),
    }
