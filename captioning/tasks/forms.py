"""The two formats in which a language model may write a caption: prose for small models, JSON for capable ones.

A form writes the prompt with the notes and parses the answer into a draft. Whether the draft is accepted is decided in
`captioning.tasks.summary`.

    request = ProseForm().request(clip, max_tokens=120)
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
    """A parsed answer: the dense caption, and the other lengths and fields if the form has them."""

    dense: str
    medium: str = ""
    short: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Form(Protocol):
    """How a sample's notes are put to a model and how its answer is parsed."""

    prompt_hash: str
    instructions: tuple[str, ...]
    """Instruction and examples, which an answer must not repeat."""

    def request(self, clip: ClipRequest, max_tokens: int) -> ChatRequest:
        """The first request for a sample."""
        ...

    def retry(self, request: ChatRequest, reply: str, correction: str, attempt: int) -> ChatRequest:
        """The request after a rejected reply."""
        ...

    def read(self, text: str) -> Draft | Fault:
        """Parse an answer into a draft, or say what is wrong with its format."""
        ...


class ProseForm:
    """One paragraph, shown by worked examples. The notes are joined: of a list a small model copies only one line."""

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
        """The conversation up to the summary: instruction, examples, and the notes, joined without repetitions."""
        return (*self._opening, Message("user", join(notes)))

    def request(self, clip: ClipRequest, max_tokens: int) -> ChatRequest:
        """The examples and the joined notes; an answer longer than its notes is in a loop, so the limit is theirs."""
        messages = self.messages(clip.evidence)
        # A word is about 1.3 tokens; 2 per word leave room for rare words.
        limit = min(max_tokens, max(32, 2 * len(messages[-1].text.split())))
        return ChatRequest(id=clip.sample_id, messages=messages, max_tokens=limit)

    def retry(self, request: ChatRequest, reply: str, correction: str, attempt: int) -> ChatRequest:
        """The same conversation, sampled: a small model does not follow corrections."""
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
    """A JSON object with three lengths and six fields. The prompt may hold {words}, the dense caption's word limit.

    Raises `ConfigError` for any other placeholder in the prompt.
    """

    def __init__(self, prompt: str = STRUCTURED_PROMPT, max_words: int = 150) -> None:
        if re.search(r"\{(?!words\})\w*\}", prompt):
            raise ConfigError(f"summarise.prompt {prompt!r}: only {{words}} is known")
        self.prompt_hash = digest("structured", prompt, max_words, SCHEMA)
        self._system = prompt.replace("{words}", str(max_words))
        self.instructions: tuple[str, ...] = (self._system,)

    def request(self, clip: ClipRequest, max_tokens: int) -> ChatRequest:
        """The instruction, and the notes with their times."""
        messages = (Message("system", self._system), Message("user", notes_of(clip)))
        return ChatRequest(id=clip.sample_id, messages=messages, max_tokens=max_tokens, schema=SCHEMA)

    def retry(self, request: ChatRequest, reply: str, correction: str, attempt: int) -> ChatRequest:
        """The conversation continued with the correction."""
        return request.again(reply, f"{correction} Answer with the whole JSON object again.", attempt)

    def read(self, text: str) -> Draft | Fault:
        """Parse the JSON object in an answer, with or without a Markdown code fence around it."""
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
    """A sample's notes as lines for a capable model: overview, frame captions with their times, measurements."""
    times = clip.times or tuple(range(len(clip.frame_captions)))
    unit = " s" if clip.times else ""
    lines = [f"Overview: {clip.overview}"] if clip.overview else []
    lines += [f"{time:.1f}{unit}: {caption}" for time, caption in zip(times, clip.frame_captions, strict=True)]
    lines += [f"Measured: {clip.measured}"] if clip.measured else []
    return "\n".join(lines)
