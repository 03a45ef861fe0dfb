"""What a person sees while a study runs: one view that redraws itself in a terminal, plain lines elsewhere."""

import time
from pathlib import Path

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cluster.events import Event
from cluster.progress import Progress, ProgressMeter
from cluster.resolution import ResolvedStudy
from cluster.state import StudyState, Trial
from trainables.tasks.base import Objective

_SECONDS_BETWEEN_LINES = 10.0
_LOOKS_PER_SECOND = 4
"""A look goes over all trials: one per event would make long studies slower and slower."""


class PlainView:
    """Prints a line when something is worth one: a phase begins, a trial is the best so far or fails, time passes."""

    def __init__(self, resolved: ResolvedStudy, folder: Path) -> None:
        self._objective = resolved.data.objective.name
        self._meter = ProgressMeter()
        self._phase, self._best, self._last_look, self._last_line = "", "", 0.0, 0.0
        self._is_read = True
        for line in introduce(resolved, folder):
            self._print(line)

    def apply(self, event: Event, state: StudyState) -> None:
        """Take an event in."""
        if event.kind == "reported":
            self._meter.count_epoch()
        if event.kind in ("failed", "lost"):
            self._print(f"{event.fields['trial']} {_describe_trouble(event)}")
        if event.kind not in ("decided", "tested", "failed", "lost", "asked", "test_opened"):
            return
        now = time.monotonic()
        if now - self._last_look < 1 / _LOOKS_PER_SECOND:
            return
        self._last_look = now
        progress = self._meter.look(state)
        if self._news(progress) or now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._print(_one_line(progress, self._objective))
            self._last_line = now

    def close(self) -> None:
        """Do nothing: what was printed stands."""

    def _print(self, line: str) -> None:
        """Print a line; where whoever read them has gone (``| head``), the study goes on in silence."""
        if self._is_read:
            try:
                print(line, flush=True)
            except BrokenPipeError:
                self._is_read = False

    def _news(self, progress: Progress) -> bool:
        """Tell whether this look is worth a line, whatever the time: another phase, or another best."""
        best = progress.best.trial_id if progress.best else ""
        news = (best, progress.phase) != (self._best, self._phase)
        self._best, self._phase = best, progress.phase
        return news


class TerminalView:
    """Redraws one block: trials by state, the best so far, what is running, the rungs, pace and time left."""

    def __init__(self, resolved: ResolvedStudy, folder: Path) -> None:
        self._objective, self._max_epochs = resolved.data.objective.name, resolved.spec.max_epochs
        self._meter = ProgressMeter()
        for line in introduce(resolved, folder):
            print(line)
        self._live = Live(Text("starting Ray ..."), refresh_per_second=_LOOKS_PER_SECOND, transient=True)
        self._live.start()
        self._last_redraw = 0.0

    def apply(self, event: Event, state: StudyState) -> None:
        """Take an event in, and redraw if the last time is long enough ago for an eye."""
        if event.kind == "reported":
            self._meter.count_epoch()
        if event.kind in ("failed", "lost"):
            self._live.console.print(Text(f"{event.fields['trial']} {_describe_trouble(event)}", style="red"))
        if state.trials and time.monotonic() - self._last_redraw >= 1 / _LOOKS_PER_SECOND:
            self._last_redraw = time.monotonic()
            self._live.update(self._draw(self._meter.look(state)))

    def close(self) -> None:
        """Take the block away; what the study found is printed after it."""
        self._live.stop()

    def _draw(self, progress: Progress) -> Group:
        head = Text(f"{progress.phase:<8}", style="bold")
        head.append(f"{progress.n_done} of {progress.n_planned}   ", style="default")
        head.append(_describe_counts(progress.counts), style="dim")
        bar = ProgressBar(total=max(progress.n_planned, 1), completed=progress.n_done, width=60)
        return Group(head, bar, Text(_describe_best(progress.best, self._objective)), self._draw_running(progress),
                     Text(_describe_pace(progress), style="dim"))  # fmt: skip

    def _draw_running(self, progress: Progress) -> Table:
        table = Table.grid(padding=(0, 2))
        for trial in progress.running[:8]:
            value = "" if trial.value is None else f"{self._objective} {trial.value:.4f}"
            doing = "testing" if trial.handed_out == "test" else f"epoch {trial.epoch} of {trial.max_epochs}"
            table.add_row(trial.trial_id, doing, value)
        if len(progress.running) > 8:
            table.add_row(f"and {len(progress.running) - 8} more", "", "")
        return table


def introduce(resolved: ResolvedStudy, folder: Path) -> list[str]:
    """Say in a few lines what is about to run, and what a user should know before it does."""
    spec, data = resolved.spec, resolved.data
    series = f"{len(data.series)} series" if len(data.series) > 4 else ", ".join(data.series)
    return [
        f"study {folder}: {spec.space} on {spec.data} ({series}), {data.objective.direction} {data.objective.name}",
        *(f"  {note}" for note in data.notes if "too few events" in note),
        *_warn_of_objective(data.objective),
        f"  watch it: tensorboard --logdir {folder / 'tensorboard'}",
    ]


def _warn_of_objective(objective: Objective) -> list[str]:
    """Say what a search without labels can hope for."""
    if objective.needs_labels or objective.evidence is None:
        return []
    return [f"  {objective.name} sees no labels: {objective.evidence.in_words()} (docs/objectives.md)"]


def _one_line(progress: Progress, objective: str) -> str:
    parts = [f"{progress.phase} {progress.n_done}/{progress.n_planned}", _describe_counts(progress.counts)]
    parts += [_describe_best(progress.best, objective), _describe_pace(progress)]
    return " | ".join(part for part in parts if part)


def _describe_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {status.lower()}" for status, number in sorted(counts.items()))


def _describe_best(best: Trial | None, objective: str) -> str:
    return "" if best is None or best.value is None else f"best {objective} {best.value:.4f} ({best.trial_id})"


def _describe_pace(progress: Progress) -> str:
    rungs = ", ".join(f"rung {rung}: {went_on}/{came} went on" for rung, (came, went_on) in progress.rungs.items())
    parts = [
        rungs if progress.phase == "search" else "",
        f"{progress.epochs_per_minute:.0f} epochs/min" if progress.epochs_per_minute else "",
    ]
    if progress.left_s is not None and progress.n_done < progress.n_planned:
        parts.append(f"{progress.phase} has about {_format_seconds(progress.left_s)} left")
    return ", ".join(part for part in parts if part)


def _describe_trouble(event: Event) -> str:
    if event.kind == "failed":
        return f"failed: {event.fields['error']}"
    again = "given up" if event.fields["final"] else "handed out again"
    return f"lost its worker ({event.fields['reason']}), {again}"


def _format_seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
