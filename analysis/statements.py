"""The kinds of sentences that a report is made of."""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "open", "plain"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One sentence or two on one topic."""

    topic: str
    tone: Tone
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The answer, and what stands behind it."""

    headline: str
    tone: Tone
    statements: tuple[Statement, ...]

    def sentences(self) -> list[str]:
        """Return everything as lines for a terminal."""
        return [self.headline, *(f"{statement.topic}: {statement.text}" for statement in self.statements)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Threat:
    """A reason for caution."""

    title: str
    text: str
