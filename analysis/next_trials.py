"""What to run next after a search: more trials, a check of its objective, an ablation of its winner."""

import shlex
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import fmean

from analysis.formatting import count, format_correlation
from analysis.next_runs import NextRun
from analysis.records import Records, Trial
from analysis.summary import Summary

CHECKS = 20
"""Random configurations of a first check of the objective."""
ABLATION_SEEDS = 5


def suggest_trials(records: Records, summary: Summary) -> tuple[NextRun, ...]:
    """Say what a search leaves open, and what would answer it; nothing after a study that failed."""
    if summary.ablation is not None or summary.phase == "failed":
        return ()
    if summary.phase != "finished":
        command = _command("--resume", find_folder(records))
        return (NextRun(why=f"The study is not over ({summary.phase}).", command=command, minutes=None),)
    return (
        *_suggest_more_trials(records, summary),
        *_suggest_check(records, summary),
        *_suggest_ablation(records, summary),
    )


def find_folder(records: Records) -> str:
    """Return the folder that the study was started in, as its own command named it."""
    words = [str(word) for word in records.study.get("command") or ()]
    flags = dict(pairwise(words))
    flags |= dict(word.split("=", 1) for word in words if word.startswith("--results="))
    return f"{flags.get('--results', 'results').rstrip('/')}/{records.study['name']}"


def _suggest_more_trials(records: Records, summary: Summary) -> Iterable[NextRun]:
    searched, search = records.of_stage("search"), summary.search
    places = {trial.trial_id: place for place, trial in enumerate(searched, start=1)}
    if search.best_trial is None or search.exhausted or 3 * places[search.best_trial] <= 2 * len(searched):
        return
    published = summary.comparison.published if summary.comparison is not None else None
    is_tied = published is not None and not published.is_best and published.judgement == "undecided"
    tied = "The best configuration is tied with the published one, and the" if is_tied else "The"
    yield NextRun(
        why=f"{tied} best trial of the search was number {places[search.best_trial]} of {len(searched)}, in its last "
        "third, so it may not have settled (by chance alone, one search in three ends so). The test part is open by "
        "now: the report will say that the search went on after it.",
        command=_command("--resume", find_folder(records), "--trials", str(2 * len(searched))),
        minutes=sum(trial.duration_s for trial in searched) / 60,
    )


def _suggest_check(records: Records, summary: Summary) -> Iterable[NextRun]:
    """Suggest to check the objective, or to check it on more configurations where the interval holds zero."""
    completed = _completed(records.of_stage("search"))
    if summary.comparison is None or not summary.comparison.yardstick.on_test or not completed:
        return
    label, objective = summary.comparison.yardstick.label, records.objective_name
    why, checks = f"Whether {objective} ranks configurations as {label} does was not checked on these data.", CHECKS
    n_done = 0
    if summary.check is not None:
        found = summary.check.searched.correlation if summary.check.searched is not None else None
        if found is None or found.low is None or found.high is None or not found.low <= 0 <= found.high:
            return
        n_done, checks = summary.check.n_asked, 2 * summary.check.n_asked
        why = (
            f"Whether {objective} ranks configurations as {label} does is open: its rank correlation over "
            f"{count(summary.check.n, 'random configuration')} is {format_correlation(found)}."
        )
    elif records.log.checks:
        return
    seeds = records.study["spec"].get("check_seeds", 1)
    yield NextRun(
        why=why,
        command=_command("--resume", find_folder(records), "--check-objective", str(checks)),
        minutes=(checks - n_done) * seeds * fmean(trial.duration_s for trial in completed) / 60,
    )


def _suggest_ablation(records: Records, summary: Summary) -> Iterable[NextRun]:
    comparison, confirmed = summary.comparison, _completed(records.of_stage("confirm"))
    if comparison is None or comparison.basis != "confirmed" or not comparison.is_fixed:
        return
    best = comparison.best
    changed = sum(row.changed for row in summary.parameters)
    runs = [trial.duration_s for trial in confirmed if trial.trial_id in best.trials]
    per_arm = ABLATION_SEEDS * fmean(runs) / 60
    differs = (
        "The published configuration won"
        if best.is_published
        else f"{best.label} differs from the published configuration in {count(changed, 'parameter')}"
    )
    yield NextRun(
        why=f"{differs}; a search does not tell which of its parts earn their place. Each arm of an ablation would "
        f"take about {per_arm:.1f} trial-minutes, {ABLATION_SEEDS} runs as long as the winner's; --dry-run lists the "
        "arms.",
        command=_command(
            *("--space", str(records.study["spec"]["space"]), "--ablate", "all"),
            *("--from", find_folder(records), "--seeds", str(ABLATION_SEEDS)),
        ),
        minutes=None,
    )


def _completed(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.status == "COMPLETED"]


def _command(*words: str) -> str:
    return shlex.join(["python", "launch.py", *words])
