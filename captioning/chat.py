"""Requests to a language or vision model and its replies, independent of the backend.

A chat model (one of `captioning.backends`) may be a network in this process, a batch engine, or a remote endpoint that
answers late and out of order. They share one interface: requests go in, each with its own id, and replies come back in
any order. Images are passed as references and read at the last moment, so that a million requests fit in memory.

    request = ChatRequest(id="clip-s000", messages=(Message("user", "Describe it.", (image,)),), max_tokens=256)
    async for reply in chat.chat([request]): ...
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from schemas.errors import StageError
from schemas.ids import digest

Role = Literal["system", "user", "assistant"]


class EncodedImage(Protocol):
    """An encoded image that is read when it is needed. `key` identifies its content: other images have other keys."""

    @property
    def key(self) -> str:
        """Identity of the image, for lineage and caches."""
        ...

    def read(self) -> bytes:
        """The image as JPEG (or PNG) bytes."""
        ...


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """An encoded image that is already in memory."""

    key: str
    data: bytes = field(repr=False)

    def read(self) -> bytes:
        """Return `data`."""
        return self.data


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; its images come before its text."""

    role: Role
    text: str
    images: tuple[EncodedImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request to a model.

    `schema` is a JSON schema (as text) that the answer must follow, or empty for free text. Decoding is greedy at
    `temperature` 0; `seed` matters only above it.
    """

    id: str
    messages: tuple[Message, ...]
    max_tokens: int
    schema: str = ""
    temperature: float = 0.0
    seed: int = 0

    def key(self, model: str) -> str:
        """Cache key of this request to this model: a hash of id, text, images and decoding options."""
        messages = [[message.role, message.text, [image.key for image in message.images]] for message in self.messages]
        return digest(model, self.id, messages, self.max_tokens, self.schema, self.temperature, self.seed)

    def again(self, reply: str, correction: str, attempt: int) -> "ChatRequest":
        """The request that follows a rejected reply: reply and correction are appended, and the answer is sampled.

        Greedy decoding would only repeat itself, so attempt n is sampled at temperature 0.2 n with seed n.
        """
        follow_up = (Message("assistant", reply), Message("user", correction))
        return replace(self, messages=(*self.messages, *follow_up), temperature=0.2 * attempt, seed=attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """A model's reply: `text`, or `error` if the model could not be reached or rejected the request.

    `finish_reason` is `stop` where the model ended by itself and `length` where it was cut at `max_tokens`.
    `thinking_tokens` are those of `completion_tokens` that went into thinking, which is not part of `text`.
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
        """The reply as one line of JSON, as the cache stores it."""
        kept = (
            "id", "text", "finish_reason", "error", "prompt_tokens", "completion_tokens", "thinking_tokens", "attempts",
        )  # fmt: skip
        return json.dumps({name: getattr(self, name) for name in kept}, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "ChatReply":
        """Read a line of `to_json`; `cached` is set."""
        return cls(**json.loads(line), cached=True)


class ChatModel(Protocol):
    """Answers requests. `name` is the backend's name, `model` the model's with its revision; both go into lineage."""

    name: str
    model: str

    def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield one reply per request, with the request's id, in any order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The cost of a row: requests sent and cached, tokens in and out, and the thinking tokens among those out."""

    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0

    @classmethod
    def of(cls, replies: Sequence[ChatReply]) -> "Usage":
        """The sum over a conversation; cached replies cost nothing."""
        paid = [reply for reply in replies if not reply.cached]
        return cls(
            calls=sum(reply.attempts for reply in paid),
            cached=len(replies) - len(paid),
            prompt_tokens=sum(reply.prompt_tokens for reply in paid),
            completion_tokens=sum(reply.completion_tokens for reply in paid),
            thinking_tokens=sum(reply.thinking_tokens for reply in paid),
        )


NO_REPLY = "no reply"
"""The error of a request that a model or a backend left without an answer."""
NOTHING = Usage()


def check_ids(requests: Sequence[ChatRequest]) -> set[str]:
    """The ids of a batch. Raises `StageError` if two requests share an id, because replies are matched by id."""
    ids = {request.id for request in requests}
    if len(ids) < len(requests):
        raise StageError("two requests of one batch share an id; every request needs its own")
    return ids
