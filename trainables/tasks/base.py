"""What every task states about itself, and what it makes of the data once per study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What a search optimises: a number computed without the untouched part of the test split."""

    name: str
    direction: Direction
    primary_metric: str
    """Its test twin: the metric on the untouched part by which a study's result is stated, without its prefix."""
    needs_labels: bool
    description: str


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
