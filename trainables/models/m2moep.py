"""M2-MOEP: a mixture of Mamba experts whose gate learns a metric over windows, from labels the experts give themselves.

A window goes two ways: to every expert, and through a normalising flow to the gate that weighs the experts' forecasts.

Shapes: ``[B]`` batch, ``[L]`` lookback, ``[C]`` columns, ``[H]`` horizon, ``[D]`` target columns, ``[E]`` experts,
``[Z]`` values of a reduced window.

References:
    The family's specification ("M²-MOEP: 一种基于Mamba与度量学习的混合专家模型用于端到端时变工作负载预测"). Where its
    public code differs from its text, the text is followed: gradients reach the step sizes, triplets are made of whole
    batches, the flow is a density on windows, and no other network silently stands in for Mamba. Krogh and Vedelsby
    1995, "Neural Network Ensembles, Cross Validation, and Active Learning", equation 7: experts' own errors exceed that
    of their mixture by how much they differ.
"""

import torch
from torch import Tensor, nn

from trainables.artifacts import Artifacts
from trainables.kernels.selective_scan import scan_backend
from trainables.models import flow
from trainables.models.base import Examples, Family, Model, Sizes
from trainables.models.flow import Reduction, WindowFlow, reduce_all, train_flow
from trainables.models.frequency import LearnedFilter, Modes
from trainables.models.instance_norm import Level
from trainables.models.m2moep_config import M2MOEPConfig
from trainables.models.m2moep_experts import Experts, ExpertSizes, fork
from trainables.models.metric_gate import Gate, Routing, balance_loss
from trainables.models.pseudo_labels import WARM_UP_EPOCHS, PseudoLabels, spread
from trainables.models.running_means import RunningMeans
from trainables.models.uncertainty import LossWeights

_READ_AT_ONCE = 256
_MOST_READ = 2000
"""Training windows by which modes are chosen."""


