import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import optuna
import pytest
import torch
from torch import Tensor

from search_spaces.mamba_gru import FACTORS, PUBLISHED, SPACE
from search_spaces.space import Restricted
from trainables.models.base import Sizes
from trainables.models.mamba_gru import FAMILY, MambaGRU, MambaGRUConfig, _Blend, _LearnedBlend

CONFIG = MambaGRUConfig.from_dict({**PUBLISHED, "lookback": 12, "hidden": 16, "d_state": 4, "dropout": 0.0})
VARIANTS: list[dict[str, Any]] = [
    {},
    {"n_layers": 3},
    {"alpha_shape": "channel"},
    {"alpha_shape": "input"},
    {"fusion": "fixed"},
    {"fusion": "concat"},
    {"fusion": "attention"},
    {"branches": "mamba"},
    {"branches": "min_gru"},
    {"branches": "mamba_widened"},
    {"branches": "min_gru_widened"},
    {"instance_norm": True},
]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As trials train: two threads spend a hundred times as long on such sizes where they wait for a core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _build(n_features: int = 5, horizon: int = 2, targets: tuple[int, ...] = (3, 0), **changes: Any) -> MambaGRU:
    sizes = Sizes(n_features=n_features, horizon=horizon, targets=targets, n_examples=100)
    return MambaGRU(replace(CONFIG, **changes), sizes, torch.Generator().manual_seed(0))


def _windows(batch: int = 4, n_features: int = 5, seed: int = 1) -> Tensor:
    return torch.randn(batch, 12, n_features, generator=torch.Generator().manual_seed(seed))


