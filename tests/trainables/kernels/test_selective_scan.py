"""The scan, and so ``chunked_scan.py``, against the plain loop, in float64 unless said otherwise; fixed seeds."""

import importlib

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from looped_scan import selective_scan_reference
from torch import Tensor

from trainables.kernels.selective_scan import _scan_by_kernel, selective_scan

NAMES = ("inputs", "step_sizes", "decay", "input_weights", "output_weights", "skip")

SHAPES = [  # G, B, L, D, N
    (1, 1, 1, 1, 1),
    (3, 2, 1, 4, 3),  # no step before the first
    (2, 3, 7, 5, 1),
    (2, 3, 16, 4, 3),  # one chunk exactly
    (1, 2, 17, 4, 3),  # and a chunk of one step
    (4, 1, 37, 3, 2),
    (5, 4, 16, 128, 8),  # blocks of three groups and two
    (2, 70, 18, 64, 8),  # blocks of 24 rows, then 22
    (1, 3, 19, 2048, 16),  # chunks of 8 steps
    (1, 2, 5, 16384, 16),  # a row larger than a work buffer
]


def _draw(shape: tuple[int, ...], *, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
    n_groups, batch, length, n_channels, n_states = shape
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, dtype=torch.float64, generator=generator).to(dtype)

    return [
        normal(n_groups, batch, length, n_channels).requires_grad_(),
        F.softplus(normal(n_groups, batch, length, n_channels) - 1).requires_grad_(),
        (-torch.exp(normal(n_groups, n_channels, n_states))).requires_grad_(),
        normal(n_groups, batch, length, n_states).requires_grad_(),
        normal(n_groups, batch, length, n_states).requires_grad_(),
        normal(n_groups, n_channels).requires_grad_(),
    ]


def _assert_equal_with_gradients(ours: Tensor, reference: Tensor, arguments: list[Tensor], tolerance: float) -> None:
    assert torch.allclose(ours, reference, rtol=tolerance, atol=tolerance)
    upstream = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(ours)
    for name, mine, theirs in zip(
        NAMES,
        torch.autograd.grad(ours, arguments, upstream),
        torch.autograd.grad(reference, arguments, upstream),
        strict=True,
    ):
        scale = max(1.0, float(theirs.abs().max()))
        assert float((mine - theirs).abs().max()) <= tolerance * scale, name


def test_two_steps_by_hand() -> None:
    def row(*values: float) -> Tensor:
        return torch.tensor(values, dtype=torch.float32).reshape(1, 1, -1, 1)

    half_life = torch.full((1, 1, 1), -torch.log(torch.tensor(2.0)).item())  # a step of 1 halves the state
    outputs = selective_scan(row(3, 5, 7), row(1, 2, 0), half_life, row(1, 10, 9), row(1, 1, 2), torch.tensor([[0.5]]))
    # h = 1*1*3 = 3; then 3/4 + 2*10*5 = 100.75; a step of 0 keeps it.  y = C h + u/2
    assert outputs.flatten().tolist() == pytest.approx([3 + 1.5, 100.75 + 2.5, 201.5 + 3.5])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_equal_the_loop(shape: tuple[int, ...]) -> None:
    arguments = _draw(shape)
    _assert_equal_with_gradients(
        selective_scan(*arguments), selective_scan_reference(*arguments), arguments, tolerance=1e-11
    )


@pytest.mark.parametrize("shape", [(2, 3, 7, 8, 16), (1, 4, 336, 8, 16)], ids=str)
def test_float32_keeps_its_digits(shape: tuple[int, ...]) -> None:
    """exp2 in place of exp must not cost accuracy: both are compared with float64."""
    exact = _draw(shape)
    single = [argument.detach().float().requires_grad_() for argument in exact]
    outputs = selective_scan(*single)
    assert outputs.dtype == torch.float32
    reference = selective_scan_reference(*exact)
    assert torch.allclose(outputs.double(), reference, rtol=1e-4, atol=1e-4)
    ours = torch.autograd.grad(outputs.sum(), single)
    for name, mine, theirs in zip(NAMES, ours, torch.autograd.grad(reference.sum(), exact), strict=True):
        assert float((mine - theirs).abs().max()) <= 1e-4 * max(1.0, float(theirs.abs().max())), name


@pytest.mark.parametrize("shape", [(2, 2, 3, 2, 2), (1, 1, 18, 1, 2)], ids=str)
def test_gradients_by_finite_differences(shape: tuple[int, ...]) -> None:
    assert torch.autograd.gradcheck(selective_scan, _draw(shape), atol=1e-6)


