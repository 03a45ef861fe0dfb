"""Two studies side by side: where their questions differ, and what came out of each.

Two winners are compared by a paired difference only where pairs exist: the same data, the same metric on the same test
series, the same fresh seeds. Elsewhere each interval stands alone, and nothing is said about which study is better.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.ablation.result import Ablation
from analysis.arms import value_that_counts
from analysis.contenders import Comparison
from analysis.formatting import NOT_RECORDED, format_difference, format_exactly, format_interval, join_names
from analysis.intervals import Blocks, Interval, paired_difference
from analysis.records import Records, read_records
from analysis.summary import Summary, summarize

_QUESTION = (
    *("space", "space_hash", "data", "data_hash", "series", "test_series", "objective_series", "labelled_by"),
    *("objective", "direction", "primary_metric", "study_seed", "confirm_seeds", "confirm_top", "budget"),
    *("max_epochs", "rungs", "sampler", "scheduler", "git_commit", "git_dirty", "code_hash", "devices", "kernels"),
)
"""Entries of a study's provenance that its result depends on."""
_SPEC = ("fixed", "ranges", "horizon", "target", "difference", "precision", "full_test")
"""Entries of its specification that do, besides."""
_VERSION = "version of "
_WIDEST = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two studies."""

    path: str
    records: Records
    summary: Summary

    @property
    def question(self) -> dict[str, Any]:
        """What was asked, of what data, with which code."""
        origin, spec = asdict(self.summary.provenance), self.records.study.get("spec", {})
        versions = {f"{_VERSION}{name}": version for name, version in origin["versions"].items()}
        parts = {} if self.summary.ablation is None else _ask_of_parts(self.summary.ablation)
        return {name: origin[name] for name in _QUESTION} | {name: spec.get(name) for name in _SPEC} | parts | versions


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyDiff:
    """Two studies compared."""

    first: Side
    second: Side

    @property
    def differing(self) -> dict[str, tuple[Any, Any]]:
        """Return what the questions do not share."""
        first, second = self.first.question, self.second.question
        pairs = {name: (first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def sentences(self) -> list[str]:
        """Return everything as lines for a terminal."""
        return [f"A: {self.first.path}", f"B: {self.second.path}", "", *self._question(), "", *self._results()]

    def _question(self) -> list[str]:
        differing = self.differing
        same = [name for name in self.first.question if name not in differing and not name.startswith(_VERSION)]
        same += [] if any(name.startswith(_VERSION) for name in differing) else ["versions"]
        rows = [(name, _show(one), _show(other)) for name, (one, other) in differing.items()]
        lines = _align([("what differs", "A", "B"), *rows]) if rows else ["nothing differs in what was asked"]
        return [*lines, f"the same in both: {join_names(same, most=len(same)) or 'nothing'}"]

    def _results(self) -> list[str]:
        arms = _list_arms(self.first.summary.ablation, self.second.summary.ablation)
        return [*([*_align(arms), ""] if arms else []), *self._winners()]

    def _winners(self) -> list[str]:
        rows = [("best", "A", "B"), *_list_scores(self.first.summary.comparison, self.second.summary.comparison)]
        difference, why_none = self.pair()
        if difference is None:
            return [*_align(rows), f"not tested: {why_none}; each interval speaks for its own study alone"]
        metric = _comparison_of(self.first).yardstick.name
        return [*_align(rows), f"{metric}, A minus B, seed by seed: {format_difference(difference)}"]

    def pair(self) -> tuple[Interval | None, str]:
        """Return the difference A minus B of the winners over the seeds that both ran, or why there is none."""
        if (why := self._why_unpaired()) is not None:
            return None, why
        metric = _comparison_of(self.first).yardstick.name
        blocks = [_winner_blocks(side, f"test_{metric}") for side in (self.first, self.second)]
        return paired_difference(*blocks), "no block is shared"

    def _why_unpaired(self) -> str | None:
        one, other = self.first.summary, self.second.summary
        if one.comparison is None or other.comparison is None:
            return "not both have a result"
        differing = self.differing
        for name, what in (("data_hash", "data"), ("test_series", "test series"), ("labelled_by", "labels' part")):
            if name in differing:
                return f"the {what} differ"
        if one.comparison.yardstick != other.comparison.yardstick or not one.comparison.yardstick.on_test:
            return "the metric differs" if one.comparison.yardstick.on_test else "there is no test score"
        if {one.comparison.basis, other.comparison.basis} != {"confirmed"}:
            return "not both winners ran on fresh seeds"
        if _winner_seeds(self.first) != _winner_seeds(self.second):
            return "the seeds differ"
        return None


def compare_studies(first: str | Path, second: str | Path) -> StudyDiff:
    """Read two studies.

    Raises:
        ValueError: If one of them is none, or cannot be read.
    """
    records = [read_records(path) for path in (first, second)]
    sides = [
        Side(path=str(path), records=one, summary=summarize(one))
        for path, one in zip((first, second), records, strict=True)
    ]
    return StudyDiff(first=sides[0], second=sides[1])


def _ask_of_parts(ablation: Ablation) -> dict[str, Any]:
    return {
        "base": ablation.base.label,
        "base_config_hash": ablation.base.config_hash,
        "seeds of every arm": ablation.base.n_seeds,
        "region": ablation.rules.region,
        "re-tuned": None if ablation.retuning is None else asdict(ablation.retuning),
    }


def _comparison_of(side: Side) -> Comparison:
    assert side.summary.comparison is not None
    return side.summary.comparison


def _winner_seeds(side: Side) -> dict[str, int]:
    trials = set(_comparison_of(side).best.trials)
    return {trial.block: trial.seed for trial in side.records.trials if trial.trial_id in trials}


def _winner_blocks(side: Side, metric: str) -> Blocks:
    """Return the winner's values, ``[series, seeds]``."""
    best = _comparison_of(side).best.trials
    trials = sorted((trial.seed, trial.trial_id) for trial in side.records.trials if trial.trial_id in best)
    values = side.records.last_values(best)
    series = side.records.study["test_series"]
    return np.array(
        [[value_that_counts(values.get(trial, {}).get(one, {}), metric) for _, trial in trials] for one in series]
    )


