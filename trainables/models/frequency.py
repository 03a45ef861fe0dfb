"""What the spectrum of a window tells a forecaster, computed once for all experts.

Shapes: ``[B]`` batch, ``[L]`` lookback, ``[C]`` columns, ``[F]`` frequencies, ``[m]`` chosen modes.
"""

import torch
from torch import Tensor, nn

_EPSILON = 1e-6


class Modes(nn.Module):
    """Amplitude and phase of a few frequencies: ``[B, L, C]`` to ``[B, C, 3 m]``.

    The mean (frequency 0) is left out: an instance-normalised window has none. The same frequencies are looked at in
    every window, since a linear layer could not tell which one it is given if each window chose its own.
    """

    bins: Tensor

    def __init__(self, *, lookback: int, n_modes: int) -> None:
        """Begin with the lowest frequencies, until :meth:`choose` has seen training windows.

        Args:
            lookback: ``L``
            n_modes: ``m``; all frequencies where the window has fewer.
        """
        super().__init__()
        self.register_buffer("bins", torch.arange(1, 1 + min(n_modes, lookback // 2)))

    @property
    def n_features(self) -> int:
        """Numbers per column."""
        return 3 * len(self.bins)

    def choose(self, windows: Tensor) -> None:
        """Take the frequencies with the most energy in windows ``[B, L, C]``, over all of them and all columns."""
        energy = torch.fft.rfft(windows, dim=1, norm="ortho").abs().square().mean(dim=(0, 2))
        strongest = energy[1:].topk(len(self.bins)).indices + 1
        self.bins.copy_(strongest.sort().values)

    def forward(self, windows: Tensor) -> Tensor:
        """Return ``log(1 + amplitude)``, cosine and sine of the phase for each mode."""
        modes = torch.fft.rfft(windows, dim=1, norm="ortho")[:, self.bins].transpose(1, 2)
        amplitude = modes.abs()
        unit = torch.view_as_real(modes) / (amplitude.unsqueeze(-1) + _EPSILON)  # 0 where there is no wave
        return torch.cat((amplitude.log1p(), unit[..., 0], unit[..., 1]), dim=-1)


class LearnedFilter(nn.Module):
    """Adds to each column what a learned filter makes of it: ``[B, L, C]`` to the same; nothing at the start."""

    def __init__(self, *, lookback: int, n_features: int) -> None:
        super().__init__()
        # Real and imaginary parts side by side: optimizers and gradient norms are written for real numbers.
        self.response = nn.Parameter(torch.zeros(lookback // 2 + 1, n_features, 2))

    def forward(self, windows: Tensor) -> Tensor:
        """Filter windows around the circle that the transform closes them to."""
        spectrum = torch.fft.rfft(windows, dim=1, norm="ortho")
        changed = spectrum * torch.view_as_complex(self.response)
        added: Tensor = torch.fft.irfft(changed, windows.shape[1], dim=1, norm="ortho")
        return windows + added