class M2MOEP(Model):
    """The module; all experts, their directions and their step sizes are computed together."""

    routed: Tensor

    def __init__(self, config: M2MOEPConfig, sizes: Sizes, generator: torch.Generator) -> None:
        """Draw the weights, each part's from a stream of its own."""
        super().__init__()
        self.config, self.sizes = config, sizes
        for_experts, for_gate, for_labels, for_flow = fork(generator, 4)
        self.modes, self.filter = _build_spectrum(config, sizes)
        self.experts = Experts(_expert_sizes(config, self.modes), sizes, for_experts)
        self.reduction = Reduction.of(lookback=config.lookback, n_features=sizes.n_features)
        self.flow = _build_flow(config, self.reduction, for_flow.initial_seed())
        self.gate = _build_gate(config, self.reduction, for_gate)
        self.pseudo_labels = _build_labels(config, sizes, for_labels)
        self.loss_weights = LossWeights(config.losses, learned=config.loss_weights == "uncertainty")
        # A learned gate routes from the second epoch on: before, all experts take part alike.
        self.register_buffer("routed", torch.tensor(not config.has_triplets))
        self._means = RunningMeans()

    def prepare(self, examples: Examples, artifacts: Artifacts) -> None:
        """Choose the modes by the training windows, and take over a flow that was trained on them."""
        if self.modes is not None:
            windows, _ = examples.take(spread(len(examples), _MOST_READ, examples.device))
            self.modes.choose(Level.of(windows).remove(windows))  # no window counts for more than another
        if self.flow is None or self.config.flow == "untrained":
            return
        depth, width = self.config.flow_depth, self.config.flow_width
        key = {
            "lookback": self.config.lookback,
            "n_windows": len(examples),
            "n_values": self.reduction.n_values,
            "depth": depth,
            "width": width,
            "training": [flow.EPOCHS, flow.MOST_STEPS, flow.BATCH_SIZE, flow.LEARNING_RATE, flow.NOISE_SD],
        }

        def make(seed: int) -> dict[str, Tensor]:
            return train_flow(reduce_all(examples, self.reduction), depth=depth, width=width, seed=seed)

        self.flow.load_state_dict(artifacts.get("flow", key, make))

    @torch.no_grad()
    def begin_epoch(self, epoch: int, examples: Examples) -> None:
        """Begin to route after the warm-up, and refresh the pseudo-labels when they are due."""
        self._means = RunningMeans()
        labels = self.pseudo_labels
        if labels is None or epoch <= WARM_UP_EPOCHS:
            return
        self.routed.fill_(True)
        if labels.is_due(epoch):
            judged = torch.split(labels.judged(), _READ_AT_ONCE)
            labels.refresh(torch.cat([self._errors(*examples.take(part)) for part in judged]))

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Forecast ``[B, H, D]`` from windows ``[B, L, C]``; dropout only with a generator."""
        routing = None if self.gate is None else self.gate(self._latents(self.reduction(inputs)))
        return self._mix(self.forecast_each(inputs, generator), routing)

    def forecast_each(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Forecast ``[E, B, H, D]`` with every expert."""
        level = Level.of(inputs) if self.config.instance_norm else None
        windows = inputs if level is None else level.remove(inputs)
        spectrum = None if self.modes is None else self.modes(windows)
        if self.filter is not None:
            windows = self.filter(windows)
        forecasts: Tensor = self.experts(windows, spectrum, generator)
        return forecasts if level is None else level.restore(forecasts, self.sizes.targets)

    def training_loss(
        self, inputs: Tensor, wanted: Tensor, indices: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Compute the weighted sum of the forecast's squared error and of the losses that train gate and flow."""
        forecasts = self.forecast_each(inputs, generator)
        losses: dict[str, Tensor] = {}
        routing = None
        if self.gate is not None:
            reduced = self.reduction(inputs)
            routing = self.gate(self._latents(reduced))
            losses |= self._gate_losses(routing, indices)
            if "likelihood" in self.config.losses:
                assert self.flow is not None
                losses["likelihood"] = self.flow.loss(reduced, generator)
                self._means.add("likelihood_loss", losses["likelihood"])
        losses = {"forecast": self._forecast_loss(forecasts, routing, wanted), **losses}
        weighted: Tensor = self.loss_weights(losses)
        return weighted

    def undecayed(self) -> list[nn.Parameter]:
        """List the parameters that weight decay must leave alone."""
        of_gate = [] if self.gate is None else self.gate.undecayed()
        return [*self.experts.undecayed(), *of_gate, self.loss_weights.unbounded]

    def measures(self) -> dict[str, float]:
        """Say how the experts were used in the epoch, what the gate learned, and how the losses are weighed."""
        weights = {f"loss_weight_{name}": float(weight) for name, weight in self.loss_weights.current().items()}
        labels = self.pseudo_labels
        changes = {} if labels is None or labels.changes < 0 else {"label_changes": float(labels.changes)}
        return self._means.read() | weights | changes

    def _latents(self, reduced: Tensor) -> Tensor:
        """What the gate sees of reduced windows ``[B, Z]``; a flow that is not trained on needs no graph."""
        if self.flow is None:
            return reduced
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.config.flow == "finetuned"):
            latents: Tensor = self.flow(reduced)
        return latents

    def _mix(self, forecasts: Tensor, routing: Routing | None) -> Tensor:
        """Average the experts' forecasts ``[E, B, H, D]`` by the gate's weights: ``[B, H, D]``."""
        if routing is None:
            return forecasts.mean(dim=0)
        weights = torch.where(self.routed, routing.weights, 1 / len(forecasts))
        return torch.einsum("be,ebhd->bhd", weights, forecasts)

    def _forecast_loss(self, forecasts: Tensor, routing: Routing | None, wanted: Tensor) -> Tensor:
        """Blend the mixture's squared error with the mean of the experts' own; in the warm-up only theirs count.

        Trained by the mixture's error alone, experts lean on each other, and fail as soon as a gate leaves one out.
        """
        mixture = nn.functional.mse_loss(self._mix(forecasts, routing), wanted)
        self._means.add("forecast_loss", mixture)
        if len(forecasts) == 1:
            return mixture
        own = (forecasts - wanted).square().mean()
        return torch.lerp(mixture, own, torch.where(self.routed, self.config.own_loss, 1.0))

    def _gate_losses(self, routing: Routing, indices: Tensor) -> dict[str, Tensor]:
        first = routing.shares.argmax(dim=-1)
        used = torch.where(self.routed, routing.weights, 1 / self.config.n_experts)
        self._means.add("expert_usage", used.sum(dim=0), len(used))
        ranked_first = nn.functional.one_hot(first, self.config.n_experts).sum(dim=0)
        self._means.add("expert_top1_share", ranked_first, len(first))
        if self.gate is None or self.pseudo_labels is None or routing.embeddings is None:
            return {}
        known = torch.where(self.routed, self.pseudo_labels.labels[indices], -1)
        triplets = self.gate.triplets(routing.embeddings, known, self.config.triplet_margin)
        self._means.add("triplet_violations", triplets.n_violations, triplets.n_anchors)
        self._means.add("label_agreement", (known == first).sum(), (known >= 0).sum())
        self._means.add("labelled_share", (known >= 0).sum(), len(known))
        losses = {"triplet": triplets.loss, "balance": balance_loss(routing.shares)}
        for name, loss in losses.items():
            self._means.add(f"{name}_loss", loss)
        return losses

    def _errors(self, inputs: Tensor, wanted: Tensor) -> Tensor:
        """Return each expert's mean squared error on each example, without dropout: ``[B, E]``."""
        errors = self.forecast_each(inputs) - wanted
        return errors.square_().mean(dim=(2, 3)).T


