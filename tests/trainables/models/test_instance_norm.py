import torch

from trainables.models.instance_norm import Level

WINDOW = torch.tensor([[[1.0, 10.0], [3.0, 10.0], [5.0, 10.0]]])  # [1, 3, 2]


def test_measures_and_removes_the_level_of_each_column() -> None:
    level = Level.of(WINDOW)
    torch.testing.assert_close(level.mean, torch.tensor([[[3.0, 10.0]]]))
    torch.testing.assert_close(level.sd[..., 0], torch.tensor([[(8 / 3) ** 0.5]]), rtol=1e-5, atol=0)
    removed = level.remove(WINDOW)
    torch.testing.assert_close(removed[0, :, 0], torch.tensor([-1.0, 0.0, 1.0]) * (3 / 2) ** 0.5, rtol=1e-5, atol=1e-6)
    assert (removed[0, :, 1] == 0).all()  # a column that stands still, without a division by 0


def test_restores_what_it_removed() -> None:
    windows = 50 + 7 * torch.randn(4, 9, 3, generator=torch.Generator().manual_seed(0))
    level = Level.of(windows)
    torch.testing.assert_close(level.restore(level.remove(windows), (0, 1, 2)), windows)


def test_restores_the_columns_that_are_forecast_in_their_order() -> None:
    level = Level.of(WINDOW)
    forecasts = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])  # of the columns 1 and 0
    wanted = torch.stack((10 + forecasts[..., 0] * level.sd[..., 1], 3 + forecasts[..., 1] * level.sd[..., 0]), dim=-1)
    torch.testing.assert_close(level.restore(forecasts, (1, 0)), wanted)


def test_windows_do_not_depend_on_each_other_or_on_level_and_unit() -> None:
    windows = torch.randn(4, 9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    removed = Level.of(windows).remove(windows)
    torch.testing.assert_close(Level.of(windows[1:2]).remove(windows[1:2]), removed[1:2])
    shifted = 10 + 3 * windows
    torch.testing.assert_close(Level.of(shifted).remove(shifted), removed, rtol=1e-4, atol=1e-4)


def test_gradients_are_finite_where_a_window_stands_still() -> None:
    windows = torch.zeros(2, 5, 1, requires_grad=True)
    level = Level.of(windows)
    level.restore(level.remove(windows), (0,)).sum().backward()
    assert windows.grad is not None
    assert windows.grad.isfinite().all()
