"""What a task is, what it states about itself, and what it makes of the data once per study.

A task holds split, objectives, metrics, untrained baselines and threshold rule. Nothing else asks which task it is.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import torch

from trainables.models.base import Examples, Model, Sizes, TaskName

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """How an objective ranked random configurations by their test scores: Spearman's correlation, low, high (90 %)."""

    setting: str
    """What it was measured on."""
    within_series: tuple[float, float, float]
    """In the mean over single series."""
    over_fleet: tuple[float, float, float]
    """Of means over all series."""

    def in_words(self) -> str:
        """Put it into one sentence."""
        within, fleet = (
            f"{value:+.2f} [{low:+.2f}, {high:+.2f}]" for value, low, high in (self.within_series, self.over_fleet)
        )
        return (
            f"on {self.setting} its rank correlation with the test score of random configurations was {within} within "
            f"a series and {fleet} in means over all series"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What a search optimises: a number computed without the untouched part of the test split."""

    name: str
    direction: Direction
    primary_metric: str
    """Its test twin: the metric on the untouched part by which a study's result is stated, without its prefix."""
    needs_labels: bool
    needs_incidents: bool
    """Whether incidents must fit into the normal part of every series."""
    description: str
    epoch: Literal["last", "best"] = "last"
    """Which epoch of a model counts: its last, or the one with its best objective, whose weights are then restored."""
    evidence: Evidence | None = None
    """What it was measured to be worth; ``None`` where nobody did."""

    @property
    def only_labelled_series(self) -> bool:
        """Whether series without a labelled part say nothing, so that a search need not train them."""
        return self.needs_labels and not self.needs_incidents


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyData:
    """The data of a study, split and scaled: made once by a task, shared by all trials of a node."""

    objective: Objective
    series: Mapping[str, Any]
    """The prepared series by name, in the user's order; their type is the task's own."""
    objective_series: tuple[str, ...]
    """Series whose objective values a trial averages; a search trains these alone."""
    test_series: tuple[str, ...]
    """Series with an untouched part."""
    notes: tuple[str, ...]
    """What was filled, dropped, cut or left out, each as a sentence for the report."""
    data_hash: str
    """Identity of the raw values and of the labels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRequest:
    """The data of a study as a user asks for them; ``None`` leaves a choice to the data set or to the task."""

    data: str
    root: Path | None
    series: tuple[str, ...] | None
    label_column: str | None
    timestamp: str | None
    target: tuple[str, ...] | None
    horizon: int | None
    difference: str | None
    objective: str | None
    labelled_by: str | None
    full_test: bool
    seed: int
    """The study's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What was reached on one series once its test part was opened."""

    metrics: dict[str, float]
    """Keys ``test_<name>`` on what no search has seen, and ``full_<name>`` on the whole published part."""
    predictions: pa.Table
    """What figures and audits work from: a column ``series``, then the task's own."""
    threshold_source: str = ""
    """Where the alarm threshold comes from; empty where a task has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What a speed measurement times."""

    one: Callable[[], object]
    """Treats one window."""
    many: Callable[[], object]
    """Treats many, in large batches."""
    n_many: int


class Task(Protocol):
    """The protocol of one kind of question. A predictor is whatever :meth:`predictor` makes of a trained model."""

    name: TaskName
    objectives: Mapping[str, Objective]
    baselines: tuple[str, ...]
    validation_metric_names: tuple[str, ...]
    test_metric_names: tuple[str, ...]

    def open(self, request: DataRequest) -> StudyData:
        """Load, check, split and scale the data, once for a study.

        Raises:
            ValueError: If anything about the request or the data is wrong, in one line.
        """
        ...

    def has_test_scores(self, data: StudyData) -> bool:
        """Tell whether any series will have metrics on its untouched part."""
        ...

    def sizes(self, series: Any, config: Any) -> Sizes:
        """Return what a model must know of a series to be built.

        Raises:
            ValueError: If the series is too short for the configuration.
        """
        ...

    def examples(self, series: Any, config: Any, device: torch.device) -> Examples:
        """Return the training examples of a series."""
        ...

    def predictor(self, model: Model, config: Any, series: Any) -> Any:
        """Make a predictor of a model that was trained on a series."""
        ...

    def validate(
        self, predictor: Any, series: Any, *, config: Any, names: Collection[str], device: torch.device
    ) -> dict[str, float]:
        """Compute the named objectives, and what else there is to say of an epoch, on one series.

        Args:
            predictor: Of a model, or of a baseline.
            series: The prepared series.
            config: The model's; ``None`` for a baseline.
            names: The objectives wanted; those that the series or the predictor cannot give are left out.
            device: Where to compute.
        """
        ...

    def test(self, predictor: Any, series: Any, *, config: Any, full: bool, device: torch.device) -> Outcome:
        """Open the untouched part of one series.

        Args:
            predictor: As in :meth:`validate`.
            series: The prepared series.
            config: As in :meth:`validate`.
            full: Also state the metrics on the whole published test part.
            device: Where to compute.
        """
        ...

    def baseline(
        self, name: str, data: StudyData, *, seed: int, device: torch.device
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Make an untrained baseline: its configuration, and its predictor for every series."""
        ...

    def workload(self, predictor: Any, series: Any, device: torch.device) -> Workload:
        """Return what a speed measurement of a model's predictor times."""
        ...
