import math

import torch

from trainables.models.frequency import LearnedFilter, Modes

N_STEPS = 24


def _wave(frequency: int, amplitude: float, phase: float, n_steps: int = N_STEPS) -> torch.Tensor:
    return amplitude * torch.cos(2 * math.pi * frequency * torch.arange(n_steps) / n_steps + phase)


def test_modes_are_amplitude_and_phase() -> None:
    windows = torch.stack((_wave(2, 1.5, 0.7), _wave(3, 0.5, -1.0)), dim=1).unsqueeze(0)
    modes = Modes(lookback=N_STEPS, n_modes=3)
    amplitudes, cosines, sines = modes(windows)[0].view(2, 3, 3).unbind(1)
    scale = math.sqrt(N_STEPS) / 2
    expected = torch.tensor([[0, 1.5 * scale, 0], [0, 0, 0.5 * scale]]).log1p()
    assert torch.allclose(amplitudes, expected, atol=1e-4)
    assert torch.allclose(cosines[0, 1], torch.tensor(math.cos(0.7)), atol=1e-4)
    assert torch.allclose(sines[0, 1], torch.tensor(math.sin(0.7)), atol=1e-4)
    assert torch.allclose(sines[1, 2], torch.tensor(math.sin(-1.0)), atol=1e-4)


def test_the_level_of_a_window_is_no_mode() -> None:
    windows = torch.randn(3, N_STEPS, 2, generator=torch.Generator().manual_seed(0))
    modes = Modes(lookback=N_STEPS, n_modes=5)
    assert torch.allclose(modes(windows), modes(windows + 100), atol=1e-3)


def test_a_window_that_stands_still_has_no_phase() -> None:
    assert Modes(lookback=N_STEPS, n_modes=4)(torch.full((1, N_STEPS, 1), 3.0)).eq(0).all()


def test_the_strongest_frequencies_are_chosen() -> None:
    windows = torch.stack((_wave(7, 1.0, 0.1), _wave(3, 2.0, 0.0) + _wave(11, 0.5, 0.2)), dim=1).unsqueeze(0)
    modes = Modes(lookback=N_STEPS, n_modes=3)
    assert modes.bins.tolist() == [1, 2, 3]
    modes.choose(windows + 50)
    assert modes.bins.tolist() == [3, 7, 11]


def test_a_short_window_has_fewer_modes() -> None:
    modes = Modes(lookback=5, n_modes=16)
    assert modes.n_features == 3 * 2
    assert modes(torch.randn(2, 5, 4)).shape == (2, 4, 6)


def test_the_filter_starts_as_no_change_and_learns() -> None:
    windows = torch.randn(3, N_STEPS, 2, generator=torch.Generator().manual_seed(0))
    learned = LearnedFilter(lookback=N_STEPS, n_features=2)
    assert torch.equal(learned(windows), windows)
    wanted = torch.randn(3, N_STEPS, 2, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((learned(windows) - wanted).square().sum(), learned.parameters())
    assert (gradient[1:-1].abs() > 1e-3).all()


def test_the_filter_scales_and_shifts_one_frequency_of_one_column() -> None:
    windows = torch.stack((_wave(2, 1.0, 0.0), _wave(2, 1.0, 0.0)), dim=1).unsqueeze(0)
    learned = LearnedFilter(lookback=N_STEPS, n_features=2)
    with torch.no_grad():
        learned.response[2, 0] = torch.tensor([0.5, 0.0])
        learned.response[2, 1] = torch.tensor([0.0, 1.0])
    expected = torch.stack((_wave(2, 1.5, 0.0), _wave(2, 1.0, 0.0) + _wave(2, 1.0, math.pi / 2)), dim=1)
    assert torch.allclose(learned(windows)[0], expected, atol=1e-5)


def test_an_odd_number_of_steps_comes_back() -> None:
    windows = torch.randn(2, 25, 3, generator=torch.Generator().manual_seed(0))
    learned = LearnedFilter(lookback=25, n_features=3)
    with torch.no_grad():
        learned.response[..., 0] = 1.0
    assert torch.allclose(learned(windows), 2 * windows, atol=1e-5)
