import pytest
import torch

from tests.conftest import TINY, make_series
from trainables.adam import Adam
from trainables.data.windows import CONTEXT, WindowExamples, Windows
from trainables.models.base import Sizes
from trainables.models.lightmmoe import LightMMoE, LightMMoEConfig
from trainables.training import DivergedError, predict, torch_generator, train_epoch


def _setup(**changes: object) -> tuple[LightMMoE, Adam, Windows, LightMMoEConfig]:
    config = LightMMoEConfig.from_dict({**TINY, **changes})
    model = LightMMoE(config, Sizes.one_step(4), torch_generator("cpu", 0, "weights"))
    optimizer = Adam(model.parameters(), learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    values = torch.from_numpy(make_series().train)
    return model, optimizer, Windows(values, window=config.window, clip=config.clip), config


def _train(epochs: range, setup: tuple[LightMMoE, Adam, Windows, LightMMoEConfig]) -> list[float]:
    model, optimizer, windows, config = setup
    return [
        train_epoch(
            model,
            optimizer,
            WindowExamples(windows, range(CONTEXT, 400)),
            recipe=config.recipe,
            generator=torch_generator("cpu", 0, "epoch", epoch),
        ).loss
        for epoch in epochs
    ]


def test_the_loss_falls() -> None:
    losses = _train(range(5), _setup(learning_rate=0.01))
    assert losses[-1] < 0.7 * losses[0]


def test_the_ambient_generator_has_no_say() -> None:
    torch.manual_seed(1)
    first = _train(range(2), _setup())
    torch.manual_seed(2)
    assert _train(range(2), _setup()) == first


def test_going_on_from_saved_state_equals_not_stopping() -> None:
    unbroken = _setup()
    _train(range(4), unbroken)
    first_half, second_half = _setup(), _setup()
    _train(range(2), first_half)
    second_half[0].load_state_dict(first_half[0].state_dict())
    second_half[1].load_state_dict(first_half[1].state_dict())
    _train(range(2, 4), second_half)
    for ours, expected in zip(second_half[0].parameters(), unbroken[0].parameters(), strict=True):
        assert torch.equal(ours, expected)


def test_every_target_is_seen_once_an_epoch() -> None:
    seen: list[torch.Tensor] = []

    class Recorder(Windows):
        def batch(self, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            seen.append(targets)
            return super().batch(targets)

    model, optimizer, windows, config = _setup()
    recorder = Recorder(windows.values, window=config.window, clip=config.clip)
    _train(range(1), (model, optimizer, recorder, config))
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(CONTEXT, 400))
    assert not torch.equal(torch.cat(seen), torch.arange(CONTEXT, 400))


def test_divergence_is_noticed() -> None:
    setup = _setup(learning_rate=1.0, clip=None)
    setup[2].values[200] = float("inf")
    with pytest.raises(DivergedError, match="nan|inf"):
        _train(range(1), setup)


def test_predict_equals_the_model_batch_by_batch() -> None:
    model, _, windows, _ = _setup()
    predictions = predict(model, windows, targets=range(CONTEXT, 500))
    inputs, _ = windows.batch(torch.arange(CONTEXT, 500))
    with torch.no_grad():
        assert torch.allclose(predictions, model(inputs), atol=1e-6)
