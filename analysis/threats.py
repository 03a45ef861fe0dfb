"""What a reader must hold against a study's result, found in its own data."""

from collections.abc import Iterable

from analysis.ablation.objections import object_to
from analysis.contenders import Comparison
from analysis.formatting import count, format_correlation, format_interval, format_score, join_names
from analysis.intervals import Interval
from analysis.metric_catalogue import (
    ADJUSTED,
    FIXED_THRESHOLD,
    RANDOM,
    is_best_over_thresholds,
    label_baseline,
    label_metric,
)
from analysis.origin import Provenance
from analysis.statements import Threat
from analysis.summary import Summary

ENOUGH_SEEDS = 6
"""From so many on, a sign test can reach 5 % (two-sided, 2 / 2 ** 6)."""
MANY_SERIES = 5
"""From so many on, an interval over series like these would mean something."""


def find_threats(summary: Summary) -> tuple[Threat, ...]:
    """List what limits the result, the gravest first; without a result there is nothing to limit."""
    comparison = summary.comparison
    if comparison is None:
        return ()
    if summary.ablation is not None:
        return (
            *_changed_midway(summary),
            *object_to(summary.ablation),
            *_oracle_threshold(comparison),
            *_point_adjustment(comparison),
            *_few_series(summary),
            *_what_intervals_cover(comparison, summary.provenance),
            *_unknown_code(summary),
        )
    return (
        *_searched_after_test(summary),
        *_changed_midway(summary),
        *_not_confirmed(comparison),
        *_missing_seeds(comparison),
        *_oracle_threshold(comparison),
        *_point_adjustment(comparison),
        *_objective(summary),
        *_ranking(summary),
        *_few_series(summary),
        *_few_seeds(comparison),
        *_what_intervals_cover(comparison, summary.provenance),
        *_many_comparisons(comparison),
        *_one_search(summary),
        *_unknown_code(summary),
    )


def _searched_after_test(summary: Summary) -> Iterable[Threat]:
    if after := summary.search.after_test:
        yield Threat(
            title="The search went on after the test part was opened",
            text=f"{count(len(after), 'trial')} began after it ({join_names(after)}). Whoever decided to go on may "
            "have seen test scores, so they are no longer those of an untouched part.",
        )


def _changed_midway(summary: Summary) -> Iterable[Threat]:
    if changed := summary.provenance.changed:
        yield Threat(
            title="The study was resumed under other conditions",
            text=f"{join_names(changed).capitalize()} differed from what the study began with in a later session, so "
            "its trials may not be comparable with each other.",
        )


def _not_confirmed(comparison: Comparison) -> Iterable[Threat]:
    if comparison.basis == "searched":
        yield Threat(
            title="Nothing is confirmed",
            text="Every score is of a single seed, and the best was chosen because it came out best: expect less "
            "when it is run again. No difference between rows can be judged.",
        )


def _missing_seeds(comparison: Comparison) -> Iterable[Threat]:
    if comparison.basis == "searched":
        return
    failed = [row for row in comparison.rows if row.n_failed]
    if failed:
        listed = "; ".join(f"{row.label}: {row.n_failed} of {row.n_failed + row.n_seeds}" for row in failed)
        yield Threat(
            title="Seeds failed",
            text=f"{listed}. Their blocks are left out of every comparison; a configuration that fails is worse than "
            "its mean says.",
        )
    dropped = [(row.label, row.difference_to_best.n_dropped) for row in comparison.rows if row.difference_to_best]
    if listed := "; ".join(f"{label}: {count(number, 'block')}" for label, number in dropped if number):
        yield Threat(
            title="Blocks were left out of comparisons",
            text=f"Only one of the two rows has them ({listed}), so the difference is not that of the two means.",
        )


def _oracle_threshold(comparison: Comparison) -> Iterable[Threat]:
    name, best = comparison.yardstick.name, comparison.best
    if not comparison.yardstick.on_test or not is_best_over_thresholds(name):
        return
    fixed = best.test.get(f"{FIXED_THRESHOLD}{name}")
    text = (
        f"The primary metric, {comparison.yardstick.label}, takes the best of all thresholds on the very labels it is "
        "computed from, as published tables do. Nobody has these labels in use."
    )
    if fixed is not None:
        text += (
            f" At a threshold fixed beforehand ({best.threshold_source.replace('_', ' ')}) {best.label} reaches "
            f"{format_interval(fixed)} instead of {format_score(best.score.mean if best.score else None)}"
        )
        others = [row for row in comparison.rows if row.is_published or row.kind == "baseline"]
        found = [(row.label, row.test.get(f"{FIXED_THRESHOLD}{name}")) for row in others if not row.is_best]
        text += "".join(f", {label} {format_score(interval.mean)}" for label, interval in found if interval) + "."
    yield Threat(title="The threshold was chosen on the test labels", text=text)


