import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from search_spaces.m2moep import DEFAULTS
from tests.trainables.models.examples import TensorExamples
from trainables.artifacts import Artifacts
from trainables.models.base import Sizes
from trainables.models.flow import BATCH_SIZE, EPOCHS, MOST_STEPS, Reduction, WindowFlow, count_steps, train_flow
from trainables.models.m2moep import M2MOEP
from trainables.models.m2moep_config import M2MOEPConfig

SMALL = {**DEFAULTS, "lookback": 16, "d_model": 4, "d_state": 2, "flow_depth": 2, "flow_width": 8}


def _examples(n_windows: int = 40, lookback: int = 16) -> TensorExamples:
    generator = torch.Generator().manual_seed(3)
    windows = torch.randn(n_windows, lookback, 2, generator=generator).cumsum(1)
    return TensorExamples(windows=windows, wanted=torch.randn(n_windows, 3, 2, generator=generator))


def _correlated(n_rows: int, *, seed: int = 0) -> Tensor:
    mixing = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1 + seed)
    return torch.randn(n_rows, 3, generator=generator) @ mixing + 0.3 * torch.randn(n_rows, 6, generator=generator) + 2


@cache
def _trained_state() -> dict[str, Tensor]:
    return train_flow(_correlated(2048), depth=4, width=32, seed=0)


def _trained(dtype: torch.dtype) -> WindowFlow:
    flow = WindowFlow(n_values=6, depth=4, width=32, seed=0)
    flow.load_state_dict(_trained_state())
    return flow.to(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-11)])
def test_the_inverse_is_exact(dtype: torch.dtype, tolerance: float) -> None:
    flow, values = _trained(dtype), _correlated(64, seed=1).to(dtype)
    assert (flow.inverse(flow(values)) - values).abs().max() <= tolerance
    latents = torch.randn(64, 6, generator=torch.Generator().manual_seed(2)).to(dtype)
    assert (flow(flow.inverse(latents)) - latents).abs().max() <= tolerance


def test_the_determinant_is_that_of_the_jacobian() -> None:
    flow, values = _trained(torch.float64), _correlated(5, seed=1).double()
    latents, found = flow.with_log_determinant(values)
    assert torch.equal(latents, flow(values))
    for row, value in zip(values, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(flow, row)
        assert value.item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-10)


def test_the_loss_is_the_excess_of_the_negative_log_likelihood_over_the_entropy_of_the_noise() -> None:
    flow, values = _trained(torch.float64), _correlated(50, seed=1).double()
    latents, log_determinant = flow.with_log_determinant(values)
    log_likelihood = torch.distributions.Normal(0.0, 1.0).log_prob(latents).sum(1) + log_determinant
    noise = torch.distributions.Normal(0.0, 0.05).entropy() + flow.sd.log().mean()  # in the units of the values
    assert flow.loss(values, None).item() == pytest.approx((-log_likelihood.mean() / 6 - noise).item(), abs=1e-6)


def test_training_finds_the_density() -> None:
    """A trained flow codes new values better than the best normal distribution with independent values does."""
    values = _correlated(512, seed=1)
    untrained = WindowFlow(n_values=6, depth=4, width=32, seed=0)
    trained = _trained(torch.float32)
    independent = 0.5 * torch.log(2 * torch.pi * torch.e * (values.var(0) + 0.05**2))
    _, log_determinant = trained.with_log_determinant(values)
    log_likelihood = torch.distributions.Normal(0.0, 1.0).log_prob(trained(values)).sum(1) + log_determinant
    assert -log_likelihood.mean() < independent.sum() - 1
    assert trained.loss(values, None) < untrained.loss((values - values.mean(0)) / values.std(0), None)


def test_windows_that_stand_still_leave_everything_finite() -> None:
    reduction = Reduction.of(lookback=16, n_features=2)
    state = train_flow(reduction(torch.ones(30, 16, 2)), depth=2, width=8, seed=0)
    flow = WindowFlow(n_values=reduction.n_values, depth=2, width=8, seed=0)
    flow.load_state_dict(state)
    assert torch.isfinite(flow(reduction(torch.full((3, 16, 2), 7.0)))).all()


