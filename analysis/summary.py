"""Everything a report says, computed once from a study's folder: the single source of every number in it."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from analysis.ablation.progress import find_ablation_phase
from analysis.ablation.result import Ablation, study_ablation
from analysis.arms import rank_search
from analysis.commands import reproduce_command
from analysis.contenders import Comparison, Contender, compare
from analysis.convergence import (
    AnytimePoint,
    Ending,
    RungCurve,
    Thrift,
    anytime_curve,
    early_stopping_thrift,
    rung_curves,
)
from analysis.formatting import format_range
from analysis.origin import Provenance, describe_origin
from analysis.records import Records, Trial
from analysis.validity import ObjectiveCheck, check_objectives

SCHEMA = "ablatune-report/1"

Phase = Literal["search", "confirmation", "ablation", "test", "check", "finished", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorGroup:
    """Trials that failed in the same way."""

    error: str
    """Of the first of them."""
    trials: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterRow:
    """One hyperparameter of the best configuration."""

    name: str
    value: object
    published: object
    changed: bool
    used: bool
    """Whether its condition holds, so that it takes part at all."""
    searched: str
    """Its range, or why it has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """How the search came along."""

    n_trials: int
    n_completed: int
    best_trial: str | None
    best: float | None
    published: float | None
    """The published configuration's own objective in the search, at full fidelity."""
    after_test: tuple[str, ...]
    """Trials that began after the test split was opened."""
    exhausted: bool
    thrift: Thrift
    anytime: tuple[AnytimePoint, ...]
    curves: tuple[RungCurve, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A study's result."""

    phase: Phase
    provenance: Provenance
    trials: Mapping[str, Mapping[str, int]]
    """Number of trials by stage and status."""
    errors: tuple[ErrorGroup, ...]
    comparison: Comparison | None
    ablation: Ablation | None
    """``None`` in the study of a search."""
    parameters: tuple[ParameterRow, ...]
    """Of the best configuration."""
    commands: Mapping[str, str]
    """How to reproduce each configuration, by label; empty in an ablation, which its own command reproduces."""
    search: Search
    check: ObjectiveCheck | None
    """How well the objective ranks, where that was measured."""
    notes: tuple[str, ...]

    @property
    def is_decided(self) -> bool:
        """Tell whether the rows of the comparison are final."""
        return self.phase in ("check", "finished", "failed")


def summarize(records: Records) -> Summary:
    """Compute everything that a report says about a study."""
    comparison, ablation = compare(records), study_ablation(records)
    return Summary(
        phase=find_ablation_phase(records) if records.study.get("ablation") else _find_phase(records),
        provenance=describe_origin(records),
        trials=_count_trials(records.trials),
        errors=group_errors(records.trials),
        comparison=comparison,
        ablation=ablation,
        parameters=_list_parameters(records.study, comparison.best) if comparison else (),
        # A study of its own would have confirmation seeds, not those of the ablation: its numbers would differ.
        commands=_list_commands(records.study, comparison.configurations) if comparison and not ablation else {},
        search=_describe_search(records) if ablation is None else _describe_searches(records),
        check=check_objectives(records),
        notes=tuple(records.study.get("notes", ())),
    )


def group_errors(trials: Sequence[Trial]) -> tuple[ErrorGroup, ...]:
    """Group trials by their error, the most frequent first; numbers and addresses in it do not tell two apart."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.error:
            groups.setdefault(re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?(e[+-]?\d+)?", "#", trial.error), []).append(trial)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return tuple(ErrorGroup(error=group[0].error, trials=tuple(trial.trial_id for trial in group)) for group in ordered)


def _find_phase(records: Records) -> Phase:
    """Tell how far the study has come, also when its driver died."""
    running = {trial.stage for trial in records.trials if trial.status == "RUNNING"}
    searched, confirmed = records.of_stage("search"), records.of_stage("confirm")
    asked_all = records.log.exhausted or len(searched) >= (records.log.budget or 0)
    if "search" in running or not searched or not asked_all:
        return "search"
    if not _any_completed(searched) or (confirmed and not running and not _any_completed(confirmed)):
        return "failed"
    if records.log.is_over:
        return "finished"
    if records.study["spec"]["confirm_top"] > 0 and ("confirm" in running or records.log.selected is None):
        return "confirmation"
    if "baseline" in running or _awaits_test(records):
        return "test"
    return "check" if records.log.checks else "finished"


def _any_completed(trials: Sequence[Trial]) -> bool:
    return any(trial.status == "COMPLETED" for trial in trials)


def _awaits_test(records: Records) -> bool:
    if not records.log.test_opened:
        return True
    untested = [
        trial
        for trial in records.of_stage("confirm")
        if trial.status == "COMPLETED" and not trial.threshold_source and not trial.error
    ]
    begun = {trial.arm for trial in records.of_stage("baseline")}
    return bool(untested) or not begun.issuperset(records.study.get("baselines", ()))


def _count_trials(trials: Sequence[Trial]) -> dict[str, dict[str, int]]:
    stages = dict.fromkeys(trial.stage for trial in trials)
    return {
        stage: dict(sorted(Counter(trial.status for trial in trials if trial.stage == stage).items()))
        for stage in stages
    }


def _list_parameters(study: Mapping[str, Any], best: Contender) -> tuple[ParameterRow, ...]:
    ranges = {parameter["name"]: format_range(parameter) for parameter in study["parameters"]}
    published, fixed = study["published"], study["fixed"]
    rows = []
    order = [*published, *(name for name in best.config if name not in published)]
    for name in order:
        value, used = best.config.get(name), name in best.used
        rows.append(
            ParameterRow(
                name=name,
                value=value,
                published=published.get(name),
                changed=used and value != published.get(name),
                used=used,
                searched=ranges.get(name, "fixed by --set" if name in fixed else "not searched"),
            )
        )
    return tuple(rows)


def _list_commands(study: Mapping[str, Any], configurations: Sequence[Contender]) -> dict[str, str]:
    return {row.label: reproduce_command(study, row.config) for row in configurations}


_ENDINGS: dict[str, Ending] = {"COMPLETED": "completed", "STOPPED": "stopped", "RUNNING": "running"}


def _describe_searches(records: Records) -> Search:
    """Count what the searches of re-tuned arms ran; they ask different questions, so there is no best among them."""
    return dataclasses.replace(_describe_search(records), best_trial=None, best=None, anytime=(), curves=())


def _describe_search(records: Records) -> Search:
    trials = records.of_stage("search")
    max_epochs = max((trial.max_epochs for trial in trials), default=0)
    endings = {trial.trial_id: _ENDINGS.get(trial.status, "failed") for trial in trials}
    completed = [trial for trial in trials if trial.status == "COMPLETED"]
    curves = rung_curves(records.log.reports, endings)
    anytime = anytime_curve(
        records.log.reports,
        completed={trial.trial_id for trial in completed},
        max_epochs=max_epochs,
        maximize=records.maximize,
    )
    best = next(iter(rank_search(records)), None)
    published = next((trial.objective for trial in completed if trial.source == "published"), None)
    return Search(
        n_trials=len(trials),
        n_completed=len(completed),
        best_trial=best.trial_id if best else None,
        best=best.objective if best else None,
        published=published,
        after_test=tuple(records.log.searched_after_test),
        exhausted=records.log.exhausted,
        thrift=early_stopping_thrift(curves, max_epochs=max_epochs),
        anytime=anytime,
        curves=curves,
    )
