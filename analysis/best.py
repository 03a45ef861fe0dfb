"""A study's winner in a few lines, or as one JSON object: what it is, what it scores, how to run it again."""

from dataclasses import asdict, dataclass
from typing import Any

from analysis.contenders import Comparison
from analysis.formatting import format_difference, format_exactly, format_interval
from analysis.records import Records
from analysis.summary import Summary, summarize
from analysis.verdict import conclude


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The winner, or why there is none yet."""

    study: str
    summary: Summary
    headline: str

    @property
    def is_found(self) -> bool:
        """Tell whether any configuration reached full fidelity."""
        return self.summary.comparison is not None

    def sentences(self) -> list[str]:
        """Return everything as lines for a terminal."""
        comparison = self.summary.comparison
        if comparison is None:
            return [self.headline]
        if self.summary.ablation is not None:
            return [f"An ablation selects no winner; it compares with its base. {self.headline}", *self._tell_parts()]
        best = comparison.best
        scores = {name: format_interval(interval) for name, interval in _scores(comparison).items()}
        width = max(map(len, scores))
        return [
            self.headline,
            *(f"  {name:<{width}}  {text}" for name, text in scores.items()),
            *_against(comparison),
            f"configuration: {', '.join(f'{name}={format_exactly(best.config[name])}' for name in best.used)}",
            "the same configuration under the same seeds:",
            self.summary.commands[best.label],
        ]

    def to_plain(self) -> dict[str, Any]:
        """Return everything as plain values, fit for JSON; the scores with all digits."""
        comparison = self.summary.comparison
        head = {"study": self.study, "phase": self.summary.phase, "headline": self.headline}
        if comparison is None:
            return {**head, "label": None}
        if self.summary.ablation is not None:
            words = {arm.name: arm.word for arm in self.summary.ablation.arms}
            return {**head, "label": None, "base": self.summary.ablation.base.label, "parts": words}
        best = comparison.best
        return {
            **head,
            "label": best.label,
            "basis": comparison.basis,
            "is_fixed": comparison.is_fixed,
            "yardstick": comparison.yardstick.name,
            "higher_is_better": comparison.yardstick.higher_is_better,
            "n_seeds": best.n_seeds,
            "scores": {name: asdict(found) for name, found in _scores(comparison).items()},
            "difference_to_published": best.difference_to_published and asdict(best.difference_to_published),
            "config": dict(best.config),
            "used": list(best.used),
            "trials": list(best.trials),
            "command": self.summary.commands[best.label],
        }

    def _tell_parts(self) -> list[str]:
        assert self.summary.ablation is not None
        arms, command = self.summary.ablation.arms, self.summary.provenance.command
        width = max((len(arm.name) for arm in arms), default=0)
        lines = [f"  {arm.name:<{width}}  {format_difference(arm.difference)}  {arm.word}" for arm in arms]
        return [*lines, *(["the same ablation again:", command] if command else [])]


def find_best(records: Records) -> Best:
    """Find a study's winner, whatever state the study is in."""
    summary = summarize(records)
    return Best(study=str(records.study["name"]), summary=summary, headline=conclude(summary).headline)


def _scores(comparison: Comparison) -> dict[str, Any]:
    """List the intervals that stand for a row: the yardstick first, the objective, and what tables show beside."""
    best, yardstick = comparison.best, comparison.yardstick
    named = {f"test {yardstick.name}": best.score} if yardstick.on_test else {}
    named |= {"objective": best.objective}
    named |= {f"test {name}": best.test.get(name) for name in comparison.shown}
    return {name: interval for name, interval in named.items() if interval is not None}


def _against(comparison: Comparison) -> list[str]:
    """Compare the winner with what it must beat."""
    yardstick = comparison.yardstick
    better = "higher" if yardstick.higher_is_better else "lower"
    baseline = next(iter(comparison.baselines), None)
    return [
        f"  {yardstick.name} minus that of {name} ({row.label}), {better} is better: "
        f"{format_difference(row.difference_to_best.negated())}"
        for name, row in (("the published configuration", comparison.published), ("the best baseline", baseline))
        if row is not None and not row.is_best and row.difference_to_best is not None
    ]
