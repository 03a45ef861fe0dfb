"""Windows of a series as a view: no sample is ever copied before it is in a batch.

``[T, D]`` = time steps, features; ``[B, W, D]`` = batch, window, features.
"""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CONTEXT = 64
"""Steps before the first target, the longest window: so every window length has the same targets."""


def as_tensor(values: NDArray[np.float32]) -> Tensor:
    """Wrap an array without copying it, also one that lies read-only in Ray's shared memory."""
    with warnings.catch_warnings():
        # PyTorch warns that writing to such a tensor is undefined; windows are only ever read.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(values)


class Windows:
    """The windows of one series for one window length and one clip."""

    def __init__(self, values: Tensor, *, window: int, clip: float | None) -> None:
        """Look at ``values`` ``[T, D]``, contiguous, on any device; they are shared, not copied."""
        n_steps, n_features = values.shape
        assert values.is_contiguous()
        assert 0 < window < n_steps
        self.values, self.window, self.clip = values, window, clip
        # Row s holds the window that starts at step s, flattened: its steps follow each other in memory.
        self._rows = values.as_strided((n_steps - window, window * n_features), (n_features, 1))

    def batch(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Gather the windows that end before the given steps, and the steps themselves.

        Args:
            targets: ``[B]`` whole numbers, each at least the window length.

        Returns:
            Inputs ``[B, W, D]`` and targets ``[B, D]``, both clipped.
        """
        rows = self._rows.index_select(0, targets - self.window)
        steps = self.values.index_select(0, targets)
        if self.clip is not None:
            rows.clamp_(-self.clip, self.clip)
            steps.clamp_(-self.clip, self.clip)
        return rows.view(len(targets), self.window, -1), steps

    def in_order(self, start: int, stop: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over the targets ``start`` to ``stop - 1`` in order, as views of one clipped stretch per batch."""
        for first in range(start, stop, batch_size):
            last = min(first + batch_size, stop)
            stretch = self.values[first - self.window : last]
            if self.clip is not None:
                stretch = stretch.clamp(-self.clip, self.clip)
            n_features = stretch.shape[1]
            windows = stretch.as_strided((last - first, self.window, n_features), (n_features, n_features, 1))
            yield windows, stretch[self.window :]


class WindowExamples:
    """Training examples of a detector: the windows of one series whose next steps lie in a range."""

    def __init__(self, windows: Windows, targets: range) -> None:
        self.windows, self.targets = windows, targets

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def device(self) -> torch.device:
        """Where the series lies."""
        return self.windows.values.device

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Gather inputs ``[B, W, D]`` and the steps after them ``[B, D]``."""
        return self.windows.batch(indices + self.targets.start)
