import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from search_spaces.m2moep import DEFAULTS, FACTORS
from tests.trainables.models.examples import TensorExamples
from trainables.artifacts import Artifacts
from trainables.models.base import Sizes
from trainables.models.m2moep import M2MOEP
from trainables.models.m2moep_config import M2MOEPConfig
from trainables.models.m2moep_experts import Experts, ExpertSizes

TINY = {
    **DEFAULTS,
    "lookback": 20,
    "n_experts": 3,
    "d_model": 6,
    "d_state": 3,
    "n_scales": 2,
    "fft_modes": 3,
    "embedding": 4,
    "flow_depth": 2,
    "flow_width": 8,
}
SIZES = Sizes(n_features=4, horizon=5, targets=(2, 0), n_examples=24)
ARMS = [
    pytest.param(dict(level.changes), id=f"{factor.name} {level.name}") for factor in FACTORS for level in factor.levels
]
TOKENS = ("variates", "patches", "time")


def _examples(lookback: int = 20) -> TensorExamples:
    generator = torch.Generator().manual_seed(3)
    series = torch.randn(SIZES.n_examples, lookback + SIZES.horizon, SIZES.n_features, generator=generator).cumsum(1)
    return TensorExamples(windows=series[:, :lookback], wanted=series[:, lookback:, list(SIZES.targets)])


def _build(*, seed: int = 0, **changes: object) -> M2MOEP:
    config = M2MOEPConfig.from_dict({**TINY, **changes})
    return M2MOEP(config, SIZES, torch.Generator().manual_seed(seed))


def _prepared(folder: Path, **changes: object) -> M2MOEP:
    model = _build(**changes)
    model.prepare(_examples(model.config.lookback), Artifacts(folder=folder, data="tiny", seed=0))
    return model


