"""The configuration of M2-MOEP (:mod:`trainables.models.m2moep`)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from trainables.models.base import ForecasterConfig, check_range


@dataclass(frozen=True, kw_only=True, slots=True)
class M2MOEPConfig(ForecasterConfig):
    """Every hyperparameter of M2-MOEP."""

    family: ClassVar[str] = "m2moep"

    tokens: Literal["variates", "patches", "time"]
    """What the experts' sequences are made of: columns, patches of one column, or steps."""
    instance_norm: bool
    """Whether the experts see windows without their level and scale, which their forecasts are given back."""
    n_experts: int
    """One expert has no gate, and neither flow, pseudo-labels nor any loss but the forecast's."""
    top_k: int
    """Experts that take part in a forecast."""
    own_loss: float
    """Share of the forecast's loss that is the experts' own error instead of their mixture's, in [0, 1]. The higher it
    is, the better each expert is alone, and the more alike they are."""
    d_model: int
    d_state: int
    n_layers: int
    n_scales: int
    """Step sizes that each Mamba block runs in parallel."""
    expert_core: Literal["mamba", "min_gru", "linear"]
    """What mixes tokens; ``linear`` mixes nothing."""
    fft: Literal["none", "modes", "learned"]
    """``modes``: amplitude and phase of a few frequencies are added to the tokens; ``learned``: a learned filter of the
    spectrum is added to the window."""
    fft_modes: int
    embedding: int
    """Width of what the gate compares."""
    temperature: float
    """Of the metric gate."""
    triplet_margin: float
    gating: Literal["metric", "softmax", "uniform", "random"]
    """``softmax``: a linear map of the embedding instead of distances; ``uniform``: all experts alike; ``random``: by a
    projection of the latent that is never trained."""
    flow: Literal["pretrained", "finetuned", "untrained", "raw"]
    """What the gate sees: the latent of a flow, or with ``raw`` the reduced window itself."""
    flow_depth: int
    flow_width: int
    pseudo_labels: Literal["dynamic", "frozen", "random"]
    pseudo_label_refresh: int
    """Epochs between refreshes."""
    loss_weights: Literal["uncertainty", "fixed"]
    dropout: float

    def __post_init__(self) -> None:
        ForecasterConfig.__post_init__(self)  # super() is not available in a dataclass with slots
        check_range("n_experts", self.n_experts, 1, 64)
        check_range("top_k", self.top_k, 1, self.n_experts)
        for name in ("d_model", "d_state", "embedding", "flow_width", "fft_modes"):
            check_range(name, getattr(self, name), 1, 4096)
        for name in ("n_layers", "n_scales", "flow_depth"):
            check_range(name, getattr(self, name), 1, 16)
        check_range("temperature", self.temperature, 1e-3, 1e3)
        check_range("triplet_margin", self.triplet_margin, 0, 2)
        check_range("pseudo_label_refresh", self.pseudo_label_refresh, 1, 1000)
        check_range("own_loss", self.own_loss, 0, 1)
        check_range("dropout", self.dropout, 0, 1, open_high=True)

    @property
    def has_gate(self) -> bool:
        """Whether there is anything to weigh experts by."""
        return self.n_experts > 1 and self.gating != "uniform"

    @property
    def has_triplets(self) -> bool:
        """Whether the gate is learned, from pseudo-labels among other things."""
        return self.has_gate and self.gating != "random"

    @property
    def losses(self) -> tuple[str, ...]:
        """Which losses there are."""
        learned = ("triplet", "balance") if self.has_triplets else ()
        likelihood = ("likelihood",) if self.has_gate and self.flow == "finetuned" else ()
        return ("forecast", *learned, *likelihood)
