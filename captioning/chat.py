"""What is asked of a language or vision model, and what it answers, whatever runs it.

A chat model (one of `captioning.backends`) may be a network in this process, a batch engine or an endpoint on another
continent that answers late and out of order. From here all look the same: requests go in, each with its own id, and
replies come back in any order. Pictures travel as references until the last moment, so that a million requests fit in
memory.

    python -m pytest tests/captioning/test_dialogue.py
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from schemas.errors import StageError
from schemas.ids import digest

Role = Literal["system", "user", "assistant"]


class EncodedImage(Protocol):
    """An encoded picture that is read when it is needed. `key` names its content: another picture has another key."""

    @property
    def key(self) -> str:
        """What the picture is, for lineage and caches."""
        ...

    def read(self) -> bytes:
        """The picture as JPEG (or PNG)."""
        ...


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """A picture that is in memory already."""

    key: str
    data: bytes = field(repr=False)

    def read(self) -> bytes:
        """The bytes as they were given."""
        return self.data


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; its pictures stand before its text."""

    role: Role
    text: str
    images: tuple[EncodedImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to a model.

    `schema` is a JSON schema (as text) that the answer must follow, or empty for free text. Decoding is greedy at
    `temperature` 0; `seed` counts only above it.
    """

    id: str
    messages: tuple[Message, ...]
    max_tokens: int
    schema: str = ""
    temperature: float = 0.0
    seed: int = 0

    def key(self, model: str) -> str:
        """Identity of this question to this model: id, words, pictures and decoding options. For caches."""
        messages = [[message.role, message.text, [image.key for image in message.images]] for message in self.messages]
        return digest(model, self.id, messages, self.max_tokens, self.schema, self.temperature, self.seed)

    def again(self, reply: str, correction: str, attempt: int) -> "ChatRequest":
        """The same question after a reply that would not do: what was said, what is wrong with it, and some warmth.

        A greedy model that is asked the same again says the same again, so attempt n is sampled at 0.2 n, seeded.
        """
        follow_up = (Message("assistant", reply), Message("user", correction))
        return replace(self, messages=(*self.messages, *follow_up), temperature=0.2 * attempt, seed=attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What came back: `text`, or `error` if the model could not be reached or refused the request itself.

    `finish_reason` is `stop` where the model ended by itself and `length` where it was cut at `max_tokens`.
    `thinking_tokens` are those of `completion_tokens` that went into thinking, which is no part of `text`.
    `attempts` counts how often the request was sent.
    """

    id: str
    text: str = ""
    finish_reason: str = "stop"
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0
    attempts: int = 1
    cached: bool = False

    def to_json(self) -> str:
        """One line that `from_json` reads; what a cache keeps."""
        kept = (
            "id", "text", "finish_reason", "error", "prompt_tokens", "completion_tokens", "thinking_tokens", "attempts",
        )  # fmt: skip
        return json.dumps({name: getattr(self, name) for name in kept}, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "ChatReply":
        """A reply that was kept; it says so in `cached`."""
        return cls(**json.loads(line), cached=True)


class ChatModel(Protocol):
    """Answers requests. `name` is the backend's, `model` the model's with its revision: both go into lineage."""

    name: str
    model: str

    def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield one reply per request, each carrying its request's id, in whatever order they become ready."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a row cost: requests sent (without what a cache answered), tokens in and out, and of those the thinking."""

    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0

    @classmethod
    def of(cls, replies: Sequence[ChatReply]) -> "Usage":
        """The sum over a conversation; what a cache answered costs nothing."""
        paid = [reply for reply in replies if not reply.cached]
        return cls(
            calls=sum(reply.attempts for reply in paid),
            cached=len(replies) - len(paid),
            prompt_tokens=sum(reply.prompt_tokens for reply in paid),
            completion_tokens=sum(reply.completion_tokens for reply in paid),
            thinking_tokens=sum(reply.thinking_tokens for reply in paid),
        )


NOTHING = Usage()


def check_ids(requests: Sequence[ChatRequest]) -> set[str]:
    """The ids of a batch. Raises `StageError` if two requests share one: their replies could not be told apart."""
    ids = {request.id for request in requests}
    if len(ids) < len(requests):
        raise StageError("two requests of one batch share an id; every request needs its own")
    return ids
