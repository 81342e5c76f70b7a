"""The two forms in which a language model may write a clip's caption: prose for small models, JSON for capable ones.

A form knows how to put the notes to a model and how to read its answer into a draft. Whether the draft may stand is not
its business (`captioning.tasks.summary`).

    python -m pytest tests/captioning/tasks
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from captioning.chat import ChatRequest, Message
from captioning.form import Fault
from captioning.joining import join
from captioning.prompts import STRUCTURED_PROMPT, SUMMARY_EXAMPLES, SUMMARY_PROMPT
from captioning.protocols import ClipRequest
from schemas.errors import ConfigError
from schemas.ids import digest

FIELDS = ("subject", "action", "setting", "camera", "light", "style")
LENGTHS = ("dense", "medium", "short")
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {name: {"type": "string"} for name in (*LENGTHS, *FIELDS)},
        "required": [*LENGTHS, *FIELDS],
        "additionalProperties": False,
    }
)
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a model wrote: the dense caption, and what else it gave."""

    dense: str
    medium: str = ""
    short: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Form(Protocol):
    """How a clip is put to a model and how its answer is read."""

    prompt_hash: str
    instructions: tuple[str, ...]
    """Every word of instruction and examples, which an answer must not repeat."""

    def request(self, clip: ClipRequest, max_tokens: int) -> ChatRequest:
        """The first request for a clip."""
        ...

    def retry(self, request: ChatRequest, reply: str, correction: str, attempt: int) -> ChatRequest:
        """The request after a reply that would not do."""
        ...

    def read(self, text: str) -> Draft | Fault:
        """The draft in an answer, or what is wrong with its form."""
        ...


class ProseForm:
    """One paragraph, taught by worked examples. Notes come joined: from a list a small model copies one line."""

    def __init__(
        self,
        prompt: str = SUMMARY_PROMPT,
        examples: Sequence[tuple[Sequence[str], str]] = SUMMARY_EXAMPLES,
    ) -> None:
        self.prompt_hash = digest(prompt, [[list(captions), text] for captions, text in examples])
        self.instructions: tuple[str, ...] = (prompt, *(text for _, text in examples))
        self._opening: tuple[Message, ...] = (Message("system", prompt),)
        for captions, text in examples:
            self._opening += (Message("user", join(captions)), Message("assistant", text))

    def messages(self, notes: Sequence[str]) -> tuple[Message, ...]:
        """The conversation up to the summary: instruction, examples, and the notes joined, each thing once."""
        return (*self._opening, Message("user", join(notes)))

    def request(self, clip: ClipRequest, max_tokens: int) -> ChatRequest:
        """The examples and the joined notes; the answer may be no longer than they are, or it is in a loop."""
        messages = self.messages(clip.evidence)
        # A word is about 1.3 tokens; half as much again leaves room for rare ones.
        limit = min(max_tokens, max(32, 2 * len(messages[-1].text.split())))
        return ChatRequest(id=clip.sample_id, messages=messages, max_tokens=limit)

    def retry(self, request: ChatRequest, reply: str, correction: str, attempt: int) -> ChatRequest:
        """The same question, sampled: a small model follows no correction."""
        again = request.again(reply, correction, attempt)
        return ChatRequest(
            id=request.id,
            messages=request.messages,
            max_tokens=request.max_tokens,
            temperature=again.temperature,
            seed=again.seed,
        )

    def read(self, text: str) -> Draft | Fault:
        """The whole answer is the dense caption."""
        return Draft(dense=" ".join(text.split()))


class StructuredForm:
    """One JSON object with three lengths and six fields. The prompt may hold {words}, the dense caption's limit."""

    def __init__(self, prompt: str = STRUCTURED_PROMPT, max_words: int = 150) -> None:
        if re.search(r"\{(?!words\})\w*\}", prompt):
            raise ConfigError(f"summarise.prompt {prompt!r}: only {{words}} is known")
        self.prompt_hash = digest("structured", prompt, max_words, SCHEMA)
        self._system = prompt.replace("{words}", str(max_words))
        self.instructions: tuple[str, ...] = (self._system,)

    def request(self, clip: ClipRequest, max_tokens: int) -> ChatRequest:
        """The instruction and the notes with their seconds."""
        messages = (Message("system", self._system), Message("user", notes_of(clip)))
        return ChatRequest(id=clip.sample_id, messages=messages, max_tokens=max_tokens, schema=SCHEMA)

    def retry(self, request: ChatRequest, reply: str, correction: str, attempt: int) -> ChatRequest:
        """The conversation goes on with what was wrong."""
        return request.again(reply, f"{correction} Answer with the whole JSON object again.", attempt)

    def read(self, text: str) -> Draft | Fault:
        """The object in an answer, with or without a fence around it."""
        again = "Answer with one JSON object with the keys " + ", ".join((*LENGTHS, *FIELDS)) + "."
        try:
            answer = json.loads(_FENCE.sub("", text))
        except ValueError:
            return Fault("not JSON", again)
        if not isinstance(answer, dict) or not all(isinstance(answer.get(name), str) for name in LENGTHS):
            return Fault("JSON without dense, medium and short", again)
        plain = {name: " ".join(value.split()) for name, value in answer.items() if isinstance(value, str)}
        fields = {name: plain[name] for name in FIELDS if plain.get(name)}
        return Draft(dense=plain["dense"], medium=plain["medium"], short=plain["short"], fields=fields)


def notes_of(clip: ClipRequest) -> str:
    """A clip's notes as a capable model reads them: overview, seconds and captions, what was measured."""
    times = clip.times or tuple(range(len(clip.frame_captions)))
    unit = " s" if clip.times else ""
    lines = [f"Overview: {clip.overview}"] if clip.overview else []
    lines += [f"{time:.1f}{unit}: {caption}" for time, caption in zip(times, clip.frame_captions, strict=True)]
    lines += [f"Measured: {clip.measured}"] if clip.measured else []
    return "\n".join(lines)