def test_arguments_need_not_be_contiguous() -> None:
    arguments = _draw((2, 3, 19, 5, 4))
    strided = [argument.detach().transpose(0, -1).contiguous().transpose(0, -1) for argument in arguments]
    strided[3] = strided[3][:1].expand(2, -1, -1, -1)  # both groups read the same B
    assert not any(argument.is_contiguous() for argument in strided)
    for argument in strided:
        argument.requires_grad_()
    _assert_equal_with_gradients(selective_scan(*strided), selective_scan_reference(*strided), strided, tolerance=1e-11)


def test_an_upstream_gradient_may_be_expanded() -> None:
    arguments = _draw((2, 3, 5, 4, 3))
    ours = torch.autograd.grad(selective_scan(*arguments).sum(), arguments)
    theirs = torch.autograd.grad(selective_scan_reference(*arguments).sum(), arguments)
    assert all(torch.allclose(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_groups_do_not_see_each_other() -> None:
    arguments = _draw((4, 3, 20, 5, 4))
    together = selective_scan(*arguments)
    for group in range(4):
        alone = selective_scan(*(argument[group : group + 1] for argument in arguments))
        assert torch.equal(together[group], alone[0])


def test_only_what_wants_a_gradient_gets_one() -> None:
    arguments = [argument.detach() for argument in _draw((1, 2, 20, 3, 2))]
    arguments[2].requires_grad_()
    selective_scan(*arguments).sum().backward()
    assert [argument.grad is not None for argument in arguments] == [False, False, True, False, False, False]


def test_inference_equals_training() -> None:
    arguments = _draw((1, 2, 20, 3, 2))
    with torch.inference_mode():
        inferred = selective_scan(*arguments)
    assert torch.equal(inferred, selective_scan(*arguments))


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_wrong_shape_is_named(name: str) -> None:
    arguments = dict(zip(NAMES, _draw((2, 3, 5, 4, 3)), strict=True))
    arguments[name] = arguments[name][:1]
    with pytest.raises(ValueError, match=f"`{name}` is .*must be|`decay` is"):
        selective_scan(**arguments)


def test_mixed_types_are_refused() -> None:
    arguments = _draw((1, 2, 5, 3, 2))
    arguments[2] = arguments[2].float()
    with pytest.raises(ValueError, match=r"one floating type.*decay: torch.float32"):
        selective_scan(*arguments)
    with pytest.raises(ValueError, match="one floating type"):
        selective_scan(*(argument.long() for argument in arguments))


def test_an_empty_series_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of it zero"):
        selective_scan(*_draw((1, 2, 0, 3, 2)))


def _in_the_kernels_layout(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:  # noqa: N803
    """What ``mamba_ssm`` documents: u and delta (B D L), A (D N), B and C (B G N L), D (D)."""
    channels_of_group = len(A) // B.shape[1]
    B, C = (weights.repeat_interleave(channels_of_group, 1) for weights in (B, C))  # noqa: N806
    state, outputs = torch.zeros(*u.shape[:2], A.shape[1]), []
    for t in range(u.shape[2]):
        now = delta[:, :, t, None]
        state = torch.exp(now * A) * state + now * B[..., t] * u[:, :, t, None]
        outputs.append((C[..., t] * state).sum(-1) + D * u[:, :, t])
    return torch.stack(outputs, 2)


def test_groups_fold_into_the_kernels_channels_and_back() -> None:
    arguments = _draw((3, 2, 6, 4, 5), dtype=torch.float32)
    folded = _scan_by_kernel(_in_the_kernels_layout, *arguments)
    assert torch.allclose(folded, selective_scan_reference(*arguments), atol=1e-5)


def test_the_authors_reference_agrees() -> None:
    try:
        interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    except ImportError as error:
        pytest.skip(f"mamba_ssm cannot be imported here: {error}")
    arguments = _draw((3, 2, 20, 4, 5), dtype=torch.float32)
    theirs = _scan_by_kernel(interface.selective_scan_ref, *arguments)
    _assert_equal_with_gradients(selective_scan(*arguments), theirs, arguments, tolerance=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.filterwarnings("ignore:`mamba_ssm` cannot be imported")
def test_a_gpu_scans_as_the_cpu_does(dtype: torch.dtype) -> None:
    """By the package's kernel where it is there and the type is float32, otherwise by the chunked form."""
    here = _draw((3, 4, 40, 16, 16), dtype=dtype)
    there = [argument.detach().cuda().requires_grad_() for argument in here]
    tolerance = 1e-3 if dtype == torch.float32 else 1e-10
    outputs = selective_scan(*there)
    assert torch.allclose(outputs.cpu(), selective_scan(*here), rtol=tolerance, atol=tolerance)
    ours = torch.autograd.grad(selective_scan(*here).sum(), here)
    for name, mine, theirs in zip(NAMES, ours, torch.autograd.grad(outputs.sum(), there), strict=True):
        scale = max(1.0, float(mine.abs().max()))
        assert float((mine - theirs.cpu()).abs().max()) <= tolerance * scale, name
