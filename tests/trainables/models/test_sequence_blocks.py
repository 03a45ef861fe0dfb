"""What every block that mixes a sequence must hold, whichever it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainables.models.mamba import MambaBlock
from trainables.models.min_gru import MinGRUBlock


def _mamba(n_scales: int) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    return MambaBlock(
        n_groups=2, width=20, inner=14, n_states=5, n_taps=3, n_scales=n_scales, generator=generator
    ).double()


def _min_gru() -> nn.Module:
    return MinGRUBlock(n_groups=2, width=20, inner=9, generator=torch.Generator().manual_seed(0)).double()


def _tokens(batch: int = 3) -> Tensor:
    return 3 * torch.randn(2, batch, 11, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


BLOCKS = {"mamba": lambda: _mamba(1), "mamba, two step sizes": lambda: _mamba(2), "min_gru": _min_gru}
each_block = pytest.mark.parametrize("build", BLOCKS.values(), ids=BLOCKS)


@each_block
def test_a_later_token_never_changes_an_earlier_output(build: Callable[[], nn.Module]) -> None:
    block, tokens = build(), _tokens()
    outputs = block(tokens)
    for t in range(tokens.shape[2]):
        changed = tokens.clone()
        changed[:, :, t] += 1
        difference = (block(changed) - outputs).abs().amax(dim=(0, 1, 3))
        assert (difference[:t] == 0).all()
        assert difference[t] > 0


@each_block
def test_a_series_does_not_depend_on_the_batch_it_is_in(build: Callable[[], nn.Module]) -> None:
    block, tokens = build(), _tokens(batch=5)
    alone = torch.cat([block(tokens[:, i : i + 1]) for i in range(5)], dim=1)
    torch.testing.assert_close(block(tokens), alone, rtol=1e-10, atol=1e-13)
