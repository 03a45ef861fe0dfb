"""The block against the published formulas, written down as plain loops in float64."""

import math

import pytest
import torch
from torch import Tensor

from trainables.models.mamba import SMALLEST_STEP, STEP_RANGE, MambaBlock


def _build(n_groups: int = 2, n_scales: int = 1, width: int = 20, seed: int = 0) -> MambaBlock:
    generator = torch.Generator().manual_seed(seed)
    block = MambaBlock(
        n_groups=n_groups, width=width, inner=14, n_states=5, n_taps=3, n_scales=n_scales, generator=generator
    )
    return block.double()


def _tokens(n_groups: int = 2, batch: int = 3, length: int = 11, width: int = 20) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_groups, batch, length, width, generator=generator, dtype=torch.float64)


def _loop(block: MambaBlock, tokens: Tensor) -> Tensor:
    """Gu and Dao 2023, algorithm 2 and figure 3, for one group, one series and one step size at a time."""
    outputs = torch.zeros_like(tokens)
    scales = torch.zeros(len(tokens), 1) if block.log_scales is None else block.log_scales
    for g, series in enumerate(tokens):
        for b, sequence in enumerate(series):
            x, z = (sequence @ block.in_proj.weight[g]).chunk(2, dim=-1)
            x = torch.nn.functional.silu(_convolve(x, block.conv_weight[g], block.conv_bias[g]))
            y = torch.stack([_scan(block, g, x, scale.exp()) for scale in scales[g]]).mean(dim=0)
            outputs[g, b] = (y * torch.nn.functional.silu(z)) @ block.out_proj.weight[g]
    return outputs


def _convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The last tap sees the present step."""
    n_taps = weight.shape[1]
    steps = []
    for t in range(len(x)):
        step = bias
        for k in range(n_taps):
            past = t - (n_taps - 1 - k)
            if past >= 0:
                step = step + weight[:, k] * x[past]
        steps.append(step)
    return torch.stack(steps)


def _scan(block: MambaBlock, g: int, x: Tensor, scale: Tensor) -> Tensor:
    a = -torch.exp(block.A_log[g])  # [E, N]
    state = torch.zeros_like(a)
    steps = []
    for x_t in x:
        low_rank, b_t, c_t = (x_t @ block.x_proj.weight[g]).split([block.rank, block.n_states, block.n_states])
        delta = scale * torch.log1p(torch.exp(low_rank @ block.dt_proj[g] + block.dt_bias[g, 0]))
        state = torch.exp(delta[:, None] * a) * state + delta[:, None] * b_t * x_t[:, None]
        steps.append(state @ c_t + block.D[g] * x_t)
    return torch.stack(steps)


@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("n_scales", [1, 3])
def test_outputs_and_gradients_are_those_of_the_published_formulas(n_groups: int, n_scales: int) -> None:
    block, tokens = _build(n_groups, n_scales), _tokens(n_groups).requires_grad_()
    wanted = _loop(block, tokens)
    outputs = block(tokens)
    torch.testing.assert_close(outputs, wanted, rtol=1e-10, atol=1e-12)
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    inputs = [tokens, *block.parameters()]
    for own, plain in zip(
        torch.autograd.grad((outputs * weights).sum(), inputs),
        torch.autograd.grad((wanted * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, plain, rtol=1e-9, atol=1e-11)


def test_a_group_sees_its_own_tokens_and_weights_alone() -> None:
    block, tokens = _build(n_scales=2), _tokens()
    changed = tokens.clone()
    changed[0] += 1
    assert torch.equal(block(changed)[1], block(tokens)[1])
    with torch.no_grad():
        before = block(tokens)
        for parameter in block.parameters():
            parameter[0] += 0.1
        after = block(tokens)
    assert torch.equal(after[1], before[1])
    assert not torch.allclose(after[0], before[0])


def test_scales_start_at_doublings_and_learn() -> None:
    block = _build(n_scales=4)
    assert block.log_scales is not None
    torch.testing.assert_close(block.log_scales.exp(), torch.tensor([[1.0, 2.0, 4.0, 8.0]] * 2).double())
    (gradient,) = torch.autograd.grad(block(_tokens()).square().sum(), [block.log_scales])
    assert (gradient != 0).all()


def test_every_parameter_learns() -> None:
    for n_scales in (1, 2):
        block = _build(n_scales=n_scales)
        gradients = torch.autograd.grad(block(_tokens()).square().sum(), list(block.parameters()))
        assert all((gradient != 0).any() for gradient in gradients)


def test_starts_as_published() -> None:
    block = _build(width=40)
    assert block.rank == 3
    torch.testing.assert_close(block.A_log.exp(), torch.arange(1.0, 6.0).double().expand(2, 14, 5))
    assert (block.D == 1).all()
    steps = torch.nn.functional.softplus(block.dt_bias)
    assert (steps >= max(SMALLEST_STEP, STEP_RANGE[0]) * 0.999).all()
    assert (steps <= STEP_RANGE[1] * 1.001).all()
    assert block.dt_proj.abs().max() <= 1 / math.sqrt(block.rank)


def test_weights_follow_from_the_generator() -> None:
    first, second, other = _build(), _build(), _build(seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.in_proj.weight, other.in_proj.weight)


def test_float32_is_close_to_float64() -> None:
    block, tokens = _build(n_scales=2), _tokens(length=200)
    wanted = block(tokens)
    torch.testing.assert_close(block.float()(tokens.float()).double(), wanted, rtol=1e-3, atol=1e-5)


def test_agrees_with_the_authors_block() -> None:
    try:
        from mamba_ssm.modules.mamba_simple import Mamba
    except ImportError as error:
        pytest.skip(f"mamba_ssm cannot be imported here: {error}")
    if not torch.cuda.is_available():
        pytest.skip("mamba_ssm's kernels run on CUDA only")
    theirs = Mamba(d_model=20, d_state=5, d_conv=3, expand=2, use_fast_path=False, device="cuda")
    ours = MambaBlock(n_groups=1, width=20, inner=40, n_states=5, n_taps=3, n_scales=1, generator=torch.Generator())
    ours.load_state_dict(_as_ours(theirs.state_dict()))
    tokens = _tokens(n_groups=1).float().cuda()
    torch.testing.assert_close(ours.cuda()(tokens)[0], theirs(tokens[0]), rtol=1e-3, atol=1e-5)


def _as_ours(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their linear maps are ``[out, in]`` and know no groups."""
    return {
        "in_proj.weight": theirs["in_proj.weight"].T[None],
        "conv_weight": theirs["conv1d.weight"][:, 0][None],
        "conv_bias": theirs["conv1d.bias"][None],
        "x_proj.weight": theirs["x_proj.weight"].T[None],
        "dt_proj": theirs["dt_proj.weight"].T[None],
        "dt_bias": theirs["dt_proj.bias"][None, None],
        "A_log": theirs["A_log"][None],
        "D": theirs["D"][None],
        "out_proj.weight": theirs["out_proj.weight"].T[None],
    }


@pytest.mark.parametrize("n_scales", [1, 2])
def test_under_autocast_only_products_are_rounded(n_scales: int) -> None:
    block, tokens = _build(n_scales=n_scales).float(), _tokens(length=200).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = block(tokens).float()
    wanted = block(tokens)
    # bfloat16 has 8 bits, and an output is a chain of four products.
    assert (outputs - wanted).norm() < 0.03 * wanted.norm()
    gradients = torch.autograd.grad(outputs.square().sum(), list(block.parameters()))
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)
