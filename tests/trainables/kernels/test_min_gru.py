"""Three forms of one recurrence; the plain one is a chain of single steps. All draws have fixed seeds."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from trainables.kernels.min_gru import min_gru_log_scan, min_gru_scan, min_gru_step

Scan = Callable[..., Tensor]
SCANS = pytest.mark.parametrize("scan", [min_gru_scan, min_gru_log_scan])
SHAPES = pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 4), (2, 7, 3), (2, 3, 20, 5)], ids=str)
STARTED = pytest.mark.parametrize("started", [False, True])


def _draw(shape: tuple[int, ...], *, started: bool, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Gate, candidate and, where the series has a past, a non-negative state before it."""
    generator = torch.Generator().manual_seed(0)
    gate, candidate = (2 * torch.randn(shape, dtype=dtype, generator=generator) for _ in range(2))
    initial = torch.rand((*shape[:-2], shape[-1]), dtype=dtype, generator=generator) + 0.1
    drawn = [gate, candidate, initial] if started else [gate, candidate]
    return [tensor.requires_grad_() for tensor in drawn]


def _one_step_at_a_time(gate: Tensor, candidate: Tensor, initial: Tensor | None = None) -> Tensor:
    hidden = torch.zeros_like(gate[..., 0, :]) if initial is None else initial
    steps = []
    for step_gate, step_candidate in zip(gate.unbind(-2), candidate.unbind(-2), strict=True):
        hidden = min_gru_step(step_gate, step_candidate, hidden)
        steps.append(hidden)
    return torch.stack(steps, -2)


def test_a_step_by_hand() -> None:
    gate = torch.tensor([0.0, 0.0, 100.0])  # half, half, all
    candidate = torch.tensor([1.5, -torch.log(torch.tensor(3.0)).item(), 0.0])  # g = 2, 1/4, 1/2
    assert min_gru_step(gate, candidate, torch.full((3,), 4.0)).tolist() == pytest.approx([3.0, 2.125, 0.5])


@SCANS
@SHAPES
@STARTED
def test_training_equals_inference_with_all_gradients(scan: Scan, shape: tuple[int, ...], started: bool) -> None:
    arguments = _draw(shape, started=started)
    parallel, sequential = scan(*arguments), _one_step_at_a_time(*arguments)
    assert torch.allclose(parallel, sequential, rtol=1e-10, atol=1e-10)
    upstream = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for ours, reference in zip(
        torch.autograd.grad(parallel, arguments, upstream),
        torch.autograd.grad(sequential, arguments, upstream),
        strict=True,
    ):
        assert torch.allclose(ours, reference, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("scan", "tolerance"), [(min_gru_scan, 1e-5), (min_gru_log_scan, 1e-3)])
def test_float32_stays_near_float64(scan: Scan, tolerance: float) -> None:
    arguments = _draw((4, 120, 8), started=True)
    single = [argument.detach().float() for argument in arguments]
    assert torch.allclose(scan(*single).double(), scan(*arguments), rtol=tolerance, atol=tolerance)


@SCANS
@STARTED
def test_gradients_by_finite_differences(scan: Scan, started: bool) -> None:
    assert torch.autograd.gradcheck(scan, _draw((2, 4, 2), started=started), atol=1e-6)


@SCANS
@pytest.mark.parametrize("size", [0.0, 100.0, 1e4])
def test_saturated_gates_leave_values_and_gradients_finite(scan: Scan, size: float) -> None:
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0, 1.0, -1.0])
    gate = (size * signs).reshape(1, 6, 1).requires_grad_()
    candidate = (size * signs.roll(1)).reshape(1, 6, 1).requires_grad_()
    initial = torch.zeros(1, 1, requires_grad=True)  # its logarithm is the other trap
    hidden = scan(gate, candidate, initial)
    gradients = torch.autograd.grad(hidden.sum(), [gate, candidate, initial])
    assert all(torch.isfinite(tensor).all() for tensor in (hidden, *gradients))


@SCANS
def test_arguments_need_not_be_contiguous(scan: Scan) -> None:
    arguments = [argument.detach().transpose(0, 1) for argument in _draw((6, 3, 5), started=False)]
    assert torch.allclose(scan(*arguments), _one_step_at_a_time(*arguments), rtol=1e-10)


def test_a_state_without_gradient_gets_none() -> None:
    gate, candidate, initial = _draw((2, 5, 3), started=True)
    initial = initial.detach()
    min_gru_scan(gate, candidate, initial).sum().backward()
    assert gate.grad is not None
    assert initial.grad is None


@SCANS
def test_a_wrong_shape_is_named(scan: Scan) -> None:
    gate, candidate, initial = _draw((2, 5, 3), started=True)
    with pytest.raises(ValueError, match="`candidate`"):
        scan(gate, candidate[:1])
    with pytest.raises(ValueError, match="`initial` is"):
        scan(gate, candidate, initial[:1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_scans_as_the_cpu_does() -> None:
    here = _draw((2, 3, 60, 8), started=True, dtype=torch.float32)
    there = [argument.detach().cuda().requires_grad_() for argument in here]
    hidden = min_gru_scan(*there)
    assert torch.allclose(hidden.cpu(), min_gru_scan(*here), rtol=1e-3, atol=1e-3)
    ours = torch.autograd.grad(min_gru_scan(*here).sum(), here)
    for mine, theirs in zip(ours, torch.autograd.grad(hidden.sum(), there), strict=True):
        assert torch.allclose(mine, theirs.cpu(), rtol=1e-3, atol=1e-2)
