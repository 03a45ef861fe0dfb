"""Pseudo-labels: which expert each training window belongs to, judged by the experts' own errors.

Shapes: ``[N]`` training examples, ``[P]`` those that are judged, ``[E]`` experts.
"""

from typing import Literal

import torch
from torch import Tensor, nn

MOST_JUDGED = 2000
"""Windows that all experts are run on at a refresh, evenly spaced; the others have no label, which costs the triplet
loss nothing but examples and saves most of what a refresh takes."""
WARM_UP_EPOCHS = 1
"""Before the first refresh: the best expert of an untrained model is noise."""
DECAY = 0.9
NONE_YET = -1.0
"""In place of the share of labels that changed, before any could."""
SMALLEST_GAP = 0.02
"""How much worse the second best expert must be, relative to the best, for a label to mean something."""


class PseudoLabels(nn.Module):
    """Keeps a label per training example, -1 where there is none; all of it lies in buffers, so checkpoints hold it."""

    labels: Tensor
    errors: Tensor
    changes: Tensor

    def __init__(
        self,
        *,
        kind: Literal["dynamic", "frozen", "random"],
        n_examples: int,
        n_experts: int,
        every: int,
        generator: torch.Generator,
    ) -> None:
        """Begin without labels, or with random ones.

        Args:
            kind: ``dynamic``: refreshed every few epochs; ``frozen``: left as the first refresh set them; ``random``:
                drawn once.
            n_examples: ``N``
            n_experts: ``E``
            every: Epochs between refreshes.
            generator: Source of random labels.
        """
        super().__init__()
        self.kind, self.every, self.n_examples = kind, every, n_examples
        n_judged = min(n_examples, MOST_JUDGED)
        self.register_buffer("labels", torch.full((n_examples,), -1))
        self.register_buffer("errors", torch.zeros(n_judged, n_experts))
        self.register_buffer("changes", torch.tensor(NONE_YET))
        if kind == "random":
            self.labels[self.judged()] = torch.randint(n_experts, (n_judged,), generator=generator)

    def judged(self) -> Tensor:
        """Return the numbers of the examples that are judged, ``[P]``."""
        return spread(self.n_examples, len(self.errors), self.labels.device)

    def is_due(self, epoch: int) -> bool:
        """Whether the labels are refreshed before an epoch (from 1)."""
        since_first = epoch - 1 - WARM_UP_EPOCHS
        if self.kind == "random" or since_first < 0:
            return False
        return since_first == 0 if self.kind == "frozen" else since_first % self.every == 0

    def refresh(self, errors: Tensor) -> None:
        """Take new errors ``[P, E]`` of the judged examples into their moving average, and label by it.

        The average starts at 0, which shrinks all experts' errors alike and so changes no label.
        """
        self.errors.lerp_(errors, 1 - DECAY)
        judged = self.judged()
        before, after = self.labels[judged], best_experts(self.errors)
        both = (before >= 0) & (after >= 0)
        changed = (both & (before != after)).sum() / both.sum().clamp(min=1)
        self.changes.copy_(torch.where(both.any(), changed, NONE_YET))
        self.labels[judged] = after


def spread(n_examples: int, n_wanted: int, device: torch.device) -> Tensor:
    """Return the numbers of ``n_wanted`` examples, or of all where there are fewer, evenly spaced."""
    n_wanted = min(n_examples, n_wanted)
    return torch.arange(n_wanted, device=device) * n_examples // max(n_wanted, 1)


def best_experts(errors: Tensor) -> Tensor:
    """Label each row with its expert of least error, or -1 where the second best is less than 2 % worse.

    Args:
        errors: ``[P, E]``, at least two experts.
    """
    best, second = errors.topk(2, dim=-1, largest=False).values.unbind(dim=-1)
    return torch.where(second - best > SMALLEST_GAP * best, errors.argmin(dim=-1), -1)
