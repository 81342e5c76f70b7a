"""What a check has to say: an error stops a run, a warning is shown, a fact is what somebody will want to know.

python -m pytest tests/training/doctor
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "fact"]
LEVELS: tuple[Level, ...] = ("error", "warning", "fact")


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; `about` is what was looked at, for the table. Errors and warnings name the setting or sample."""

    level: Level
    about: str
    text: str


def error(about: str, text: str) -> Finding:
    """What must be put right first."""
    return Finding("error", about, text)


def warning(about: str, text: str) -> Finding:
    """What may be meant so, and often is not."""
    return Finding("warning", about, text)


def fact(about: str, text: str) -> Finding:
    """What follows from data and settings."""
    return Finding("fact", about, text)
