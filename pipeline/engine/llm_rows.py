"""The forms of a chat request in Ray Data: a small row, the engine's input, its output, a reply.

    {id, request}               `request_row`, in the driver; images are references
    {prompt, multimodal_data, sampling_params}     `prepare`, in a worker: template applied, images read and decoded
    {id, text, tokens, error}   `finish`, or the whole inner row if something failed
    ChatReply                   `reply_of`, in the driver

Ray's own stages for templates and images end the whole job on the first bad row, so `prepare` does their work and
marks a row that cannot be prepared in the engine's error column: such a row bypasses the engine.

    reply = reply_of(finish(engine_output), request, longest=4096)
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
from pipeline.dataset.stored_image import StoredImage
from pipeline.stage import Row, describe
from schemas.errors import CutroomError, StageError
from schemas.torchvision_pair import leave_out_broken_torchvision

ERROR = "__inference_error__"  # Ray's name: rows with text in this column bypass the remaining stages
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Template:
    """The model whose chat template is used; `parts`: content is a list of parts (vision models) instead of text."""

    model: str
    revision: str
    parts: bool


def request_row(request: ChatRequest) -> Row:
    """A request as a small row; an image that is not a `StoredImage` is read here, which may raise."""
    messages = [
        {"role": message.role, "text": message.text, "pictures": [_reference(image) for image in message.images]}
        for message in request.messages
    ]
    return {"id": request.id, "request": json.dumps({"messages": messages, "sampling": sampling_parameters(request)})}


def sampling_parameters(request: ChatRequest) -> dict[str, Any]:
    """vLLM's sampling parameters; without a schema there is no `structured_outputs`."""
    parameters: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
    if request.temperature > 0:
        parameters["seed"] = request.seed
    if request.schema:
        parameters["structured_outputs"] = {"json": request.schema}
    return parameters


def prepare(row: Row, template: Template) -> Row:
    """The engine's input for a row; if it cannot be prepared, `ERROR` holds the reason."""
    # Columns set here replace the row's own: every column is carried through all stages.
    prepared: Row = {"request": "", "prompt": "", "sampling_params": {"max_tokens": 1}, ERROR: ""}
    try:
        request = json.loads(row["request"])
        messages = [
            Message(message["role"], message["text"], tuple(_image(reference) for reference in message["pictures"]))
            for message in request["messages"]
        ]
        images = [_decode(image) for message in messages for image in message.images]
        prepared |= {"prompt": render(messages, template), "sampling_params": request["sampling"]}
        if _keeps_special(template.model, template.revision):
            prepared["sampling_params"] = {**request["sampling"], "skip_special_tokens": False}
        if images:
            prepared["multimodal_data"] = {"image": images}
    except (StageError, ImportError):
        raise
    except Exception as error:
        text = str(error) if isinstance(error, CutroomError) else describe(error)
        prepared |= {ERROR: f"the request cannot be prepared: {text}"}
    return prepared


def finish(row: Row) -> Row:
    """The columns of an answered row that the reply needs."""
    return {
        "id": row["id"],
        "generated_text": row["generated_text"],
        "num_input_tokens": row["num_input_tokens"],
        "num_generated_tokens": row["num_generated_tokens"],
    }


def reply_of(row: Mapping[str, Any], request: ChatRequest, longest: int | None, opened: bool = False) -> ChatReply:
    """The reply in a row of either form; `longest` is the engine's `max_model_len` in tokens, if known.

    `opened`: the template ends in an open thinking block (`captioning.thinking`).

    The engine's rows have no finish reason: a text counts as cut if its tokens reach `max_tokens` or the model's
    length, even if it happens to end by itself on the last allowed token.
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
    """Whether the template ends in an open thinking block.

    Raises `StageError` if the model has no tokenizer or chat template: every row would fail for that reason.
    """
    return opens_thinking(render([Message("user", "1")], template))


def render(messages: Sequence[Message], template: Template) -> str:
    """The prompt in the format that the model was trained on; images come before their message's text.

    Thinking is disabled for models that have such a mode. A BOS token that the tokenizer adds by itself is removed, so
    that it does not occur twice.
    """
    processor, adds_start = _processor(template.model, template.revision)
    chat = []
    for message in messages:
        words = [{"type": "image"}] * len(message.images) + [{"type": "text", "text": message.text}]
        chat.append({"role": message.role, "content": words if template.parts else message.text})
    modes = no_thinking_options(processor.chat_template)
    prompt: str = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **modes)
    return prompt.removeprefix(adds_start)


@lru_cache(maxsize=2)
def _processor(model: str, revision: str) -> tuple[Any, str]:
    """The model's processor (or tokenizer), and the BOS token that its tokenizer adds to every text."""
    leave_out_broken_torchvision()
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


def _reference(image: EncodedImage) -> dict[str, str]:
    if isinstance(image, StoredImage):
        return {"dataset": image.dataset_uri, "part": image.part, "still": image.still_id}
    return {"key": image.key, "data": base64.b64encode(image.read()).decode()}


def _image(reference: Mapping[str, str]) -> EncodedImage:
    if "data" in reference:
        return ImageBytes(reference["key"], base64.b64decode(reference["data"]))
    return StoredImage(reference["dataset"], reference["part"], reference["still"])


def _decode(image: EncodedImage) -> Any:
    """The image as RGB, completely decoded, because a broken image would end the job later."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image.read())) as opened:
            return opened.convert("RGB")
    except Exception as error:
        raise CutroomError(f"image {image.key}: {describe(error)}") from error