def _learned(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _train(model: M2MOEP, optimizer: torch.optim.Optimizer, epochs: range) -> list[float]:
    """A plain training loop: batches of eight in order, dropout by epoch."""
    examples, losses = _examples(model.config.lookback), []
    for epoch in epochs:
        model.begin_epoch(epoch, examples)
        generator = torch.Generator().manual_seed(epoch)
        for batch in torch.arange(len(examples)).split(8):
            loss = model.training_loss(*examples.take(batch), batch, generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("changes", ARMS)
def test_every_arm_trains_over_every_kind_of_token(tmp_path: Path, tokens: str, changes: dict[str, object]) -> None:
    """Every parameter that learns gets a gradient, all of it finite, from the first epoch's loss or the second's."""
    model = _prepared(tmp_path, **{"tokens": tokens, **changes})
    examples, indices = _examples(), torch.arange(SIZES.n_examples)
    reached: set[str] = set()
    for epoch in (1, 2):
        model.begin_epoch(epoch, examples)
        loss = model.training_loss(*examples.take(indices), indices, torch.Generator().manual_seed(epoch))
        names, parameters = zip(*_learned(model).items(), strict=True)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        reached |= {name for name, gradient in zip(names, gradients, strict=True) if gradient.ne(0).any()}
    assert reached == set(_learned(model))
    inputs, wanted = examples.take(indices)
    assert model(inputs).shape == wanted.shape
    assert model.forecast_each(inputs).shape == (model.config.n_experts, *wanted.shape)


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("lookback", [8, 17, 33])
def test_any_lookback_gives_the_right_shape(tokens: str, lookback: int) -> None:
    assert _build(tokens=tokens, lookback=lookback)(torch.randn(2, lookback, 4)).shape == (2, 5, 2)


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("core", ["mamba", "min_gru", "linear"])
def test_the_mixture_equals_a_loop_over_experts(tokens: str, core: str) -> None:
    model = _build(tokens=tokens, expert_core=core, n_layers=2).double()
    model.routed.fill_(True)
    inputs = _examples().windows.double()
    level_mean, level_sd = inputs.mean(1, keepdim=True), (inputs.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    windows = (inputs - level_mean) / level_sd
    assert model.modes is not None
    assert model.gate is not None
    assert model.flow is not None
    weights = model.gate(model.flow(model.reduction(inputs))).weights
    expected = torch.zeros(24, 5, 2, dtype=torch.float64)
    for expert in range(3):
        forecast = _single(model, expert)(windows, model.modes(windows), None)[0]
        forecast = forecast * level_sd[:, :, [2, 0]] + level_mean[:, :, [2, 0]]
        expected += weights[:, expert, None, None] * forecast
    assert (model(inputs) - expected).abs().max() < 1e-12


def _single(model: M2MOEP, expert: int) -> Experts:
    """One expert as a network of its own: its slice of every parameter; the spectral layer belongs to all."""
    config = model.config
    chosen = ExpertSizes(
        n_experts=1,
        tokens=config.tokens,
        core=config.expert_core,
        lookback=config.lookback,
        width=config.d_model,
        n_states=config.d_state,
        n_layers=config.n_layers,
        n_scales=config.n_scales,
        dropout=0.0,
        n_spectral=9,
    )
    single = Experts(chosen, SIZES, torch.Generator()).double()
    state = {
        name: tensor if name.startswith("spectral") else tensor[expert :: config.n_experts]
        for name, tensor in model.experts.state_dict().items()
    }
    single.load_state_dict(state)
    return single


def test_an_expert_over_variates_is_what_its_formulas_say() -> None:
    model = _build(n_experts=1, top_k=1, expert_core="linear", instance_norm=False, fft="none").double()
    inputs = _examples().windows.double()
    state = {name: tensor[0] for name, tensor in model.experts.state_dict().items()}

    def linear(name: str, values: Tensor) -> Tensor:
        return values @ state[f"{name}.weight"] + state[f"{name}.bias"]

    def norm(name: str, values: Tensor) -> Tensor:
        scale, shift = (state[f"{name}.{part}"].squeeze() for part in ("scale", "shift"))
        return nn.functional.layer_norm(values, (6,), scale, shift)

    tokens = linear("tokens.window", inputs.transpose(1, 2))
    tokens = norm("layers.0.norm_mixed", tokens + linear("layers.0.core", tokens))
    hidden = torch.relu(linear("layers.0.hidden", tokens))
    tokens = norm("layers.0.norm_fed", tokens + linear("layers.0.outer", hidden))
    expected = linear("tokens.head", tokens[:, [2, 0]]).transpose(1, 2)
    assert (model(inputs) - expected).abs().max() < 1e-12


def test_columns_are_read_in_both_directions_and_time_in_one() -> None:
    """With columns as tokens each forecast depends on every column; with steps, no token on a later step."""
    for tokens, sees_others in (("variates", True), ("patches", False)):
        model, inputs = _build(tokens=tokens, n_experts=1, top_k=1), _examples().windows
        changed = inputs.clone()
        changed[:, :10, 3] += 3.0  # not a target, and the last column
        assert (model(changed) - model(inputs)).abs().max().gt(1e-6).item() is sees_others


def test_instance_normalised_forecasts_move_with_their_window() -> None:
    inputs = _examples().windows
    for instance_norm in (True, False):
        model = _build(instance_norm=instance_norm, n_experts=1, top_k=1)
        moved = model(3 * inputs + 50)
        assert torch.allclose(moved, 3 * model(inputs) + 50, atol=1e-2) is instance_norm


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"instance_norm": False}, ()),
        ({"top_k": 1}, ()),
        ({"own_loss": 0.0}, ()),
        ({"temperature": 0.1, "triplet_margin": 1.0, "pseudo_label_refresh": 3}, ()),
        ({"fft": "none"}, ("modes", "experts.spectral")),
        ({"fft": "learned"}, ("modes", "filter", "experts.spectral")),
        ({"n_scales": 1}, ("experts.layers.0.core.log_scales",)),
        ({"expert_core": "min_gru"}, ("experts.layers.0.core",)),
        ({"expert_core": "linear"}, ("experts.layers.0.core",)),
        ({"gating": "softmax"}, ("gate.score",)),
        ({"gating": "random"}, ("gate", "pseudo_labels", "loss_weights", "routed")),
        ({"gating": "uniform"}, ("gate", "flow", "pseudo_labels", "loss_weights", "routed")),
        ({"flow": "untrained"}, ()),
        ({"flow": "finetuned"}, ("loss_weights",)),
        ({"flow": "raw"}, ("flow",)),
        ({"pseudo_labels": "frozen"}, ()),
        ({"pseudo_labels": "random"}, ("pseudo_labels.labels",)),
        ({"loss_weights": "fixed"}, ("loss_weights",)),
    ],
)
def test_a_switch_changes_only_its_part(changes: dict[str, object], parts: tuple[str, ...]) -> None:
    before, after = _build().state_dict(), _build(**changes).state_dict()
    differ = {
        name
        for name in before.keys() | after.keys()
        if name not in before or name not in after or not torch.equal(before[name], after[name])
    }
    assert all(any(name.startswith(part) for part in parts) for name in differ)
    assert all(any(name.startswith(part) for name in differ) for part in parts)


