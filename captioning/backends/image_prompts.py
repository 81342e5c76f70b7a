"""Turns conversations with images into batches for a vision model; an image is read when its batch is built.

for batch in ImagePrompts(model, processor).prepare(requests, size=8): ...
"""

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from captioning.backends.decoding import Batch, decode_answer
from captioning.chat import ChatReply, ChatRequest, EncodedImage, Message
from captioning.thinking import no_thinking_options
from schemas.errors import CutroomError


class ImagePrompts:
    """Batches of conversations with the same number of images, shortest text first, padded on the left.

    The inputs of a batch are what the processor makes: `input_ids` and `attention_mask` [B, tokens], and the model's
    own tensors of pixels.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor

    def prepare(self, requests: Sequence[ChatRequest], size: int) -> Iterator[Batch | ChatReply]:
        """Yield batches of at most `size` requests, and an error for each request with an image that cannot be read."""
        groups: dict[int, list[tuple[str, ChatRequest]]] = defaultdict(list)
        for request in requests:
            groups[len(_images(request))].append((self.render(request.messages), request))
        for group in groups.values():
            group.sort(key=lambda prompt: (len(prompt[0]), prompt[1].id))
            for at in range(0, len(group), size):
                readable: list[tuple[str, ChatRequest, list[Image.Image]]] = []
                for text, request in group[at : at + size]:
                    try:
                        readable.append((text, request, [_open(image) for image in _images(request)]))
                    except (OSError, ValueError, SyntaxError, CutroomError, Image.DecompressionBombError) as error:
                        yield ChatReply(id=request.id, error=f"an image cannot be read: {error}")
                if readable:
                    yield self._batch(readable)

    def decode(self, tokens: Sequence[int]) -> str:
        """Decode an answer's token ids."""
        return decode_answer(self._processor.tokenizer, tokens)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt in the model's chat template, with thinking switched off where the template can."""
        chat = []
        for message in messages:
            words = [{"type": "text", "text": message.text}]
            chat.append({"role": message.role, "content": [{"type": "image"}] * len(message.images) + words})
        modes = no_thinking_options(self._processor.chat_template or self._processor.tokenizer.chat_template)
        return str(self._processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **modes))

    def _batch(self, prompts: Sequence[tuple[str, ChatRequest, list[Image.Image]]]) -> Batch:
        images = [opened for _, _, opened in prompts]
        encoded = self._processor(
            text=[text for text, _, _ in prompts],
            images=images if images[0] else None,
            padding=True,
            add_special_tokens=False,
            return_tensors="pt",
        )
        inputs: dict[str, Any] = {}
        for name, tensor in encoded.items():
            floating = isinstance(tensor, torch.Tensor) and tensor.is_floating_point()
            target = (self._model.device, self._model.dtype) if floating else (self._model.device,)
            inputs[name] = tensor.to(*target)
        return Batch(requests=[request for _, request, _ in prompts], inputs=inputs)


def _images(request: ChatRequest) -> list[EncodedImage]:
    return [image for message in request.messages for image in message.images]


def _open(image: EncodedImage) -> Image.Image:
    with Image.open(io.BytesIO(image.read())) as opened:
        return opened.convert("RGB")
