"""M2-MOEP: what is searched, why so far, and which of its parts can be removed.

References:
    The family's specification for the parts; its public code for margin, number of experts, scales and refresh. It
    measures no ablation, so no change is expected of any arm.
"""

from search_spaces.ablation import Factor, Level, curve
from search_spaces.asking import Asker
from search_spaces.space import SearchSpace

DEFAULTS = {
    "tokens": "variates",
    "instance_norm": True,
    "lookback": 96,
    "n_experts": 4,
    "top_k": 2,
    "own_loss": 0.5,
    "d_model": 32,
    "d_state": 16,
    "n_layers": 1,
    "n_scales": 3,
    "expert_core": "mamba",
    "fft": "modes",
    "fft_modes": 16,
    "embedding": 32,
    "temperature": 0.5,
    "triplet_margin": 0.5,
    "gating": "metric",
    "flow": "pretrained",
    "flow_depth": 4,
    "flow_width": 64,
    "pseudo_labels": "dynamic",
    "pseudo_label_refresh": 1,
    "loss_weights": "uncertainty",
    "dropout": 0.1,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "batch_size": 32,
    "gradient_clip": 1.0,
    "schedule": "cosine",
    "patience": 3,
}


def suggest(trial: Asker) -> dict[str, object]:
    """Ask for one configuration."""
    config: dict[str, object] = {
        # One choice, for what it costs: on ETTh1 an epoch takes 11 s with a token per column, 59 with patches and 83
        # with a token per step, and patches gained nothing. --range tokens=variates,patches,time searches all three.
        "tokens": trial.suggest_categorical("tokens", ("variates",)),
        # Workloads drift, so a window's level says little; where it does matter, this is the switch.
        "instance_norm": trial.suggest_categorical("instance_norm", (True, False)),
        # Four days, eight days and two weeks of hours; the lookbacks that published tables are made for.
        "lookback": trial.suggest_categorical("lookback", (96, 192, 336)),
        # One expert is no mixture (the ablation has it); eight is as many as 8,000 windows can tell apart.
        "n_experts": trial.suggest_int("n_experts", 2, 8),
        # Half to twice the published width; all of it is paid for once per expert, direction and step size: eight
        # experts of 128 in three layers take twenty times as long as the published ones, and the narrowest won on
        # ETTh1 and on a Bitbrains trace. More is searched by --range d_model=16,32,64,128 --range n_layers=1..3.
        "d_model": trial.suggest_categorical("d_model", (16, 32, 64)),
        "d_state": trial.suggest_categorical("d_state", (8, 16, 32)),
        "n_layers": trial.suggest_int("n_layers", 1, 2),
        # 1, 2, 4 and 8 times the learned step sizes; ms-Mamba's best were these four.
        "n_scales": trial.suggest_int("n_scales", 1, 4),
        # From none to a third of the values.
        "dropout": trial.suggest_float("dropout", 0.0, 0.3),
        # Around Adam's usual 1e-3; above 5e-3 the scan's step sizes diverge, below 2e-4 ten epochs are too few.
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 5e-3, log=True),
        # None is the default; as an L2 penalty anything above 1e-3 drives weights of this size to zero.
        "weight_decay": trial.suggest_float_or("weight_decay", 0.0, 1e-6, 1e-3, log=True),
        # Triplets are made within a batch: fewer than 32 windows hold too few of each label, more leave few steps.
        "batch_size": trial.suggest_categorical("batch_size", (32, 64, 128)),
    }
    return {**config, **_suggest_spectrum(trial), **_suggest_routing(trial, config["n_experts"])}


def _suggest_spectrum(trial: Asker) -> dict[str, object]:
    """Ask for what the experts are told of frequencies."""
    fft = trial.suggest_categorical("fft", ("none", "modes", "learned"))
    if fft != "modes":
        return {"fft": fft}
    # A window of 96 steps has 48 frequencies; the day and its harmonics are among the strongest 16.
    return {"fft": fft, "fft_modes": trial.suggest_categorical("fft_modes", (4, 8, 16, 32))}


def _suggest_routing(trial: Asker, n_experts: object) -> dict[str, object]:
    """Ask for a gate and what it learns from, unless a study fixes a single expert."""
    assert isinstance(n_experts, int)
    if n_experts == 1:
        return {"top_k": 1}
    return {
        # One range for every number of experts, since samplers compare trials by it; beyond it stands for all of them.
        "top_k": min(trial.suggest_int("top_k", 1, 8), n_experts),
        # From experts that only have to be good together to experts that each learn everything.
        "own_loss": trial.suggest_float("own_loss", 0.0, 1.0),
        # The embedding has to hold a few clusters, not the window.
        "embedding": trial.suggest_categorical("embedding", (8, 16, 32, 64)),
        # Squared distances lie in [0, 4]: from nearly one expert per window to nearly all alike.
        "temperature": trial.suggest_float("temperature", 0.05, 2.0, log=True),
        # Distances on the unit sphere end at 2, and no margin beyond can be met.
        "triplet_margin": trial.suggest_float("triplet_margin", 0.1, 2.0, log=True),
        # A flow costs seconds, once; depth and width decide how near to normal its latent comes.
        "flow_depth": trial.suggest_categorical("flow_depth", (2, 4, 8)),
        "flow_width": trial.suggest_categorical("flow_width", (32, 64, 128)),
        # A refresh takes about a tenth of an epoch; after five epochs most of what labels are based on has changed.
        "pseudo_label_refresh": trial.suggest_int("pseudo_label_refresh", 1, 5),
    }


def _switch(parameter: str, *levels: str) -> Factor:
    """Make a component of one parameter, named after it; the first level is the published one."""
    published, *others = levels
    return Factor(
        name=parameter,
        kind="component",
        levels=(
            Level(name=published, changes={}),
            *(Level(name=level, changes={parameter: level}) for level in others),
        ),
    )


FACTORS = (
    Factor(
        name="fft",
        kind="component",
        levels=(
            Level(name="modes", changes={}),
            Level(name="none", changes={"fft": "none"}),
            Level(name="learned", changes={"fft": "learned"}),
        ),
    ),
    Factor(
        name="scales",
        kind="component",
        levels=(Level(name="3", changes={}), Level(name="1", changes={"n_scales": 1})),
    ),
    Factor(
        name="experts",
        kind="component",
        levels=(
            Level(name="4", changes={}),
            Level(name="1", changes={"n_experts": 1, "top_k": 1}),
            # Its size includes the flow and the gate that one expert does without.
            Level(name="1 widened", changes={"n_experts": 1, "top_k": 1}, widened="d_model"),
        ),
    ),
    _switch("gating", "metric", "softmax", "uniform", "random"),
    _switch("pseudo_labels", "dynamic", "frozen", "random"),
    _switch("loss_weights", "uncertainty", "fixed"),
    _switch("flow", "pretrained", "raw", "untrained", "finetuned"),
    _switch("expert_core", "mamba", "min_gru", "linear"),
    curve("tokens", ("variates", "patches", "time"), "variates"),
)

SPACE = SearchSpace(
    name="m2moep",
    family="m2moep",
    description="mixture of multi-scale Mamba experts with a metric-learning gate, workload forecasting",
    suggest=suggest,
    defaults=DEFAULTS,
    data="sample_workload",
    trials=12,
    max_epochs=4,
    factors=FACTORS,
)
