"""The sum of shifted products against a sum over taps, step by step, in float64; all draws have fixed seeds."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainables.kernels.causal_convolution import _convolve_by_kernel, causal_convolution

# G, B, L, D, K
SHAPES = [(1, 1, 1, 1, 1), (2, 3, 1, 4, 4), (2, 3, 2, 4, 4), (3, 2, 9, 5, 4), (1, 4, 20, 3, 1), (2, 2, 7, 3, 6)]


def _draw(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    n_groups, batch, length, n_channels, n_taps = shape
    generator = torch.Generator().manual_seed(0)
    sizes = [(n_groups, batch, length, n_channels), (n_groups, n_channels, n_taps), (n_groups, n_channels)]
    return [torch.randn(size, dtype=dtype, generator=generator).requires_grad_() for size in sizes]


def _step_by_step(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    n_taps, steps = weight.shape[2], []
    for t in range(inputs.shape[2]):
        total = bias[:, None]
        for k in range(n_taps):
            past = t - (n_taps - 1) + k
            if past >= 0:
                total = total + inputs[:, :, past] * weight[:, None, :, k]
        steps.append(F.silu(total.expand(inputs[:, :, t].shape)))
    return torch.stack(steps, 2)


def test_the_last_tap_meets_the_present() -> None:
    impulse = torch.tensor([1.0, 0, 0, 0, 0]).reshape(1, 1, 5, 1)
    response = causal_convolution(impulse, torch.tensor([[[3.0, 2, 1]]]), torch.zeros(1, 1))
    assert response.flatten().tolist() == pytest.approx(F.silu(torch.tensor([1.0, 2, 3, 0, 0])).tolist())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_equal_the_sum_over_taps(shape: tuple[int, ...]) -> None:
    arguments = _draw(shape)
    ours, reference = causal_convolution(*arguments), _step_by_step(*arguments)
    assert torch.allclose(ours, reference, atol=1e-12)
    upstream = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for mine, theirs in zip(
        torch.autograd.grad(ours, arguments, upstream),
        torch.autograd.grad(reference, arguments, upstream, allow_unused=True, materialize_grads=True),
        strict=True,
    ):
        assert torch.allclose(mine, theirs, atol=1e-12)


def test_gradients_by_finite_differences() -> None:
    assert torch.autograd.gradcheck(causal_convolution, _draw((2, 2, 5, 2, 4)), atol=1e-6)


def test_arguments_need_not_be_contiguous() -> None:
    arguments = _draw((2, 3, 9, 5, 4))
    strided = [argument.detach().transpose(0, -1).contiguous().transpose(0, -1) for argument in arguments]
    strided[0] = strided[0][:1].expand(2, -1, -1, -1)
    assert not any(argument.is_contiguous() for argument in strided)
    assert torch.allclose(causal_convolution(*strided), _step_by_step(*strided), atol=1e-12)


@pytest.mark.parametrize(("name", "position"), [("weight", 1), ("bias", 2)])
def test_a_wrong_shape_is_named(name: str, position: int) -> None:
    arguments = _draw((2, 3, 5, 4, 3))
    arguments[position] = arguments[position][:1]
    with pytest.raises(ValueError, match=f"`{name}` is .*must be"):
        causal_convolution(*arguments)


def _in_the_kernels_layout(x: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    """What ``causal_conv1d`` documents: x (batch, dim, seqlen), weight (dim, width), bias (dim)."""
    assert activation == "silu"
    dim, width = weight.shape
    return F.silu(F.conv1d(F.pad(x, (width - 1, 0)), weight[:, None], bias, groups=dim))


def test_groups_fold_into_the_kernels_channels_and_back() -> None:
    arguments = _draw((3, 2, 6, 4, 4))
    folded = _convolve_by_kernel(_in_the_kernels_layout, *arguments)
    assert torch.allclose(folded, causal_convolution(*arguments), atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("n_taps", [4, 6])  # the package's kernel has at most four
@pytest.mark.filterwarnings("ignore:`(mamba_ssm|causal_conv1d)` cannot be imported")
def test_a_gpu_convolves_as_the_cpu_does(n_taps: int) -> None:
    here = _draw((3, 4, 20, 16, n_taps), torch.float32)
    there = [argument.detach().cuda().requires_grad_() for argument in here]
    outputs = causal_convolution(*there)
    assert torch.allclose(outputs.cpu(), causal_convolution(*here), rtol=1e-3, atol=1e-3)
    ours = torch.autograd.grad(causal_convolution(*here).sum(), here)
    for mine, theirs in zip(ours, torch.autograd.grad(outputs.sum(), there), strict=True):
        assert torch.allclose(mine, theirs.cpu(), rtol=1e-3, atol=1e-2)
