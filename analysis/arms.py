"""The trials behind each row of a comparison, and their values as blocks.

``[S, K]`` = series, seeds.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np

from analysis.ablation.interim import choose_seen
from analysis.formatting import format_value
from analysis.intervals import Blocks
from analysis.metric_catalogue import RANDOM, label_baseline
from analysis.records import Records, Trial
from analysis.trial_table import KEPT

Basis = Literal["confirmed", "searched"]

VARIANT = "published_variant"
"""Arm, and in a search the source, of the published configuration with another preparation of the data."""
SHOWN_WITHOUT_CONFIRMATION = 5
"""Best search trials that are shown where nothing was confirmed."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Arm:
    """One configuration under all its seeds, or one untrained baseline."""

    label: str
    kind: Literal["configuration", "baseline"]
    is_published: bool
    is_variant: bool
    """Whether it is the published configuration with another preparation of the data."""
    trials: tuple[Trial, ...]
    search_trial: Trial | None = None
    """The best trial of the search that had this configuration."""
    has_seeds: bool = True
    """Whether its values differ from seed to seed."""

    @property
    def completed(self) -> list[Trial]:
        """The trials that ran to full fidelity."""
        return [trial for trial in self.trials if trial.status == "COMPLETED"]

    @property
    def seeds(self) -> set[str]:
        """The seeds under which it completed."""
        return {_seed_of(trial) for trial in self.completed}


class Measurements:
    """Values of arms as blocks ``[S, K]``, the same series and seeds in the same places for every arm."""

    def __init__(self, records: Records, arms: Sequence[Arm]) -> None:
        self._study, self._objective = records.study, records.objective_name
        self._values = records.last_values([trial.trial_id for arm in arms for trial in arm.completed])
        self.seeds = sorted(set().union(*(arm.seeds for arm in arms)), key=lambda seed: (len(seed), seed))

    def objective(self, arm: Arm) -> Blocks:
        """Return the objective's values."""
        return self._blocks(arm, self._objective, self._study["objective_series"])

    def test(self, arm: Arm, metric: str, *, part: str = "test") -> Blocks:
        """Return a metric's values on the untouched part (``test``) or on the whole published one (``full``)."""
        return self._blocks(arm, f"{part}_{metric}", self._study["test_series"])

    def _blocks(self, arm: Arm, name: str, series: Sequence[str]) -> Blocks:
        seeds = self.seeds if arm.has_seeds else sorted(arm.seeds)[:1]
        found = np.full((len(series), max(1, len(seeds))), np.nan)
        for trial in arm.completed:
            values = self._values.get(trial.trial_id, {})
            if _seed_of(trial) in seeds:
                place = seeds.index(_seed_of(trial))
                found[:, place] = [value_that_counts(values.get(one, {}), name) for one in series]
        return found


def value_that_counts(values: Mapping[str, float], name: str) -> float:
    """Return a metric's value at the epoch that counts: the best one where the study kept it, else the last."""
    return values.get(f"{KEPT}{name}", values.get(name, np.nan))


def find_configurations(records: Records) -> tuple[Basis, list[Arm]]:
    """Group the confirmation trials by configuration; where none is complete, take the best of the search.

    In an ablation they are the base and, where the study ran it, the published configuration.
    """
    if records.study.get("ablation"):
        return "confirmed", _find_bases(records)
    searched: dict[str, Trial] = {}
    for trial in rank_search(records):
        searched.setdefault(trial.config_hash, trial)
    confirmed: dict[str, list[Trial]] = {}
    for trial in records.of_stage("confirm"):
        confirmed.setdefault(trial.config_hash, []).append(trial)
    if any(trial.status == "COMPLETED" for trials in confirmed.values() for trial in trials):
        return "confirmed", [_make_arm(records, trials, searched.get(key)) for key, trials in confirmed.items()]
    shown = list(searched.values())[:SHOWN_WITHOUT_CONFIRMATION]
    shown += [trial for trial in searched.values() if _is_published(records, trial) and trial not in shown]
    return "searched", [_make_arm(records, [trial], trial) for trial in shown]


def find_baselines(records: Records) -> list[Arm]:
    """Group the trials of the untrained baselines."""
    by_arm: dict[str, list[Trial]] = {}
    for trial in records.of_stage("baseline"):
        by_arm.setdefault(trial.arm, []).append(trial)
    return [
        Arm(
            label=label_baseline(name),
            kind="baseline",
            is_published=False,
            is_variant=False,
            trials=tuple(trials),
            has_seeds=name == RANDOM or len(trials) > 1,
        )
        for name, trials in by_arm.items()
    ]


def choose_best(records: Records, arms: Sequence[Arm]) -> tuple[Arm, bool]:
    """Return the arm that won, and whether the study itself selected it before it opened the test split.

    The base of an ablation was selected before the study began. Before a search has selected, the best is the one with
    the best mean objective among those with the most seeds.
    """
    fixed = records.study["ablation"]["base"]["config_hash"] if records.study.get("ablation") else records.log.selected
    for arm in arms:
        if arm.trials[0].config_hash == fixed:
            return arm, True
    most = max(len(arm.completed) for arm in arms)
    return max((arm for arm in arms if len(arm.completed) == most), key=lambda arm: height(records, arm)), False


def height(records: Records, arm: Arm) -> float:
    """Return an arm's mean objective, turned so that higher is better; the lowest of all where there is none."""
    values = [trial.objective for trial in arm.completed if trial.objective is not None]
    if not values:
        return -np.inf
    return fmean(values) if records.maximize else -fmean(values)


def rank_search(records: Records) -> list[Trial]:
    """List the completed trials of the search, the best objective first, earlier ones first among equals."""
    completed = [
        (trial.objective, trial)
        for trial in records.of_stage("search")
        if trial.status == "COMPLETED" and trial.objective is not None
    ]
    return [trial for _, trial in sorted(completed, key=lambda pair: pair[0], reverse=records.maximize)]


def _find_bases(records: Records) -> list[Arm]:
    """Take the base of an ablation, and the published configuration where it ran; until either is complete, none."""
    base = records.study["ablation"]["base"]
    groups: dict[str, list[Trial]] = {}
    for trial in choose_seen(records.of_stage("ablate_frozen"), records.log):
        if trial.config_hash == base["config_hash"] or _is_published(records, trial):
            groups.setdefault(trial.config_hash, []).append(trial)
    if not any(trial.status == "COMPLETED" for trial in groups.get(base["config_hash"], ())):
        return []
    arms = [_make_arm(records, trials, None) for trials in groups.values()]
    return [arm if arm.is_published else dataclasses.replace(arm, label=base["label"]) for arm in arms]


def _make_arm(records: Records, trials: Sequence[Trial], search_trial: Trial | None) -> Arm:
    is_published, is_variant = _is_published(records, trials[0]), VARIANT in (trials[0].arm, trials[0].source)
    label = (search_trial or trials[0]).trial_id
    if is_published:
        label = "published"
    elif is_variant:
        prepared = [f"{name} {format_value(trials[0].config[name])}" for name in records.study["preparation"]]
        label = ", ".join(["published", *prepared])
    return Arm(
        label=label,
        kind="configuration",
        is_published=is_published,
        is_variant=is_variant,
        trials=tuple(trials),
        search_trial=search_trial,
    )


def _is_published(records: Records, trial: Trial) -> bool:
    return bool(dict(trial.config) == records.study["published"])


def _seed_of(trial: Trial) -> str:
    """Name the seed; a search trial that stands in for a confirmation has but one, its own."""
    return trial.block or "seed-0"