def _list_arms(first: Ablation | None, second: Ablation | None) -> list[tuple[str, str, str]]:
    """List the differences to the base of the arms of two ablations, by name; an arm that one lacks is a dash."""
    if first is None or second is None:
        return []
    sides = [
        {arm.name: f"{format_difference(arm.difference)} {arm.word}" for arm in one.arms} for one in (first, second)
    ]
    names = dict.fromkeys([*sides[0], *sides[1]])
    return [("arm minus base", "A", "B"), *((name, sides[0].get(name, "-"), sides[1].get(name, "-")) for name in names)]


def _list_scores(first: Comparison | None, second: Comparison | None) -> list[tuple[str, str, str]]:
    """List label, seeds, objective and test metrics of the two winners; a metric that one lacks is a dash."""
    sides = [{} if one is None else _scores_of(one) for one in (first, second)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    return [(name, sides[0].get(name, "-"), sides[1].get(name, "-")) for name in names] or [("no result", "-", "-")]


def _scores_of(comparison: Comparison) -> dict[str, str]:
    best, yardstick = comparison.best, comparison.yardstick
    metrics = dict.fromkeys([yardstick.name, *comparison.shown] if yardstick.on_test else comparison.shown)
    return {
        "label": best.label,
        "seeds": str(best.n_seeds),
        "objective": format_interval(best.objective),
        **{f"test {name}": format_interval(best.test.get(name)) for name in metrics},
    }


def _show(value: object) -> str:
    if value is None:
        return NOT_RECORDED
    if isinstance(value, Mapping):
        text = ", ".join(f"{name}={format_exactly(one)}" for name, one in value.items()) or "none"
    elif isinstance(value, list | tuple):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _align(rows: list[tuple[str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
