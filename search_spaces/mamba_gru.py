"""Mamba-GRU: what is searched, why so far, and which of its parts can be removed.

References:
    Published values: the family's specification gives lookback, hidden width and the start of a; Mamba's own (states,
    taps) are those of Gu and Dao 2023, section 3.6 and their code. The rest it names without a value: what stands here
    is usual. Its table of results is "example data" by its own words, so no change is expected of any arm.
"""

from search_spaces.ablation import Factor, Level, curve
from search_spaces.asking import Asker
from search_spaces.shared import suggest_adam
from search_spaces.space import SearchSpace

PUBLISHED = {
    "lookback": 60,
    "hidden": 64,
    "d_state": 16,
    "d_conv": 4,
    "n_layers": 1,
    "branches": "both",
    "fusion": "learned",
    "alpha_shape": "layer",
    "alpha_init": 0.0,
    "dropout": 0.1,
    "instance_norm": False,
    "learning_rate": 1e-3,
    "weight_decay": 1e-5,
    "batch_size": 64,
    "gradient_clip": 1.0,
    "schedule": "cosine",
    "patience": 3,
}


def suggest(trial: Asker) -> dict[str, object]:
    """Ask for one configuration."""
    config: dict[str, object] = {
        # Half, once and twice the published window: six weeks to half a year of trading days.
        "lookback": trial.suggest_categorical("lookback", (30, 60, 120)),
        # A quarter to twice the published width, in the steps at which Mamba's rank of step sizes grows.
        "hidden": trial.suggest_int("hidden", 16, 128, step=16),
        # Half to twice Mamba's own; beyond 32 the scan costs more than it was ever seen to give at such lengths.
        "d_state": trial.suggest_categorical("d_state", (8, 16, 32)),
        # The widths that Mamba's CUDA convolution is compiled for.
        "d_conv": trial.suggest_int("d_conv", 2, 4),
        # A few thousand windows do not feed a deeper model.
        "n_layers": trial.suggest_int("n_layers", 1, 3),
        # Up to half of what a layer adds.
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        **suggest_adam(trial),
        # Around the usual 1; returns have outliers, and one of them should not throw the model back.
        "gradient_clip": trial.suggest_categorical("gradient_clip", (0.3, 1.0, 3.0, 10.0, None)),
        # One choice here and below: not searched, but known, so that an arm without a blend is not asked for one.
        "branches": trial.suggest_categorical("branches", ("both",)),
    }
    return config | (_suggest_blend(trial) if config["branches"] == "both" else {})


def _suggest_blend(trial: Asker) -> dict[str, object]:
    """Ask for the blend, and for its shape and start where a weight is learned."""
    fusion = trial.suggest_categorical("fusion", ("learned",))
    if fusion != "learned":
        return {"fusion": fusion}
    return {
        "fusion": fusion,
        "alpha_shape": trial.suggest_categorical("alpha_shape", ("layer", "channel", "input")),
        # Mamba's weight starts between 0.12 and 0.88; farther out, the sigmoid hardly lets it move.
        "alpha_init": trial.suggest_float("alpha_init", -2.0, 2.0),
    }


FACTORS = (
    Factor(
        name="branches",
        kind="component",
        levels=(
            Level(name="both", changes={}),
            Level(name="mamba", changes={"branches": "mamba"}),
            Level(name="min_gru", changes={"branches": "min_gru"}),
            # As many parameters as the hybrid, so that the delta is not one of size.
            Level(name="mamba widened", changes={"branches": "mamba_widened"}),
            Level(name="min_gru widened", changes={"branches": "min_gru_widened"}),
        ),
    ),
    Factor(
        name="fusion",
        kind="component",
        levels=(
            Level(name="learned", changes={}),
            Level(name="fixed", changes={"fusion": "fixed"}),
            Level(name="concat", changes={"fusion": "concat"}),
            Level(name="attention", changes={"fusion": "attention"}),
        ),
    ),
    Factor(
        name="alpha_shape",
        kind="component",
        levels=(
            Level(name="layer", changes={}),
            Level(name="channel", changes={"alpha_shape": "channel"}),
            Level(name="input", changes={"alpha_shape": "input"}),
        ),
    ),
    curve("lookback", (30, 60, 120), 60),
)

SPACE = SearchSpace(
    name="mamba_gru",
    family="mamba_gru",
    description="Mamba and MinGRU side by side, blended by a learned weight; forecasting of financial series",
    suggest=suggest,
    defaults=PUBLISHED,
    data="sample_prices",
    trials=12,
    max_epochs=5,
    factors=FACTORS,
)
