"""The prompt of a distilled model, recorded in its folder, so that it is prompted as it was trained.

A trained student needs no worked examples. `cutroom.json` beside its weights holds its prompt.

    prompt = trained_prompt(Path("models/part-summariser"))      # None for any other model
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from captioning.chat import Message
from captioning.prompts import SUMMARY_PROMPT
from captioning.tasks.forms import ProseForm
from schemas.errors import StageError

FILE = "cutroom.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPrompt:
    """System prompt and worked examples (frame captions, summary) that precede the notes of a sample."""

    prompt: str = SUMMARY_PROMPT
    examples: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def form(self) -> ProseForm:
        """The form with which `summarise` uses this prompt."""
        return ProseForm(self.prompt, self.examples)

    @property
    def prompt_hash(self) -> str:
        """Hash of prompt and examples, equal to that of a summariser with the same prompt and examples."""
        return self.form.prompt_hash

    def messages(self, captions: Sequence[str]) -> tuple[Message, ...]:
        """The conversation up to the summary."""
        return self.form.messages(captions)

    def save(self, folder: Path) -> None:
        """Write the prompt to `cutroom.json` in the model's folder."""
        record = {"task": "summarise", **asdict(self), "prompt_hash": self.prompt_hash}
        (folder / FILE).write_text(json.dumps(record, indent=2) + "\n")


def trained_prompt(folder: Path) -> TrainedPrompt | None:
    """The prompt that the model in the folder was trained to summarise with; None if it is no distilled summariser.

    Raises `StageError` if the record cannot be read: the model would be prompted differently from its training.
    """
    record = _record(folder, "summarise")
    if record is None:
        return None
    try:
        examples = tuple(
            (tuple(str(caption) for caption in captions), str(text)) for captions, text in record["examples"]
        )
        return TrainedPrompt(prompt=str(record["prompt"]), examples=examples)
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, error) from error


def trained_caption_prompt(folder: Path) -> str:
    """The prompt that the vision model in the folder was trained to caption with; empty if it is not distilled."""
    record = _record(folder, "caption")
    return str(record.get("prompt", "")) if record else ""


def _record(folder: Path, task: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads((folder / FILE).read_text())
        return record if record["task"] == task else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> StageError:
    return StageError(f"{folder / FILE} cannot be read ({error}); remove it or distill the model again")