def _build_spectrum(config: M2MOEPConfig, sizes: Sizes) -> tuple[Modes | None, LearnedFilter | None]:
    modes = Modes(lookback=config.lookback, n_modes=config.fft_modes) if config.fft == "modes" else None
    learned = config.fft == "learned"
    return modes, LearnedFilter(lookback=config.lookback, n_features=sizes.n_features) if learned else None


def _expert_sizes(config: M2MOEPConfig, modes: Modes | None) -> ExpertSizes:
    return ExpertSizes(
        n_experts=config.n_experts,
        tokens=config.tokens,
        core=config.expert_core,
        lookback=config.lookback,
        width=config.d_model,
        n_states=config.d_state,
        n_layers=config.n_layers,
        n_scales=config.n_scales,
        dropout=config.dropout,
        n_spectral=0 if modes is None else modes.n_features,
    )


def _build_flow(config: M2MOEPConfig, reduction: Reduction, seed: int) -> WindowFlow | None:
    if not config.has_gate or config.flow == "raw":
        return None
    built = WindowFlow(n_values=reduction.n_values, depth=config.flow_depth, width=config.flow_width, seed=seed)
    return built.requires_grad_(config.flow == "finetuned")


def _build_gate(config: M2MOEPConfig, reduction: Reduction, generator: torch.Generator) -> Gate | None:
    if config.n_experts == 1 or config.gating == "uniform":
        return None
    return Gate(
        kind=config.gating,
        n_inputs=reduction.n_values,
        width=config.embedding,
        n_experts=config.n_experts,
        top_k=config.top_k,
        temperature=config.temperature,
        generator=generator,
    )


def _build_labels(config: M2MOEPConfig, sizes: Sizes, generator: torch.Generator) -> PseudoLabels | None:
    if not config.has_triplets:
        return None
    return PseudoLabels(
        kind=config.pseudo_labels,
        n_examples=sizes.n_examples,
        n_experts=config.n_experts,
        every=config.pseudo_label_refresh,
        generator=generator,
    )


FAMILY = Family(
    name="m2moep",
    task="forecast",
    config=M2MOEPConfig,
    build=M2MOEP,
    kernel=scan_backend,
)
