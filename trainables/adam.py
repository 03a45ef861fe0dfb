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

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        weight_decay: float,
        undecayed: Iterable[Tensor] = (),
    ) -> None:
        """Begin with moments of zero.

        Args:
            parameters: Those that weight decay applies to.
            learning_rate: Of a step, before a schedule's factor.
            weight_decay: L2 penalty in the gradient.
            undecayed: Further parameters, which it leaves alone.
        """
        decayed = list(parameters)
        self.parameters = [*decayed, *undecayed]
        self._learning_rate = learning_rate
        groups = ((slice(0, len(decayed)), weight_decay), (slice(len(decayed), len(self.parameters)), 0.0))
        self._groups = [(group, decay) for group, decay in groups if group.start < group.stop]
        self._means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def update(self, gradients: Sequence[Tensor], factor: float = 1.0) -> None:
        """Move the parameters one step, given one gradient for each and a factor of the learning rate."""
        gradients = list(gradients)
        for group, weight_decay in self._groups:
            adam(
                self.parameters[group],
                gradients[group],
                self._means[group],
                self._squares[group],
                [],
                self._steps[group],
                fused=True,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=self._learning_rate * factor,
                weight_decay=weight_decay,
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
