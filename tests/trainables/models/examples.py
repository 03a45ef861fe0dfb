"""Training examples as two tensors, for models that look through them before they train."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TensorExamples:
    """Windows and what follows them, addressed by number."""

    windows: Tensor
    wanted: Tensor

    @property
    def device(self) -> torch.device:
        return self.windows.device

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        return self.windows[indices], self.wanted[indices]
