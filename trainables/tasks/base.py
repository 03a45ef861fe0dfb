"""What every task states about itself, and what it makes of the data once per study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