def test_construction_and_training_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first = train_flow(_correlated(64), depth=2, width=8, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    second = train_flow(_correlated(64), depth=2, width=8, seed=5)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = train_flow(_correlated(64), depth=2, width=8, seed=6)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(
    ("lookback", "n_features", "expected"), [(96, 7, (18, 7)), (336, 1, (128, 1)), (10, 1, (10, 1)), (96, 321, (8, 16))]
)
def test_a_reduced_window_has_at_most_128_values(lookback: int, n_features: int, expected: tuple[int, int]) -> None:
    reduction = Reduction.of(lookback=lookback, n_features=n_features)
    assert (reduction.n_steps, reduction.n_columns) == expected
    reduced = reduction(torch.randn(4, lookback, n_features))
    assert reduced.shape == (4, reduction.n_values)
    assert reduction.n_values <= 128
    assert reduced.std() > 0.01


def test_reducing_averages_neighbouring_steps_whatever_the_level() -> None:
    windows = torch.arange(32.0).view(1, 32, 1).repeat(1, 1, 8)  # 128 / 8 = 16 steps: pairs of neighbours
    reduced = Reduction.of(lookback=32, n_features=8)(windows)
    expected = (torch.arange(16.0) * 2 + 0.5 - 15.5) / (torch.arange(32.0).var(correction=0) + 1e-5).sqrt()
    assert torch.allclose(reduced.view(8, 16), expected.expand(8, 16), atol=1e-6)
    assert torch.allclose(Reduction.of(lookback=32, n_features=8)(5 * windows + 100), reduced, atol=1e-5)


def test_the_number_of_steps_is_bounded() -> None:
    assert count_steps(BATCH_SIZE) == EPOCHS
    assert count_steps(BATCH_SIZE + 1) == 2 * EPOCHS
    assert count_steps(10**6) == MOST_STEPS


def _prepared(folder: Path, examples: TensorExamples, *, seed: int = 0, **changes: object) -> M2MOEP:
    config = M2MOEPConfig.from_dict({**SMALL, **changes})
    sizes = Sizes(n_features=2, horizon=3, targets=(0, 1), n_examples=len(examples))
    model = M2MOEP(config, sizes, torch.Generator().manual_seed(1))
    model.prepare(examples, Artifacts(folder=folder, data="tiny", seed=seed))
    return model


def _made(folder: Path) -> list[Mapping[str, object]]:
    log = folder / "made.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line.split(" ", 1)[1])[-1] for line in lines]


def test_a_flow_is_trained_once_for_each_distinct_key(tmp_path: Path) -> None:
    examples = _examples()
    first = _prepared(tmp_path, examples)
    second = _prepared(tmp_path, examples, n_experts=3, learning_rate=1e-4, d_model=8, flow="finetuned")
    assert first.flow is not None
    assert second.flow is not None
    assert len(_made(tmp_path)) == 1
    for name, tensor in first.flow.state_dict().items():
        assert torch.equal(tensor, second.flow.state_dict()[name])
    for number, changes in enumerate(({"flow_depth": 3}, {"flow_width": 9}), start=2):
        _prepared(tmp_path, examples, **changes)
        assert len(_made(tmp_path)) == number
    _prepared(tmp_path, examples, seed=1)
    _prepared(tmp_path, _examples(lookback=12), lookback=12)
    assert len(_made(tmp_path)) == 5
    assert {entry["lookback"] for entry in _made(tmp_path)} == {16, 12}


@pytest.mark.parametrize(
    "changes", [{"n_experts": 1, "top_k": 1}, {"gating": "uniform"}, {"flow": "raw"}, {"flow": "untrained"}]
)
def test_no_flow_is_trained_that_nobody_looks_at(tmp_path: Path, changes: dict[str, object]) -> None:
    _prepared(tmp_path, _examples(), **changes)
    assert _made(tmp_path) == []
