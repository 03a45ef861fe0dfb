"""Adam as a function of gradients, with its state in plain tensors.

``torch.optim.Adam`` spends a tenth of a LightMMoE step on its own bookkeeping: hooks, parameter groups, gradients kept
on parameters. Here gradients come in as values and PyTorch's fused kernel is called straight.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """Adam over a fixed list of parameters.

    References:
        Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", Algorithm 1; weight decay as an L2 penalty.
    """

    def __init__(self, parameters: Iterable[Tensor], *, learning_rate: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self._learning_rate, self._weight_decay = learning_rate, weight_decay
        self._means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def update(self, gradients: Sequence[Tensor]) -> None:
        """Move the parameters one step, given one gradient for each."""
        adam(
            self.parameters,
            list(gradients),
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self._learning_rate,
            weight_decay=self._weight_decay,
            eps=EPSILON,
            maximize=False,
        )

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the state, fit for a checkpoint."""
        return {"means": self._means, "squares": self._squares, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state of a checkpoint over.

        Raises:
            ValueError: If it belongs to other parameters.
        """
        for name, own in (("means", self._means), ("squares", self._squares), ("steps", self._steps)):
            given = state[name]
            if [tensor.shape for tensor in given] != [tensor.shape for tensor in own]:
                raise ValueError(f"the optimizer's {name} belong to a model of another shape")
            for mine, theirs in zip(own, given, strict=True):
                mine.copy_(theirs)
