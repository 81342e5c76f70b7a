"""Turns conversations with pictures into batches for a vision model; a picture is read when its batch comes up.

python -m pytest tests/captioning/backends/test_transformers.py
"""

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from captioning.backends.decoding import Batch, decode_answer
from captioning.chat import ChatReply, ChatRequest, Message, Picture
from captioning.thinking import quiet_modes
from schemas.errors import CutroomError


class PicturePrompts:
    """Batches of equally many pictures per conversation, shortest text first, padded on the left by the processor."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor

    def prepare(self, requests: Sequence[ChatRequest], size: int) -> Iterator[Batch | ChatReply]:
        """Yield batches of at most `size` requests, and an error for each with a picture that cannot be read."""
        groups: dict[int, list[tuple[str, ChatRequest]]] = defaultdict(list)
        for request in requests:
            groups[len(_pictures(request))].append((self.render(request.messages), request))
        for group in groups.values():
            group.sort(key=lambda one: (len(one[0]), one[1].id))
            for at in range(0, len(group), size):
                readable: list[tuple[str, ChatRequest, list[Image.Image]]] = []
                for text, request in group[at : at + size]:
                    try:
                        readable.append((text, request, [_open(picture) for picture in _pictures(request)]))
                    except (OSError, ValueError, SyntaxError, CutroomError, Image.DecompressionBombError) as error:
                        yield ChatReply(id=request.id, error=f"a picture cannot be read: {error}")
                if readable:
                    yield self._batch(readable)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens."""
        return decode_answer(self._processor.tokenizer, tokens)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as the model was trained on it, without thinking where that can be asked for."""
        chat = []
        for message in messages:
            words = [{"type": "text", "text": message.text}]
            chat.append({"role": message.role, "content": [{"type": "image"}] * len(message.pictures) + words})
        modes = quiet_modes(self._processor.chat_template or self._processor.tokenizer.chat_template)
        return str(self._processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **modes))

    def _batch(self, several: Sequence[tuple[str, ChatRequest, list[Image.Image]]]) -> Batch:
        pictures = [images for _, _, images in several]
        encoded = self._processor(
            text=[text for text, _, _ in several],
            images=pictures if pictures[0] else None,
            padding=True,
            add_special_tokens=False,
            return_tensors="pt",
        )
        inputs: dict[str, Any] = {}
        for name, one in encoded.items():
            floating = isinstance(one, torch.Tensor) and one.is_floating_point()
            inputs[name] = one.to(self._model.device, self._model.dtype) if floating else one.to(self._model.device)
        return Batch(requests=[request for _, request, _ in several], inputs=inputs)


def _pictures(request: ChatRequest) -> list[Picture]:
    return [picture for message in request.messages for picture in message.pictures]


def _open(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.read())) as image:
        return image.convert("RGB")