def test_weights_follow_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = _build().state_dict()
    torch.manual_seed(2)
    second, other = _build().state_dict(), _build(seed=1).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["experts.tokens.window.weight"], other["experts.tokens.window.weight"])
    assert not torch.equal(first["gate.score.points"], other["gate.score.points"])


@pytest.mark.parametrize("flow", ["pretrained", "finetuned"])
def test_going_on_from_a_checkpoint_equals_not_stopping(tmp_path: Path, flow: str) -> None:
    unbroken = _prepared(tmp_path, flow=flow, pseudo_label_refresh=2)
    optimizer = torch.optim.Adam(_learned(unbroken).values(), lr=1e-2)
    _train(unbroken, optimizer, range(1, 4))
    stopped = copy.deepcopy((unbroken.state_dict(), optimizer.state_dict()))
    expected = _train(unbroken, optimizer, range(4, 6))
    resumed = _build(flow=flow, pseudo_label_refresh=2, seed=7)
    resumed.load_state_dict(stopped[0])
    optimizer = torch.optim.Adam(_learned(resumed).values(), lr=1e-2)
    optimizer.load_state_dict(stopped[1])
    assert _train(resumed, optimizer, range(4, 6)) == expected
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, unbroken.state_dict()[name])
    assert resumed.measures() == unbroken.measures()


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    model = _prepared(tmp_path)
    losses = _train(model, torch.optim.Adam(_learned(model).values(), lr=5e-3), range(1, 16))
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_a_frozen_flow_stays_as_it_was_trained(tmp_path: Path) -> None:
    for flow, moves in (("pretrained", False), ("untrained", False), ("finetuned", True)):
        model = _prepared(tmp_path, flow=flow)
        assert model.flow is not None
        before = copy.deepcopy(model.flow.state_dict())
        _train(model, torch.optim.Adam(_learned(model).values(), lr=1e-2), range(1, 3))
        changed = any(not torch.equal(tensor, before[name]) for name, tensor in model.flow.state_dict().items())
        assert changed is moves


def test_the_first_epoch_uses_all_experts_alike() -> None:
    model, examples = _build(), _examples()
    model.begin_epoch(1, examples)
    each = model.forecast_each(examples.windows)
    assert torch.allclose(model(examples.windows), each.mean(0), atol=1e-6)
    model.begin_epoch(2, examples)
    assert not torch.allclose(model(examples.windows), each.mean(0), atol=1e-4)
    uniform = _build(gating="uniform")
    uniform.begin_epoch(2, examples)
    assert torch.allclose(uniform(examples.windows), each.mean(0), atol=1e-6)


