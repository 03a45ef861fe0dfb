"""One model on one series: which epoch counts, early stopping, checkpoints in between."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainables.tasks.test_prepared_forecast import make_prices
from trainables.models.dlinear import FAMILY
from trainables.run import Run, Setting
from trainables.tasks.base import StudyData
from trainables.tasks.forecast import ForecastTask
from trainables.training import DivergedError

CPU = torch.device("cpu")
TASK = ForecastTask()
CONFIG = {
    "lookback": 10, "individual": False, "decomposition": True, "normalisation": "none", "learning_rate": 0.01,
    "weight_decay": 0.0, "batch_size": 8, "gradient_clip": 1.0, "schedule": "cosine", "patience": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def data() -> StudyData:
    return TASK.prepare([make_prices()], objective=None, horizon=2)


def _run(data: StudyData, **changes: Any) -> Run:
    setting = Setting(
        family=FAMILY,
        config=FAMILY.config.from_dict({**CONFIG, **changes}),
        task=TASK,
        objective=data.objective,
        seed=0,
        max_epochs=12,
        precision="fp32",
        device=CPU,
    )
    return Run(setting, data.series["prices"])


def _train(run: Run, n_epochs: int) -> list[float]:
    """Train until it is over; returns the validation error of every epoch."""
    values = []
    while len(values) < n_epochs and not run.over:
        run.train()
        run.validate(["val_mse"])
        values.append(run.metrics["val_mse"])
    return values


def test_the_best_epoch_is_kept_and_its_weights_come_back(data: StudyData) -> None:
    run = _run(data, learning_rate=0.3, patience=None)  # too fast: it does not end with its best epoch
    values = _train(run, 12)
    assert run.kept["val_mse"] == min(values) < values[-1]
    run.finish()
    again = TASK.validate(
        run.predictor(), data.series["prices"], config=run.setting.config, names=["val_mse"], device=CPU
    )
    assert again["val_mse"] == min(values)


def test_it_is_over_when_patience_ends(data: StudyData) -> None:
    values = _train(_run(data, learning_rate=0.3), 12)
    best = values.index(min(values))
    assert len(values) == best + 3 < 12  # two epochs without a better one
    assert len(_train(_run(data, learning_rate=0.3, patience=None), 12)) == 12


def test_an_epoch_that_cannot_be_judged_fails_however_good_an_earlier_one_was(data: StudyData) -> None:
    run = _run(data)
    _train(run, 1)
    run.train()
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(DivergedError, match="the objective val_mse became nan in epoch 2"):
        run.validate(["val_mse"])


@pytest.mark.parametrize("after", [1, 4])
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(data: StudyData, tmp_path: Path, after: int) -> None:
    unbroken, first = _run(data, learning_rate=0.3), _run(data, learning_rate=0.3)
    expected = _train(unbroken, 12)
    assert len(expected) > after + 1
    _train(first, after)
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = _run(data, learning_rate=0.3)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert _train(second, 12) == expected[after:]
    assert (second.kept, second.over) == (unbroken.kept, unbroken.over)
    for run in (unbroken, second):
        run.finish()
    for ours, theirs in zip(second.model.parameters(), unbroken.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_learning_rate_falls_to_zero_over_a_full_trial(data: StudyData) -> None:
    """After the last epoch of a cosine the weights have all but stopped; at a constant rate they have not."""
    moved = {}
    for schedule in ("cosine", "constant"):
        run = _run(data, schedule=schedule, patience=None)
        _train(run, 11)
        before = [parameter.detach().clone() for parameter in run.model.parameters()]
        _train(run, 1)
        moved[schedule] = sum(
            float((new.detach() - old).abs().sum()) for new, old in zip(run.model.parameters(), before, strict=True)
        )
    assert moved["cosine"] < 0.1 * moved["constant"]
