import numpy as np
import pytest
import torch

from trainables.data.windows import Windows, as_tensor


def _values(n_steps: int = 30, n_features: int = 3) -> torch.Tensor:
    return torch.arange(n_steps * n_features, dtype=torch.float32).view(n_steps, n_features)


def test_batch_holds_the_steps_before_each_target() -> None:
    values = _values()
    inputs, targets = Windows(values, window=4, clip=None).batch(torch.tensor([4, 10, 29]))
    assert inputs.shape == (3, 4, 3)
    for row, target in enumerate([4, 10, 29]):
        assert torch.equal(inputs[row], values[target - 4 : target])
        assert torch.equal(targets[row], values[target])


def test_in_order_equals_batch() -> None:
    windows = Windows(_values(), window=5, clip=40.0)
    parts = list(windows.in_order(6, 27, batch_size=8))
    assert [len(targets) for _, targets in parts] == [8, 8, 5]
    inputs, targets = windows.batch(torch.arange(6, 27))
    assert torch.equal(torch.cat([part for part, _ in parts]), inputs)
    assert torch.equal(torch.cat([part for _, part in parts]), targets)


def test_clip_bounds_batches_and_leaves_the_series_alone() -> None:
    values = _values()
    before = values.clone()
    inputs, targets = Windows(values, window=4, clip=10.0).batch(torch.tensor([20]))
    assert inputs.max() == 10.0
    assert targets.max() == 10.0
    assert torch.equal(values, before)


def test_windows_are_views_of_the_series() -> None:
    """A window starting at every step costs no memory beyond the series itself."""
    values = _values()
    windows = Windows(values, window=8, clip=None)
    assert windows._rows.untyped_storage().data_ptr() == values.untyped_storage().data_ptr()
    first, _ = next(windows.in_order(8, 20, batch_size=12))
    assert first.untyped_storage().data_ptr() == values.untyped_storage().data_ptr()


def test_read_only_arrays_are_shared_without_a_warning() -> None:
    array = np.ones((4, 2), dtype=np.float32)
    array.setflags(write=False)
    tensor = as_tensor(array)  # warnings are errors here
    assert tensor.data_ptr() == array.ctypes.data


@pytest.mark.parametrize("window", [1, 29])
def test_shortest_and_longest_window(window: int) -> None:
    values = _values()
    inputs, _ = Windows(values, window=window, clip=None).batch(torch.tensor([29]))
    assert torch.equal(inputs[0], values[29 - window : 29])
