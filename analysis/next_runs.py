"""What to run next: statements that the study's own rows support, each with a command and what it would cost.

A statement without evidence in the study is left out: nobody reads a list of everything that one could do.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class NextRun:
    """One thing worth running, and why this study's rows say so."""

    why: str
    command: str
    minutes: float | None
    """Trial-minutes on the hardware of the study, from the recorded durations; None where no duration tells."""
