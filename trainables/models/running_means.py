"""Means over the batches of an epoch, kept where the batches are: nothing waits for the device until they are read."""

from torch import Tensor


class RunningMeans:
    """Means of named tensors."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor | int] = {}

    def add(self, name: str, total: Tensor, count: Tensor | int = 1) -> None:
        """Add a sum over ``count`` things: a number, or a vector of one per kind of thing."""
        total = total.detach()
        self._sums[name] = self._sums[name] + total if name in self._sums else total
        self._counts[name] = self._counts.get(name, 0) + count

    def read(self) -> dict[str, float]:
        """Return the means so far, a vector's as ``name_0``, ``name_1``, ...; none where nothing was counted."""
        means: dict[str, float] = {}
        for name, total in self._sums.items():
            names = [f"{name}_{place}" for place in range(len(total))] if total.ndim else [name]
            if count := float(self._counts[name]):
                means |= zip(names, (total / count).reshape(-1).tolist(), strict=True)
        return means
