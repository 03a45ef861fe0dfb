import pytest
import torch
from looped_lightmmoe import LoopedLightMMoE, copy_weights

from search_spaces.lightmmoe import FACTORS, PUBLISHED
from tests.conftest import TINY
from trainables.models.base import Sizes
from trainables.models.lightmmoe import LightMMoE, LightMMoEConfig

N_FEATURES = 38


def _build(n_features: int = N_FEATURES, **changes: object) -> LightMMoE:
    config = LightMMoEConfig.from_dict({**PUBLISHED, **changes})
    return LightMMoE(config, Sizes.one_step(n_features), torch.Generator().manual_seed(0))


def _count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("n_experts", "expected"), [(1, 88_222), (2, 136_278), (4, 232_390), (8, 424_614)])
def test_parameter_counts_are_the_published_ones(n_experts: int, expected: int) -> None:
    assert _count(_build(n_experts=n_experts)) == expected


def test_every_arm_builds_and_predicts() -> None:
    windows = torch.randn(3, 64, N_FEATURES)
    for factor in FACTORS:
        for level in factor.levels:
            model = _build(**level.changes)
            assert model(windows[:, -model.config.window :]).shape == (3, N_FEATURES)


def test_outputs_and_gradients_equal_the_looped_form() -> None:
    config = LightMMoEConfig.from_dict({**PUBLISHED, "expert_dropout": 0.0, "tower_dropout": 0.0})
    torch.manual_seed(0)  # the looped form is the report's, which draws from the global generator
    looped = LoopedLightMMoE(config, N_FEATURES)
    batched = LightMMoE(config, Sizes.one_step(N_FEATURES), torch.Generator())
    copy_weights(looped, batched)
    windows, targets = torch.randn(64, 16, N_FEATURES), torch.randn(64, N_FEATURES)
    predictions = batched(windows)
    assert torch.allclose(predictions, looped(windows), atol=1e-5)
    torch.nn.functional.mse_loss(predictions, targets).backward()
    torch.nn.functional.mse_loss(looped(windows), targets).backward()
    first = looped.experts[0].fc1.weight.grad
    assert torch.allclose(batched.expert_hidden.grad[0].T, first, atol=1e-6)
    assert torch.allclose(batched.gate.specific.grad[5].T, looped.w_gates[5].grad, atol=1e-6)
    assert torch.allclose(batched.gate.shared.grad.T, looped.share_gate.grad, atol=1e-6)
    assert torch.allclose(batched.extractor.weight.grad[:8], looped.experts[0].conv.weight.grad[:, 0, :, 0], atol=1e-6)


def test_weights_follow_from_the_generator() -> None:
    first, second = _build(), _build()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_dropout_only_with_a_generator() -> None:
    model, windows = _build(), torch.randn(4, 16, N_FEATURES)
    assert torch.equal(model(windows), model(windows))
    assert not torch.allclose(model(windows), model(windows, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"expert_kind": "dual"},
        {"expert_kind": "none"},
        {"towers": "shared"},
        {"gate": "specific"},
        {"gate": "shared"},
        {"gate": "average"},
        {"sg_ratio_learned": True},
        {"n_experts": 1},
    ],
)
def test_every_variant_learns(changes: dict[str, object]) -> None:
    """Every parameter gets a gradient, and a few steps on one batch lower its loss."""
    model = LightMMoE(
        LightMMoEConfig.from_dict({**TINY, **changes}), Sizes.one_step(4), torch.Generator().manual_seed(0)
    )
    generator = torch.Generator().manual_seed(1)
    windows, targets = torch.randn(32, 8, 4, generator=generator), torch.randn(32, 4, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.mse_loss(model(windows), targets)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_average_gate_has_no_gate_parameters() -> None:
    assert _count(_build(gate="average")) == 232_390 - 39 * 16 * 4


def test_shared_gate_weighs_all_features_by_the_same_map() -> None:
    gate = _build(gate="shared").gate
    one_feature = torch.randn(1, 5, 16)
    weights = gate(one_feature.expand(N_FEATURES, 5, 16))
    assert torch.allclose(weights, weights[:1].expand_as(weights))
    assert torch.allclose(weights.sum(1), torch.ones(N_FEATURES, 5))


def test_learned_ratio_starts_at_its_value() -> None:
    fixed, learned = _build().gate, _build(sg_ratio_learned=True).gate
    window = torch.randn(N_FEATURES, 2, 16)
    assert torch.allclose(fixed(window), learned(window), atol=1e-6)


def test_dual_sees_the_neighbouring_feature_and_conv_does_not() -> None:
    windows = torch.randn(1, 16, N_FEATURES)
    changed = windows.clone()
    changed[0, :, 3] += 1.0
    for kind, sees in (("conv", False), ("dual", True)):
        extractor = _build(expert_kind=kind).extractor
        difference = extractor(changed, None) - extractor(windows, None)
        by_feature = difference.view(4, 1, 8, N_FEATURES).abs().sum(dim=(0, 1, 2))
        assert (by_feature[2] > 0).item() is sees
        assert (by_feature[5] > 0).item() is False
