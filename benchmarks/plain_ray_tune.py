"""The same search as a careful user would write it on plain Ray Tune: the opponent of ``search_throughput.py``.

A function trainable, ``OptunaSearch``, the report's looped model, data by ``with_parameters``. It gets our window
gathering, our scaling and our metric, so that what differs is the model's form and the engine.
"""

import argparse
import json
import time
from typing import Any

import torch
from looped_lightmmoe import LoopedLightMMoE
from ray import init, tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from cluster.resolution import resolve
from cluster.study import StudySpec
from trainables.data.windows import CONTEXT, Windows, as_tensor
from trainables.metrics import best_event_f1
from trainables.models.lightmmoe import LightMMoEConfig
from trainables.tasks.anomaly import PreparedSeries


def train(config: dict[str, Any], series: PreparedSeries, base: dict[str, Any], epochs: int) -> None:
    """Train one configuration and report the objective after every epoch."""
    torch.set_num_threads(1)
    model_config = LightMMoEConfig.from_dict({**base, **config})
    model = LoopedLightMMoE(model_config, series.n_features)
    optimizer = torch.optim.Adam(model.parameters(), lr=model_config.learning_rate)
    windows = Windows(as_tensor(series.train), window=model_config.window, clip=series.resolve_clip(model_config.clip))
    labelled = Windows(as_tensor(series.test), window=model_config.window, clip=series.resolve_clip(model_config.clip))
    assert series.labels is not None
    labels = series.labels[CONTEXT : series.part.tuning.stop]
    for epoch in range(1, epochs + 1):
        started = time.time()
        model.train()
        order = torch.randperm(series.n_fit - CONTEXT) + CONTEXT
        for batch in torch.split(order, model_config.batch_size):
            inputs, targets = windows.batch(batch)
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        model.eval()
        with torch.no_grad():
            parts = labelled.in_order(CONTEXT, series.part.tuning.stop, 1024)
            scores = torch.cat([(model(inputs) - wanted).square().mean(dim=1) for inputs, wanted in parts])
        value, _ = best_event_f1(scores.double().numpy(), labels)
        tune.report({"labelled_event_f1": value, "epoch": epoch, "began_at": started, "epoch_s": time.time() - started})


def main() -> None:
    """Run the search and print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("question", help="JSON: the study's spec and the listed configurations")
    parser.add_argument("--scheduler", choices=("fifo", "asha"), required=True)
    parser.add_argument("--reuse-actors", action="store_true")
    arguments = parser.parse_args()
    question = json.loads(arguments.question)
    spec = StudySpec.from_dict(question["spec"])
    resolved = resolve(spec)
    init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    searched = question["configs"]
    space = {
        "learning_rate": tune.loguniform(1e-4, 1e-2),
        "expert_dropout": tune.uniform(0.0, 0.5),
        "sg_ratio": tune.uniform(0.0, 1.0),
    }
    scheduler: TrialScheduler = FIFOScheduler()  # type: ignore[no-untyped-call]
    if arguments.scheduler == "asha":
        scheduler = ASHAScheduler(
            time_attr="training_iteration",
            grace_period=spec.grace_epochs,
            reduction_factor=spec.reduction_factor,
            max_t=resolved.plan.max_epochs,
        )
    trainable = tune.with_parameters(
        train,
        series=resolved.data.series[resolved.data.objective_series[0]],
        base=dict(resolved.plan.published),
        epochs=spec.max_epochs,
    )
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="labelled_event_f1",
            mode="max",
            search_alg=OptunaSearch(points_to_evaluate=searched),
            scheduler=scheduler,
            num_samples=len(searched),
            max_concurrent_trials=2,
            reuse_actors=arguments.reuse_actors,
        ),
        run_config=tune.RunConfig(verbose=0, storage_path=question["storage"]),
    ).fit()
    frames = [frame for index in range(len(results)) if (frame := results[index].metrics_dataframe) is not None]
    epochs = sum(len(frame) for frame in frames)
    busy_s = sum(float(frame["epoch_s"].sum()) for frame in frames)
    first = min(float(frame["began_at"].min()) for frame in frames)
    print(json.dumps({"epochs": epochs, "first_epoch_at": first, "search_s": time.time() - first, "busy_s": busy_s}))


if __name__ == "__main__":
    main()
