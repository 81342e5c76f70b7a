"""The wire format of OpenAI-compatible endpoints (vLLM, SGLang, hosted services): requests to JSON, replies from JSON.

Pure functions. A server's answer is not trusted: every field is checked before it is used, its messages are cut to one
line, and the key is removed from whatever it echoes.

    reply = read_answer(request.id, response.text, key)      # after sending write_request(request, model)
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from captioning.chat import ChatReply, ChatRequest, Message
from captioning.thinking import strip_thinking

LONGEST_MESSAGE = 200
_HIDDEN = "***"
_ANSWER_TYPES = (None, "text", "output_text")  # the parts of a content that are the answer, by `type`
_BEARER = re.compile(r"(?i)\bbearer\s+[^\s\"',;}]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt gave no answer; `again`: another attempt may; `wait`: the seconds that the server asked for."""

    reason: str
    again: bool = False
    wait: float | None = None


def write_request(request: ChatRequest, model: str) -> dict[str, Any]:
    """The body of a request. Images are read here, so call it just before the request is sent.

    `seed` is sent only above temperature 0. Raises what reading an image raises, and `ValueError` for a broken schema.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_write_message(message) for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.temperature > 0:
        body["seed"] = request.seed
    if request.schema:
        schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _write_message(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(image.read())}} for image in message.images
    ]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def _data_url(image: bytes) -> str:
    subtype = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{subtype};base64,{base64.b64encode(image).decode()}"


def read_answer(id: str, body: str, key: str = "") -> ChatReply | Failure:
    """Parse the body of a 200; a `Failure` to be retried if it holds no reply (a proxy's page, an error).

    A refusal becomes an error, because refusals must not become captions. Thinking is not part of the text, wherever
    the server puts it (`captioning.thinking`), so an answer of thinking alone has an empty text.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Failure(f"HTTP 200 without JSON: {one_line(body, key)}; is base_url the endpoint itself?", again=True)
    answer = answer if isinstance(answer, dict) else {}
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Failure(f"HTTP 200 without an answer: {read_message(body, key)}; see the endpoint's log", again=True)
    text, refusal = _text(message.get("content")), message.get("refusal")
    if not text and isinstance(refusal, str) and refusal:
        return Failure(f"refused by the model: {one_line(refusal, key)}")
    thinking = _thinking(message)
    if key and key in text + thinking:
        return Failure(
            "the answer contains the endpoint's key and is discarded; check what the endpoint does with headers"
        )
    finish_reason, usage = choice.get("finish_reason"), answer.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, Mapping) else None
    reply = ChatReply(
        id=id,
        text=text,
        finish_reason=one_line(finish_reason, key) if isinstance(finish_reason, str) else "stop",
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )
    thinking_tokens = _count(details, "reasoning_tokens") or _count(usage, "reasoning_tokens")
    return strip_thinking(reply, thinking=thinking, thinking_tokens=thinking_tokens)


def _thinking(message: Mapping[str, Any]) -> str:
    """The thinking that the server separated: its own field (vLLM, SGLang, DeepSeek, OpenRouter) or content parts."""
    fields = [_text(message.get(name)) for name in ("reasoning_content", "reasoning", "thinking")]
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    others = [part for part in parts if isinstance(part, dict) and part.get("type") not in _ANSWER_TYPES]
    inner = [_text(part.get(name)) for part in others for name in ("thinking", "reasoning", "text")]
    return next(filter(None, fields), "") + "".join(inner)


def _text(content: object) -> str:
    if isinstance(content, list):  # some servers answer in parts; those with thinking have another type
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") in _ANSWER_TYPES]
        return "".join(map(_text, texts))
    # A lone surrogate is legal in JSON but cannot be written as UTF-8.
    return content.encode(errors="replace").decode() if isinstance(content, str) else ""


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0


def read_message(body: str, key: str = "") -> str:
    """The message of an error's body: from the usual JSON (`error.message`, `message`, `detail`), or the whole body."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return one_line(body, key)
    for name in ("error", "message", "detail"):
        if isinstance(message, dict) and message.get(name):
            message = message[name]
    return one_line(message if isinstance(message, str) else json.dumps(message, ensure_ascii=False), key)


def one_line(text: str, key: str = "") -> str:
    """The text as one line of at most 200 characters, without the key, which is removed before the text is cut."""
    line = hide(" ".join(text.encode(errors="replace").decode().split()), key) or "(empty)"
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 3] + "..."


def hide(text: str, key: str) -> str:
    """The text with the key masked in every form: literal, percent-encoded, or after `Bearer`."""
    for written in {key, quote(key, safe="")} - {""}:
        text = text.replace(written, _HIDDEN)
    return _BEARER.sub(f"Bearer {_HIDDEN}", text)