def _count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("changes", VARIANTS)
def test_every_variant_forecasts_and_learns(changes: dict[str, Any]) -> None:
    """Every parameter gets a gradient, and a few steps on one batch lower its loss."""
    model = _build(**changes)
    windows = _windows(32)
    wanted = windows[:, -2:, [3, 0]]  # the last two steps, so that there is something to learn
    assert model(windows).shape == (32, 2, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for step in range(30):
        loss = model.training_loss(windows, wanted, torch.arange(32), torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_the_layer_is_the_published_formula_on_branches_of_one_scale() -> None:
    model = _build(alpha_init=0.7).double()
    tokens = torch.randn(1, 3, 12, 16, dtype=torch.float64)
    (layer,) = model.layers
    normal = layer.norm(tokens)
    m, g = (torch.nn.functional.layer_norm(branch(normal), (16,)) for branch in (layer.mamba, layer.min_gru))
    weight = 1 / (1 + math.exp(-0.7))
    torch.testing.assert_close(layer(tokens, None), tokens + weight * m + (1 - weight) * g, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", ["layer", "channel"])
def test_the_gradients_of_the_fusion_are_those_of_the_specification(shape: str) -> None:
    """``dm = dy s``, ``dg = dy (1 - s)``, ``da = sum(dy (m - g)) s (1 - s)``: over everything, or over a channel."""
    fusion = _build(alpha_shape=shape, alpha_init=-0.4).double().layers[0].fusion
    m, g, d_y = torch.randn(3, 1, 4, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    m, g = m.requires_grad_(), g.requires_grad_()
    outputs = fusion(torch.zeros_like(m), m, g, training=True)
    d_m, d_g, d_alpha = torch.autograd.grad(outputs, [m, g, fusion.alpha], d_y)
    s = torch.sigmoid(fusion.alpha)
    wanted = (d_y * (m - g) * s * (1 - s)).sum(dim=(0, 1, 2))
    torch.testing.assert_close(d_m, d_y * s, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(d_g, d_y * (1 - s), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(d_alpha, wanted if shape == "channel" else wanted.sum()[None], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("changes", [changes for changes in VARIANTS if "branches" not in changes])
def test_every_fusion_passes_a_numerical_gradient_check(changes: dict[str, Any]) -> None:
    fusion = _build(**changes).double().layers[0].fusion
    values = torch.randn(3, 1, 2, 3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inputs = tuple(part.clone().requires_grad_() for part in values)
    assert torch.autograd.gradcheck(lambda x, m, g: fusion(x, m, g, training=True), inputs)


def test_a_branch_that_speaks_louder_weighs_no_more() -> None:
    model, windows = _build(), _windows()
    before = model(windows)
    with torch.no_grad():
        model.layers[0].mamba.out_proj.weight.mul_(20)
    # The normalisation adds 1e-5 to a variance of about 1e-3, which the louder branch drowns: 1 % of it.
    torch.testing.assert_close(model(windows), before, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("alpha", "branch"), [(40.0, "mamba"), (-40.0, "min_gru")])
def test_at_its_ends_the_blend_is_one_branch(alpha: float, branch: str) -> None:
    hybrid, alone, windows = _build(), _build(branches=branch), _windows()
    alone.load_state_dict(hybrid.state_dict(), strict=False)
    with torch.no_grad():
        hybrid.layers[0].fusion.alpha.fill_(alpha)
    torch.testing.assert_close(hybrid(windows), alone(windows))


@pytest.mark.parametrize("shape", ["layer", "channel", "input"])
def test_the_blend_starts_at_its_value_whatever_the_input(shape: str) -> None:
    model = _build(alpha_shape=shape, alpha_init=-1.5, n_layers=2)
    model(_windows())
    wanted = 1 / (1 + math.exp(1.5))
    assert model.measures() == pytest.approx({"alpha_1": wanted, "alpha_2": wanted, "alpha": wanted})


def test_attention_weighs_the_branches_by_a_softmax() -> None:
    fusion = _build(fusion="attention").layers[0].fusion
    x, m, g = torch.randn(3, 1, 4, 12, 16)
    query = fusion.query(x)
    scores = torch.stack(((query * m).sum(-1), (query * g).sum(-1))) / 4  # the root of 16
    weights = torch.softmax(scores, dim=0).unsqueeze(-1)
    torch.testing.assert_close(fusion(x, m, g, training=True), weights[0] * m + weights[1] * g)


@pytest.mark.parametrize("changes", [{"alpha_shape": "input"}, {"fusion": "attention"}])
def test_a_weight_that_depends_on_the_input_is_measured_over_what_was_evaluated_last(changes: dict[str, Any]) -> None:
    model = _build(**changes)
    for parameter in model.layers[0].fusion.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    assert model.measures() == {}
    model(_windows(8))
    whole = model.measures()["alpha"]
    model(_windows(8, seed=2), torch.Generator())
    assert model.measures() == {}  # a step of training makes a new model
    with torch.inference_mode():
        model(_windows(8)[:3])
        model(_windows(8)[3:])
    assert model.measures()["alpha"] == pytest.approx(whole)
    assert 0 < whole < 1
    assert whole != pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("changes", [{"fusion": "fixed"}, {"fusion": "concat"}, {"branches": "mamba_widened"}])
def test_nothing_is_measured_where_no_weight_is_learned(changes: dict[str, Any]) -> None:
    model = _build(**changes)
    model(_windows())
    assert model.measures() == {}


def test_measures_have_names_that_the_family_declares() -> None:
    model = _build(n_layers=3)
    assert list(model.measures()) == ["alpha_1", "alpha_2", "alpha_3", "alpha"]


@pytest.mark.parametrize("shape", ["layer", "channel", "input"])
def test_alpha_and_what_is_no_weight_of_a_map_are_not_decayed(shape: str) -> None:
    model = _build(alpha_shape=shape, n_layers=2)
    undecayed = {id(parameter) for parameter in model.undecayed()}
    names = {name.split(".", 2)[-1] for name, parameter in model.named_parameters() if id(parameter) in undecayed}
    assert names == {
        "fusion.alpha", "scale", "norm.scale", "norm.shift", "mamba.A_log", "mamba.D", "mamba.dt_bias",
    }  # fmt: skip
    assert len(undecayed) == 2 * len(names)


def test_widened_branches_have_the_size_of_the_hybrid_everywhere_in_the_space() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    space, draw = Restricted(space=SPACE), torch.Generator().manual_seed(0)
    worst = 0.0
    for number in range(60):
        config = MambaGRUConfig.from_dict(space.configure(study.ask())[0])
        if number % 3 == 0:
            config = replace(config, hidden=16)  # where a unit of width is the largest part of the model
        fusion = ("learned", "fixed", "concat", "attention")[number % 4]
        n_features, horizon, n_targets = (int(torch.randint(1, high, (), generator=draw)) for high in (40, 97, 8))
        sizes = Sizes(
            n_features=n_features,
            horizon=1 if number % 2 else horizon,
            targets=tuple(range(min(n_targets, n_features))),
            n_examples=9,
        )
        both, *widened = (
            _count(MambaGRU(replace(config, fusion=fusion, branches=branches), sizes, torch.Generator()))
            for branches in ("both", "mamba_widened", "min_gru_widened")
        )
        worst = max(worst, *(abs(count / both - 1) for count in widened))
    assert worst < 0.02


def test_widening_changes_the_width_of_the_branch_and_nothing_else() -> None:
    for branch in ("mamba", "min_gru"):
        narrow, wide = _build(branches=branch), _build(branches=f"{branch}_widened")
        assert _count(narrow) < _count(wide)
        assert list(narrow.state_dict()) == list(wide.state_dict())
        same = {name for name, value in narrow.state_dict().items() if value.shape == wide.state_dict()[name].shape}
        assert {name for name in narrow.state_dict() if f"{branch}." not in name} <= same


def test_the_published_model_has_the_parameters_that_its_shapes_say() -> None:
    sizes = Sizes(n_features=1, horizon=1, targets=(0,), n_examples=1)
    model = MambaGRU(MambaGRUConfig.from_dict(PUBLISHED), sizes, torch.Generator())
    h, e, n, k, r = 64, 128, 16, 4, 4
    mamba = h * 2 * e + e * (k + 1) + e * (r + 2 * n) + (r + 1) * e + e * n + e + e * h
    min_gru = h * 2 * e + 2 * e + e * h + h
    assert _count(model) == (h + h) + (h + 1) + (2 * h + mamba + min_gru + 1 + h)


def test_with_instance_norm_a_forecast_follows_level_and_unit_of_its_window() -> None:
    model, windows = _build(instance_norm=True).double(), _windows().double()
    level, unit = torch.tensor([1.0, -20.0, 0.0, 300.0, 5.0]), torch.tensor([2.0, 1.0, 0.5, 40.0, 3.0])
    forecasts, moved = model(windows), model(level + unit * windows)
    torch.testing.assert_close(moved, level[[3, 0]] + unit[[3, 0]] * forecasts, rtol=1e-4, atol=1e-3)


def test_a_forecast_does_not_depend_on_the_batch_it_is_in() -> None:
    for changes in ({"n_layers": 2}, {"instance_norm": True, "alpha_shape": "input"}, {"fusion": "attention"}):
        model, windows = _build(**changes), _windows(6)
        alone = torch.cat([model(window[None]) for window in windows])
        torch.testing.assert_close(model(windows), alone)


@pytest.mark.parametrize("changes", VARIANTS)
def test_every_variant_runs_under_autocast(changes: dict[str, Any]) -> None:
    model, windows = _build(**changes), _windows()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        forecasts = model(windows).float()
    wanted = model(windows)
    assert (forecasts - wanted).norm() < 0.05 * wanted.norm()  # bfloat16 has 8 bits
    gradients = torch.autograd.grad(forecasts.square().sum(), list(model.parameters()))
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


def test_weights_and_dropout_follow_from_their_generators() -> None:
    first, second, windows = _build(dropout=0.3), _build(dropout=0.3), _windows()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(first(windows), first(windows))
    dropped = first(windows, torch.Generator().manual_seed(1))
    assert torch.equal(dropped, second(windows, torch.Generator().manual_seed(1)))
    assert not torch.allclose(dropped, first(windows))


def test_the_state_is_the_whole_model() -> None:
    model, windows = _build(alpha_shape="input"), _windows()
    other = MambaGRU(model.config, Sizes(n_features=5, horizon=2, targets=(3, 0), n_examples=1), torch.Generator())
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(windows), model(windows))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden": 0}, "`hidden` is 0"),
        ({"n_layers": 0}, "`n_layers` is 0"),
        ({"alpha_init": 11}, "`alpha_init` is 11"),
        ({"dropout": 1.0}, "below 1"),
        ({"branches": "mamba_gru"}, "one of both, mamba, min_gru, mamba_widened, min_gru_widened"),
        ({"lookback": 0}, "`lookback` is 0"),
        ({"gradient_clip": 0}, "`gradient_clip` is 0"),
        ({"instance_norm": 1}, "true or false"),
    ],
)
def test_wrong_values_are_refused_by_name(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match="(?s).*") as caught:
        MambaGRUConfig.from_dict({**PUBLISHED, **changes})
    assert said in str(caught.value)


def test_every_arm_builds() -> None:
    for factor in FACTORS:
        for level in factor.levels:
            config = MambaGRUConfig.from_dict({**PUBLISHED, **level.changes})
            model = FAMILY.build(config, Sizes(n_features=2, horizon=1, targets=(0,), n_examples=1), torch.Generator())
            assert model(torch.randn(2, config.lookback, 2)).shape == (2, 1, 1)


def test_the_blend_is_asked_for_only_where_one_is_learned() -> None:
    about_alpha = {"alpha_shape", "alpha_init"}

    def searched(**fixed: object) -> set[str]:
        return {parameter.name for parameter in Restricted(space=SPACE, fixed=fixed).parameters}

    assert about_alpha <= searched()
    for fixed in ({"branches": "mamba"}, {"branches": "min_gru_widened"}, {"fusion": "concat"}, {"fusion": "fixed"}):
        assert not about_alpha & searched(**fixed)
        assert not about_alpha & Restricted(space=SPACE).active({**PUBLISHED, **fixed})


def test_the_first_wanted_step_cuts_and_changes_nothing() -> None:
    model = _build()
    tokens = torch.randn(1, 3, 12, 16)
    (layer,) = model.layers
    assert isinstance(layer.fusion, _LearnedBlend)
    assert isinstance(layer.fusion, _Blend)
    torch.testing.assert_close(layer(tokens, None, first=-1), layer(tokens, None)[:, :, -1:])
    torch.testing.assert_close(layer(tokens, None, first=4), layer(tokens, None)[:, :, 4:])
