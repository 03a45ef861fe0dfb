import pytest
import torch

from trainables.data.forecast_windows import ForecastWindows

VALUES = torch.arange(60.0).view(20, 3)  # the step is in the first column, divided by 3


def _windows(targets: tuple[int, ...] = (0, 1, 2), origins: range = range(5, 16)) -> ForecastWindows:
    return ForecastWindows(VALUES, lookback=5, horizon=4, targets=targets, origins=origins)


@pytest.mark.parametrize("targets", [(0, 1, 2), (2,), (2, 0)])
def test_a_window_ends_where_its_forecast_begins(targets: tuple[int, ...]) -> None:
    inputs, wanted = _windows(targets).take(torch.tensor([0, 7]))
    assert inputs.shape == (2, 5, 3)
    assert torch.equal(inputs[1], VALUES[7:12])
    assert torch.equal(wanted[1], VALUES[12:16][:, list(targets)])


def test_in_order_gives_all_windows_once() -> None:
    windows = _windows(targets=(1,))
    assert len(windows) == 11
    inputs, wanted = (torch.cat(parts) for parts in zip(*windows.in_order(4), strict=True))
    all_inputs, all_wanted = windows.take(torch.arange(11))
    assert torch.equal(inputs, all_inputs)
    assert torch.equal(wanted, all_wanted)


def test_the_last_origin_uses_the_last_step() -> None:
    _, wanted = _windows(origins=range(10, 17)).take(torch.tensor([6]))
    assert wanted[0, -1, 2] == VALUES[-1, -1]
