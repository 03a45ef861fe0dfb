"""A run: one configuration trained on one series under one seed, epoch by epoch."""

import copy
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from trainables.adam import Adam
from trainables.artifacts import Artifacts
from trainables.checkpoints import BadCheckpointError
from trainables.models.base import Family, Model, ModelConfig
from trainables.tasks.base import Objective, Task
from trainables.training import DivergedError, Pace, Precision, torch_generator, train_epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What all runs of a trial share."""

    family: Family
    config: ModelConfig
    task: Task
    objective: Objective
    seed: int
    max_epochs: int
    precision: Precision
    device: torch.device


class Run:
    """A model with its optimizer, and the epoch of it that counts."""

    def __init__(self, setting: Setting, series: Any) -> None:
        """Build the model, with weights drawn from the run's own stream."""
        self.setting, self.series = setting, series
        config = setting.config
        generator = torch_generator("cpu", setting.seed, series.name, "weights")
        model = setting.family.build(config, setting.task.sizes(series, config), generator)
        self.model: Model = model.to(setting.device)
        apart = {id(parameter) for parameter in model.undecayed()}
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = Adam(
            [parameter for parameter in learned if id(parameter) not in apart],
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            undecayed=[parameter for parameter in learned if id(parameter) in apart],
        )
        self.epoch = 0
        self.metrics: dict[str, float] = {}
        """Of the last epoch."""
        self.kept: dict[str, float] = {}
        """Of the epoch that counts so far."""
        self._kept_weights: dict[str, Any] | None = None
        self._waited = 0

    @property
    def over(self) -> bool:
        """Whether early stopping ended it."""
        patience = self.setting.config.recipe.patience
        return patience is not None and self._waited >= patience

    @property
    def n_params(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def prepare(self, artifacts: Artifacts) -> None:
        """Let the model learn what it learns before its first epoch."""
        examples = self.setting.task.examples(self.series, self.setting.config, self.setting.device)
        self.model.prepare(examples, artifacts)

    def train(self) -> None:
        """Train for one epoch.

        Raises:
            DivergedError: If the loss became NaN or infinite.
        """
        setting = self.setting
        self.epoch += 1
        examples = setting.task.examples(self.series, setting.config, setting.device)
        self.model.begin_epoch(self.epoch, examples)
        trained = train_epoch(
            self.model,
            self.optimizer,
            examples,
            recipe=setting.config.recipe,
            generator=torch_generator(setting.device, setting.seed, self.series.name, "epoch", self.epoch),
            pace=Pace(epoch=self.epoch, max_epochs=setting.max_epochs),
            precision=setting.precision,
        )
        self.metrics = {"train_loss": trained.loss}
        if setting.objective.epoch == "last":
            self.kept = dict(self.metrics)

    def validate(self, names: Collection[str]) -> None:
        """Validate the epoch that was just trained, and keep it if it is the one that counts.

        Raises:
            DivergedError: If the objective became NaN or infinite, however good an earlier epoch was.
        """
        found = self.setting.task.validate(
            self.predictor(), self.series, config=self.setting.config, names=names, device=self.setting.device
        )
        self.metrics |= found | self.model.measures()
        self._keep_if_it_counts()

    def finish(self) -> None:
        """Restore the weights of the epoch that counts: nothing is trained after this."""
        if self._kept_weights is not None:
            self.model.load_state_dict(self._kept_weights)

    def predictor(self) -> Any:
        """Make a predictor of the model as it is."""
        return self.setting.task.predictor(self.model, self.setting.config, self.series)

    def state_dict(self, *, trains_on: bool = True) -> dict[str, Any]:
        """Return what a checkpoint must hold to go on as if nothing had happened.

        Args:
            trains_on: Whether there is anything left to train; what is only tested needs a third of the space.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict() if trains_on else None,
            "kept_weights": self._kept_weights,
            "metrics": dict(self.metrics),
            "kept": dict(self.kept),
            "waited": self._waited,
            "epoch": self.epoch,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state of a checkpoint over.

        Raises:
            BadCheckpointError: If it belongs to another model.
        """
        try:
            self.model.load_state_dict(state["model"])
            if state["optimizer"] is not None:
                self.optimizer.load_state_dict(state["optimizer"])
            self._kept_weights = state["kept_weights"]
            self.metrics, self.kept = dict(state["metrics"]), dict(state["kept"])
            self._waited, self.epoch = state["waited"], state["epoch"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise BadCheckpointError(f"it does not fit: {error}") from error

    def _keep_if_it_counts(self) -> None:
        objective = self.setting.objective
        if objective.epoch == "last" or objective.name not in self.metrics:
            self.kept = dict(self.metrics)
            return
        value = self.metrics[objective.name]
        if not math.isfinite(value):
            raise DivergedError(f"the objective {objective.name} became {value} in epoch {self.epoch}")
        best = self.kept.get(objective.name)
        if best is None or (value > best if objective.direction == "maximize" else value < best):
            self.kept, self._waited = dict(self.metrics), 0
            self._kept_weights = copy.deepcopy(self.model.state_dict())
        else:
            self._waited += 1
