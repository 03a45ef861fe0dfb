"""What to run next in an ablation: the seeds that would decide what is still open, what they cost, and the command."""

import shlex
from collections.abc import Iterable, Sequence
from statistics import fmean

from analysis.ablation.effects import ArmEffect
from analysis.ablation.result import Ablation
from analysis.ablation.runs import FROZEN, RETUNED
from analysis.formatting import count, format_minutes, join_names
from analysis.next_runs import NextRun
from analysis.next_trials import find_folder
from analysis.records import Records, Trial
from analysis.summary import Summary

MOST_SEEDS = 100
"""Further ones that are still suggested."""


def suggest_seeds(records: Records, summary: Summary) -> tuple[NextRun, ...]:
    """Say for every inconclusive part how many seeds would decide it; parts that want as many share a command.

    While the ablation is not over, going on is what comes next. Nothing after one that failed, or after a search.
    """
    ablation = summary.ablation
    if ablation is None or summary.phase == "failed":
        return ()
    if summary.phase != "finished":
        command = shlex.join(["python", "launch.py", "--resume", find_folder(records)])
        return (NextRun(why=f"The study is not over ({summary.phase}).", command=command, minutes=None),)
    seeds = ablation.rules.look.seeds or ablation.base.n_seeds
    wanted: dict[int, list[ArmEffect]] = {}
    for arm in ablation.judged("inconclusive"):
        if arm.seeds_to_decide is not None:
            wanted.setdefault(max(1, arm.seeds_to_decide - seeds), []).append(arm)
    worth_it = [more for more in sorted(wanted) if more <= MOST_SEEDS]
    return (
        *(_suggest(records, ablation, seeds, more, wanted[more]) for more in worth_it),
        *_give_up([arm for arm in ablation.judged("inconclusive") if (arm.seeds_to_decide or 0) - seeds > MOST_SEEDS]),
    )


def _give_up(arms: Sequence[ArmEffect]) -> Iterable[NextRun]:
    if arms:
        verb = "wants" if len(arms) == 1 else "want"
        yield NextRun(
            why=f"{join_names([arm.name for arm in arms])} {verb} more than {MOST_SEEDS} further seeds: what they do, "
            "if anything, is small beside the noise of the seeds. More series, a metric with less noise, or a wider "
            "--region in a new ablation will tell sooner.",
            command="",
            minutes=None,
        )


def _suggest(records: Records, ablation: Ablation, seeds: int, more: int, arms: Sequence[ArmEffect]) -> NextRun:
    frozen, retuned = records.of_stage(FROZEN), records.of_stage(RETUNED)
    hashes = {ablation.base.config_hash, *(arm.config_hash for arm in arms)}
    alone = more * _minutes_of_seed(trial for trial in frozen if trial.config_hash in hashes)
    whole = more * _minutes_of_seed([*frozen, *retuned])
    why = (
        f"{join_names([arm.name for arm in arms])}: {count(more, 'more seed')} would decide with a chance of 80 %, if "
        "the truth is what was observed. The seeds are shared by all arms; "
        f"{'it' if len(arms) == 1 else 'they'} and the base alone are {format_minutes(alone)} of the cost."
    )
    if ablation.rules.look.left:
        command = ["python", "launch.py", "--resume", find_folder(records), "--add-seeds", str(more)]
        return NextRun(why=why, command=shlex.join(command), minutes=whole)
    why += f" The declared looks are spent: that takes a new ablation with --seeds {seeds + more}."
    return NextRun(why=why, command="", minutes=(seeds + more) / more * whole)


def _minutes_of_seed(trials: Iterable[Trial]) -> float:
    """Add up over configurations, and over searches of re-tuned ones, the mean duration of a run, in minutes."""
    durations: dict[tuple[str, str], list[float]] = {}
    for trial in trials:
        if trial.status == "COMPLETED":
            search = trial.block.rpartition("seed-")[0]
            durations.setdefault((trial.arm if search else trial.config_hash, search), []).append(trial.duration_s)
    return sum(fmean(some) for some in durations.values()) / 60
