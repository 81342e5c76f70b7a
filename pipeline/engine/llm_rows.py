"""What a chat request is on its way through Ray Data: a small row, the engine's input, its output, a reply.

    {id, request}               in the driver; pictures are references
    {prompt, multimodal_data, sampling_params}     `prepare`, in a worker: template applied, pictures read and decoded
    {id, text, tokens, error}   `finish`, or the whole inner row where something failed
    ChatReply                   `reply_of`, in the driver

Ray's own stages for templates and pictures end the whole job on the first bad one, so `prepare` does their work and
marks a row that cannot be asked with the engine's own error column: such a row passes by the engine.

    python -m pytest tests/pipeline/engine/test_llm_rows.py
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from captioning.chat import ChatReply, ChatRequest, EncodedImage, ImageBytes, Message
from captioning.thinking import has_thinking_tokens, no_thinking_options, opens_thinking, strip_thinking
from pipeline.dataset.stored_picture import StoredPicture
from pipeline.stage import Row, describe
from schemas.errors import CutroomError, StageError

ERROR = "__inference_error__"  # Ray's name: rows that hold text in it pass by the remaining stages
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Template:
    """Where a model's chat template is, and whether it takes content as a list of parts (vision models) or as text."""

    model: str
    revision: str
    parts: bool


def request_row(request: ChatRequest) -> Row:
    """A request as a row of small things; a picture that is no stored one is read here, which may raise."""
    messages = [
        {"role": one.role, "text": one.text, "pictures": [_reference(picture) for picture in one.images]}
        for one in request.messages
    ]
    return {"id": request.id, "request": json.dumps({"messages": messages, "sampling": sampling_parameters(request)})}


def sampling_parameters(request: ChatRequest) -> dict[str, Any]:
    """vLLM's sampling parameters; without a schema the column of structured outputs is left out."""
    found: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
    if request.temperature > 0:
        found["seed"] = request.seed
    if request.schema:
        found["structured_outputs"] = {"json": request.schema}
    return found


def prepare(row: Row, template: Template) -> Row:
    """The engine's input of a row; one that cannot be asked carries the reason in `ERROR`."""
    # What is set here replaces the row's own: every column is carried through all stages.
    found: Row = {"request": "", "prompt": "", "sampling_params": {"max_tokens": 1}, ERROR: ""}
    try:
        request = json.loads(row["request"])
        messages = [
            Message(one["role"], one["text"], tuple(_picture(reference) for reference in one["pictures"]))
            for one in request["messages"]
        ]
        pictures = [_decode(picture) for message in messages for picture in message.images]
        found |= {"prompt": render(messages, template), "sampling_params": request["sampling"]}
        if _keeps_special(template.model, template.revision):
            found["sampling_params"] = {**request["sampling"], "skip_special_tokens": False}
        if pictures:
            found["multimodal_data"] = {"image": pictures}
    except (StageError, ImportError):
        raise
    except Exception as error:
        text = str(error) if isinstance(error, CutroomError) else describe(error)
        found |= {ERROR: f"the request cannot be prepared: {text}"}
    return found


def finish(row: Row) -> Row:
    """Of an answered row what becomes the reply."""
    return {
        "id": row["id"],
        "generated_text": row["generated_text"],
        "num_input_tokens": row["num_input_tokens"],
        "num_generated_tokens": row["num_generated_tokens"],
    }


def reply_of(row: Mapping[str, Any], request: ChatRequest, longest: int | None, opened: bool = False) -> ChatReply:
    """The reply in a row of either shape; `longest` is the engine's `max_model_len` in tokens, if it is known.

    `opened`: the template ends in an open thinking (`captioning.thinking`).

    The engine's rows hold no finish reason: a text is cut where its tokens reach `max_tokens` or the model's length.
    A text that ends by itself on its last allowed token counts as cut too.
    """
    prompt, completion = int(row.get("num_input_tokens") or 0), int(row.get("num_generated_tokens") or 0)
    error = row.get(ERROR)
    if error:
        return ChatReply(id=request.id, error=" ".join(str(error).split())[:_LONGEST_ERROR], prompt_tokens=prompt)
    cut = completion >= request.max_tokens or (longest is not None and prompt + completion >= longest)
    reply = ChatReply(
        id=request.id,
        text=str(row.get("generated_text") or ""),
        finish_reason="length" if cut else "stop",
        prompt_tokens=prompt,
        completion_tokens=completion,
    )
    return strip_thinking(reply, opened=opened)


def check_template(template: Template) -> bool:
    """Whether the template ends in an open thinking.

    Raises `StageError` if the model has no tokenizer or chat template: every row would fail with that.
    """
    return opens_thinking(render([Message("user", "1")], template))


def render(messages: Sequence[Message], template: Template) -> str:
    """The prompt as the model was trained on it; pictures stand before their message's text.

    Asks without the thinking of models that have such a mode. A start mark that the tokenizer adds by itself is taken
    away, so that it does not stand there twice.
    """
    processor, adds_start = _processor(template.model, template.revision)
    chat = []
    for one in messages:
        words = [{"type": "image"}] * len(one.images) + [{"type": "text", "text": one.text}]
        chat.append({"role": one.role, "content": words if template.parts else one.text})
    modes = no_thinking_options(processor.chat_template)
    prompt: str = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **modes)
    return prompt.removeprefix(adds_start)


@lru_cache(maxsize=2)
def _processor(model: str, revision: str) -> tuple[Any, str]:
    """The model's processor (or tokenizer), and the start mark that its tokenizer adds to every text."""
    from transformers import AutoProcessor

    try:
        processor: Any = AutoProcessor.from_pretrained(model, revision=revision or None)
    except (OSError, ValueError) as error:
        raise StageError(f"no tokenizer can be loaded from {model!r}: {' '.join(str(error).split())[:300]}") from error
    if not getattr(processor, "chat_template", None):
        raise StageError(f"{model!r} has no chat template; use an instruction-tuned model, or add chat_template.jinja")
    tokenizer = getattr(processor, "tokenizer", processor)
    start = tokenizer.bos_token or ""
    adds = bool(start) and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    return processor, start if adds else ""


@lru_cache(maxsize=2)
def _keeps_special(model: str, revision: str) -> bool:
    processor, _ = _processor(model, revision)
    return has_thinking_tokens(getattr(processor, "tokenizer", processor))


def _reference(picture: EncodedImage) -> dict[str, str]:
    if isinstance(picture, StoredPicture):
        return {"dataset": picture.dataset_uri, "part": picture.part, "still": picture.still_id}
    return {"key": picture.key, "data": base64.b64encode(picture.read()).decode()}


def _picture(reference: Mapping[str, str]) -> EncodedImage:
    if "data" in reference:
        return ImageBytes(reference["key"], base64.b64decode(reference["data"]))
    return StoredPicture(reference["dataset"], reference["part"], reference["still"])


def _decode(picture: EncodedImage) -> Any:
    """The picture as RGB; every pixel is decoded here, because a broken one would end the job further on."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.read())) as opened:
            return opened.convert("RGB")
    except Exception as error:
        raise CutroomError(f"picture {picture.key}: {describe(error)}") from error
