"""What can be done next in a study: the words in which decisions are given to whoever carries them out."""

from dataclasses import dataclass, field
from typing import Any

from cluster.plan import Config
from cluster.state import Group, Stage
from trainables.segment import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Begin a search trial: with the given configuration, else with one that the sampler proposes."""

    number: int
    config: Config | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tune:
    """Begin a trial of one of an arm's own searches: with the given configuration, else as its sampler proposes."""

    trial_id: str
    group: Group
    factor: str
    level: str
    number: int
    """Of the trial within its search."""
    seed: int
    config: Config | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """Begin a trial that checks the objective, with a configuration drawn at random."""

    number: int
    """Of the trial."""
    index: int
    """Of the configuration, which may have several seeds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Create:
    """Begin a trial whose configuration is known."""

    trial_id: str
    stage: Stage
    arm: str
    factor: str | None = None
    level: str | None = None
    number: int
    config: Config
    seed: int
    block: str | None
    series: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Hand a trial to a worker."""

    trial_id: str
    work: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Put an event on record that follows from those before it."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Nothing can begin before a worker reports."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Nothing is left to do."""

    failure: str = ""
    """Why the study has no answer; empty where it has one."""


Action = Ask | Tune | Draw | Create | Run | Record | Wait | Done
