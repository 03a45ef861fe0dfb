"""Fragments that several families' spaces use."""

from search_spaces.asking import Asker


def suggest_adam(trial: Asker) -> dict[str, object]:
    """Ask for the parameters of Adam and its batches."""
    return {
        # Two decades around Adam's usual 1e-3; below 1e-4 five epochs end before the loss settles.
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        # None is the published choice; as an L2 penalty anything above 1e-2 drives the weights to zero.
        "weight_decay": trial.suggest_float_or("weight_decay", 0.0, 1e-6, 1e-2, log=True),
        # Powers of two around the published 64: smaller wastes the processor, larger leaves too few steps an epoch.
        "batch_size": trial.suggest_categorical("batch_size", (32, 64, 128, 256)),
    }
