"""Windows of a series with what follows them, as views: no sample is copied before it is in a batch.

``[T, C]`` = time steps, columns; ``[B, L, C]`` = batch, lookback, columns; ``[B, H, D]`` = batch, horizon, targets.
An origin is the first step of a forecast.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


class ForecastWindows:
    """The windows of one series whose origins lie in a range."""

    def __init__(
        self, values: Tensor, *, lookback: int, horizon: int, targets: tuple[int, ...], origins: range
    ) -> None:
        """Look at ``values`` ``[T, C]``, contiguous, on any device; they are shared, not copied."""
        n_steps, n_columns = values.shape
        assert values.is_contiguous()
        assert lookback <= origins.start < origins.stop <= n_steps - horizon + 1
        self.values, self.lookback, self.horizon, self.origins = values, lookback, horizon, origins
        # A view where every column is a target; a copy of a few columns of a batch where not.
        self._targets = None if targets == tuple(range(n_columns)) else torch.tensor(targets, device=values.device)
        length = lookback + horizon
        # Row s holds the stretch that starts at step s, flattened: its steps follow each other in memory.
        self._rows = values.as_strided((n_steps - length + 1, length * n_columns), (n_columns, 1))

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def device(self) -> torch.device:
        """Where the series lies."""
        return self.values.device

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Gather windows ``[B, L, C]`` and what follows them ``[B, H, D]``.

        Args:
            indices: ``[B]``, counted from the first origin.
        """
        rows = self._rows.index_select(0, indices + (self.origins.start - self.lookback))
        return self._split(rows.view(len(indices), self.lookback + self.horizon, -1))

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over all windows in the order of their origins, without a copy."""
        first, last = self.origins.start - self.lookback, self.origins.stop - self.lookback
        for start in range(first, last, batch_size):
            rows = self._rows[start : min(start + batch_size, last)]
            yield self._split(rows.view(len(rows), self.lookback + self.horizon, -1))

    def _split(self, stretches: Tensor) -> tuple[Tensor, Tensor]:
        following = stretches[:, self.lookback :]
        wanted = following if self._targets is None else following.index_select(2, self._targets)
        return stretches[:, : self.lookback], wanted
