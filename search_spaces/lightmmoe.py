"""LightMMoE: what is searched, why so far, and which of its parts can be removed.

References:
    Published values: the family's technical report as its code runs it. Expected changes: the same report's forecast of
    its ablation, in points of F1 after point adjustment; none of them was ever measured there.
"""

from search_spaces.ablation import Factor, Level, curve
from search_spaces.asking import Asker
from search_spaces.shared import suggest_adam
from search_spaces.space import SearchSpace

CLIPS = (3.0, 5.0, 10.0, 20.0, 50.0, None, "auto")

PUBLISHED = {
    "window": 16,
    "n_experts": 4,
    "n_kernels": 8,
    "expert_hidden": 128,
    "expert_output": 64,
    "tower_hidden": 16,
    "expert_kind": "conv",
    "towers": "separate",
    "gate": "mixed",
    "sg_ratio": 0.7,
    "sg_ratio_learned": False,
    "expert_dropout": 0.2,
    "tower_dropout": 0.1,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "batch_size": 64,
    "clip": None,
    "score_aggregation": "mean",
    "scaling": "once",
}


def suggest(trial: Asker) -> dict[str, object]:
    """Ask for one configuration."""
    config: dict[str, object] = {
        # From half to four times the published window; 64 steps are all the context a series has.
        "window": trial.suggest_categorical("window", (8, 16, 32, 64)),
        # One expert is a plain network with towers; eight is the classic mixture the family set out to lighten.
        "n_experts": trial.suggest_int("n_experts", 1, 8),
        "n_kernels": trial.suggest_categorical("n_kernels", (4, 8, 16, 32)),
        # The report's own grid of widths.
        "expert_hidden": trial.suggest_categorical("expert_hidden", (64, 128, 256, 512)),
        "expert_output": trial.suggest_categorical("expert_output", (32, 64, 128)),
        "tower_hidden": trial.suggest_categorical("tower_hidden", (8, 16, 32, 64)),
        "expert_kind": trial.suggest_categorical("expert_kind", ("conv", "dual", "none")),
        "towers": trial.suggest_categorical("towers", ("separate", "shared")),
        # Up to half of an expert's units; the towers are narrow and bear less.
        "expert_dropout": trial.suggest_float("expert_dropout", 0.0, 0.5),
        "tower_dropout": trial.suggest_float("tower_dropout", 0.0, 0.3),
        **suggest_adam(trial),
        # Decides more than the architecture does: nearly constant features have z-scores in the thousands.
        "clip": trial.suggest_categorical("clip", CLIPS),
        "score_aggregation": trial.suggest_categorical("score_aggregation", ("mean", "top_k", "max")),
    }
    return config | _suggest_gate(trial, config["n_experts"])


def _suggest_gate(trial: Asker, n_experts: object) -> dict[str, object]:
    """Ask for a gate where there is something to choose between."""
    if n_experts == 1:
        return {}
    gate = trial.suggest_categorical("gate", ("mixed", "specific", "shared", "average"))
    if gate != "mixed":
        return {"gate": gate}
    return {
        "gate": gate,
        "sg_ratio": trial.suggest_float("sg_ratio", 0.0, 1.0),
        "sg_ratio_learned": trial.suggest_categorical("sg_ratio_learned", (False, True)),
    }


FACTORS = (
    Factor(
        name="experts",
        kind="component",
        levels=(
            Level(name="1", changes={"n_experts": 1}, expected=-6),
            Level(name="2", changes={"n_experts": 2}),
            Level(name="4", changes={}),
            Level(name="8", changes={"n_experts": 8}),
            Level(name="1 widened", changes={"n_experts": 1}, widened="expert_hidden"),
        ),
    ),
    Factor(
        name="gate",
        kind="component",
        levels=(
            Level(name="mixed", changes={}),
            Level(name="average", changes={"gate": "average"}, expected=-9),
            Level(name="specific", changes={"gate": "specific"}, expected=-4),
            Level(name="shared", changes={"gate": "shared"}),
        ),
    ),
    Factor(
        name="towers",
        kind="component",
        levels=(
            Level(name="separate", changes={}),
            Level(name="shared", changes={"towers": "shared"}, expected=-5),
            Level(name="shared widened", changes={"towers": "shared"}, widened="tower_hidden"),
        ),
    ),
    Factor(
        name="lightness",
        kind="component",
        levels=(
            Level(name="full", changes={}),
            Level(name="extreme", changes={"n_kernels": 4, "expert_hidden": 64, "tower_hidden": 8}, expected=-3),
        ),
    ),
    curve("expert_kind", ("conv", "dual", "none"), "conv"),
    curve("n_kernels", (4, 8, 16, 32), 8),
    curve("expert_hidden", (64, 128, 256, 512), 128),
    curve("tower_hidden", (8, 16, 32, 64), 16),
    curve("clip", CLIPS, None),
    curve("scaling", ("once", "twice"), "once"),
)

SPACE = SearchSpace(
    name="lightmmoe",
    family="lightmmoe",
    description="light multi-gate mixture of experts, anomaly detection by one-step prediction",
    suggest=suggest,
    defaults=PUBLISHED,
    factors=FACTORS,
    preparation=("clip",),
)
