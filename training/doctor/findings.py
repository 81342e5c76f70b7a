"""Findings of the doctor: an error prevents a run, a warning is shown, a fact is information.

yield error("encoders", "the model takes 16 channels, the codec has 4; take the model's VAE")
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "fact"]
LEVELS: tuple[Level, ...] = ("error", "warning", "fact")


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; `about` is the subject, for the table. Errors and warnings name the setting or sample."""

    level: Level
    about: str
    text: str


def error(about: str, text: str) -> Finding:
    """A problem that must be fixed before the run can start."""
    return Finding("error", about, text)


def warning(about: str, text: str) -> Finding:
    """A likely mistake that does not prevent the run."""
    return Finding("warning", about, text)


def fact(about: str, text: str) -> Finding:
    """Information that follows from data and settings."""
    return Finding("fact", about, text)