def _point_adjustment(comparison: Comparison) -> Iterable[Threat]:
    random = next((row for row in comparison.baselines if row.label == label_baseline(RANDOM)), None)
    if random is None or ADJUSTED not in random.test:
        return
    text = f"One hit anywhere in an event counts as finding all of it: random scores reach {label_metric(ADJUSTED)} "
    text += format_interval(random.test[ADJUSTED])
    if ADJUSTED in comparison.best.test:
        text += f", {comparison.best.label} {format_interval(comparison.best.test[ADJUSTED])}"
    yield Threat(title="Point adjustment flatters", text=f"{text}. Event F1 (log) is adjusted too, but less exposed.")


def _objective(summary: Summary) -> Iterable[Threat]:
    origin = summary.provenance
    if origin.objective == "val_loss":
        yield Threat(
            title="The search optimised a loss",
            text=f"The better predictor is not always the better detector{_evidence(origin)}.",
        )
    elif origin.labelled_by == "time":
        yield Threat(
            title="The search saw labels of the same series",
            text="Its objective used the labelled early part of the very series that are tested. Where no labels "
            "exist, a search can do this well only by luck.",
        )
    elif origin.labelled_by == "series":
        yield Threat(
            title="The search saw labels of other series",
            text=f"Its objective used the labels of {join_names(origin.objective_series)}; where no series is "
            "labelled, this search is not possible.",
        )
    elif origin.task == "anomaly":
        yield Threat(
            title="The objective used no labels",
            text="How well a label-free objective ranks detectors differs from data set to data set"
            f"{_evidence(origin)}.",
        )


def _evidence(origin: Provenance) -> str:
    return f"; {origin.objective_evidence}" if origin.objective_evidence else ""


def _ranking(summary: Summary) -> Iterable[Threat]:
    comparison, check = summary.comparison, summary.check
    assert comparison is not None
    if not comparison.yardstick.on_test or summary.phase == "check":
        return
    objective = summary.provenance.objective
    correlation = check.searched.correlation if check is not None and check.searched is not None else None
    if check is None:
        yield Threat(
            title="Whether the objective ranks was not measured",
            text=f"The search trusted {objective} to say which configuration is better. launch.py --resume with "
            "--check-objective 20 measures that trust, on configurations that no search chose.",
        )
    elif correlation is None or correlation.low is None or correlation.low <= 0:
        yield Threat(
            title="The objective may not rank",
            text=f"Over {count(check.n, 'random configuration')}, {objective} and {check.label} have a rank "
            f"correlation of {format_correlation(correlation)}: a better objective need not mean a better result.",
        )


def _few_series(summary: Summary) -> Iterable[Threat]:
    origin = summary.provenance
    series = origin.test_series or origin.series
    scope = f"{count(len(series), 'series', 'series')} of one data set ({origin.data or 'not recorded'})"
    if len(series) < MANY_SERIES:
        yield Threat(
            title="Few series",
            text=f"{scope}: every statement is about {join_names(series)} and about no other series.",
        )
    else:
        yield Threat(
            title="One data set", text=f"{scope}: every interval is about these series, not about others like them."
        )


def _few_seeds(comparison: Comparison) -> Iterable[Threat]:
    if comparison.basis == "confirmed" and comparison.best.n_seeds < ENOUGH_SEEDS:
        yield Threat(
            title="Few seeds",
            text=f"{count(comparison.best.n_seeds, 'seed')} per configuration: the intervals lean on the t "
            f"distribution, which so few values cannot confirm. {ENOUGH_SEEDS} or more (--confirm-seeds) allow an "
            "exact sign test.",
        )


def _what_intervals_cover(comparison: Comparison, origin: Provenance) -> Iterable[Threat]:
    if _has_bounds(comparison.best.score):
        events = ", or few labelled events in it," if origin.task in (None, "anomaly") else ""
        yield Threat(
            title="The intervals cover training seeds alone",
            text=f"Another stretch of the same series would give other scores; with a short test part{events} that "
            "spread can be the larger one.",
        )


def _many_comparisons(comparison: Comparison) -> Iterable[Threat]:
    judged = [row for row in comparison.rows if not row.is_best and _has_bounds(row.difference_to_best)]
    if len(judged) > 1:
        yield Threat(
            title="Several comparisons",
            text=f"{len(judged)} rows are compared with the best, each at 95 %, without a correction for their number.",
        )


def _one_search(summary: Summary) -> Iterable[Threat]:
    if summary.search.n_completed:
        yield Threat(
            title="One search",
            text=f"{count(summary.search.n_trials, 'trial')}, of which {summary.search.n_completed} reached full "
            "fidelity, from one search seed. Another search might have found another winner; that spread is not in any "
            "interval here.",
        )


def _unknown_code(summary: Summary) -> Iterable[Threat]:
    origin = summary.provenance
    if origin.git_commit is None:
        yield Threat(
            title="The code is in no commit",
            text=f"No commit was recorded; the hash of the sources is {origin.code_hash or 'not recorded either'}.",
        )
    elif origin.git_dirty:
        yield Threat(
            title="The code had uncommitted changes",
            text=f"Commit {origin.git_commit} alone does not give this code; the hash of its sources is "
            f"{origin.code_hash or 'not recorded'}.",
        )


def _has_bounds(interval: Interval | None) -> bool:
    return interval is not None and interval.low is not None