@pytest.mark.parametrize("own_loss", [0.0, 0.3, 1.0])
def test_the_forecast_loss_blends_the_errors_of_the_mixture_and_of_the_experts(own_loss: float) -> None:
    model, examples = _build(own_loss=own_loss, loss_weights="fixed"), _examples()
    inputs, wanted = examples.windows, examples.wanted
    own = (model.forecast_each(inputs) - wanted).square().mean().item()
    for epoch, share in ((1, 1.0), (2, own_loss)):  # in the warm-up every expert learns from every window
        model.begin_epoch(epoch, examples)
        total = model.training_loss(inputs, wanted, torch.arange(24), None).item()
        mixture = (model(inputs) - wanted).square().mean().item()
        measures = model.measures()
        assert measures["forecast_loss"] == pytest.approx(mixture, rel=1e-5)
        assert own > mixture  # by how much the experts differ
        rest = measures["triplet_loss"] + measures["balance_loss"]
        assert total == pytest.approx(rest + share * own + (1 - share) * mixture, rel=1e-5)


def test_labels_are_the_experts_with_least_error_whatever_dropout_does() -> None:
    model, examples = _build(dropout=0.5), _examples()
    model.begin_epoch(1, examples)
    assert model.pseudo_labels is not None
    assert model.pseudo_labels.labels.tolist() == [-1] * 24
    model.begin_epoch(2, examples)
    errors = (model.forecast_each(examples.windows) - examples.wanted).square().mean(dim=(2, 3))
    labelled = model.pseudo_labels.labels >= 0
    assert labelled.sum() > 12
    assert torch.equal(model.pseudo_labels.labels[labelled], errors.argmin(0)[labelled])


def test_measures_tell_how_the_experts_were_used(tmp_path: Path) -> None:
    model = _prepared(tmp_path)
    optimizer = torch.optim.Adam(_learned(model).values(), lr=1e-3)
    _train(model, optimizer, range(1, 2))
    first = model.measures()
    assert [first[f"expert_usage_{expert}"] for expert in range(3)] == pytest.approx([1 / 3] * 3)
    assert "label_agreement" not in first
    _train(model, optimizer, range(2, 4))
    later = model.measures()
    for name in ("expert_usage", "expert_top1_share"):
        assert sum(later[f"{name}_{expert}"] for expert in range(3)) == pytest.approx(1)
    assert 0 <= later["label_agreement"] <= 1
    assert 0 < later["labelled_share"] <= 1
    assert 0 <= later["label_changes"] <= 1
    assert 0 <= later["triplet_violations"] <= 1
    assert {name for name in later if name.startswith("loss_weight")} == {
        "loss_weight_forecast",
        "loss_weight_triplet",
        "loss_weight_balance",
    }
    alone = _build(n_experts=1, top_k=1)
    _train(alone, torch.optim.Adam(_learned(alone).values(), lr=1e-3), range(1, 2))
    assert set(alone.measures()) == {"forecast_loss"}


def test_dropout_only_with_a_generator() -> None:
    model, inputs = _build(), _examples().windows
    assert torch.equal(model(inputs), model(inputs))
    assert not torch.allclose(model(inputs), model(inputs, torch.Generator().manual_seed(1)))
    first, second = (model(inputs, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)


def test_weight_decay_leaves_alone_what_is_no_weight() -> None:
    model = _build()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    undecayed = {names[id(parameter)] for parameter in model.undecayed()}
    assert {"loss_weights.unbounded", "gate.score.points"} <= undecayed
    assert {name.rsplit(".", 1)[1] for name in undecayed} >= {"A_log", "D", "dt_bias", "log_scales"}
    assert not any(name.endswith("weight") for name in undecayed)


def test_a_single_expert_has_no_gate() -> None:
    model = _build(n_experts=1, top_k=1)
    assert (model.gate, model.flow, model.pseudo_labels) == (None, None, None)
    assert model.config.losses == ("forecast",)


@pytest.mark.parametrize(
    "changes", [{"top_k": 4}, {"n_experts": 0}, {"dropout": 1.0}, {"triplet_margin": 2.5}, {"temperature": 0.0}]
)
def test_a_value_outside_its_rule_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        M2MOEPConfig.from_dict({**TINY, **changes})
