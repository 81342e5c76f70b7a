"""Turns conversations into batches for a language model, with a prefix cache for what many of them start with.

System prompt and worked examples are the same for thousands of clips. Their keys and values are computed once per
distinct prefix, and every batch continues from them.

    for batch in TextPrompts(model, tokenizer, pad).prepare(requests, size=16): ...
"""

import copy
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

from captioning.backends.decoding import Batch, decode_answer
from captioning.chat import ChatReply, ChatRequest, Message
from captioning.thinking import no_thinking_options

_MAX_PREFIXES = 4  # keys and values of a long prefix fill memory


@dataclass(frozen=True, slots=True)
class _Prefix:
    """The start of conversations: its token ids and their key-value cache (batch size 1)."""

    tokens: tuple[int, ...] = ()
    cache: Any = None


_NO_PREFIX = _Prefix()
_Prompt = tuple[list[int], ChatRequest]


class TextPrompts:
    """Batches of conversations that share a prefix, shortest first, padded between the prefix and the rest."""

    def __init__(self, model: Any, tokenizer: Any, pad: int) -> None:
        self._model, self._tokenizer, self._pad = model, tokenizer, pad
        self._longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._prefixes: OrderedDict[tuple[Message, ...], _Prefix] = OrderedDict()

    def prepare(self, requests: Sequence[ChatRequest], size: int) -> Iterator[Batch | ChatReply]:
        """Yield batches of at most `size` requests, and an error for each request that the model cannot take.

        The inputs of a batch are `input_ids` and `attention_mask` [B, tokens], prefix included, and with a prefix
        its `past_key_values`.
        """
        groups: dict[tuple[Message, ...], list[_Prompt]] = defaultdict(list)
        shared = Counter(prefix for request in requests for prefix in _prefixes(request))
        for request in requests:
            tokens = self._encode(request.messages)
            if reason := self._refusal(request, len(tokens)):
                yield ChatReply(id=request.id, error=reason)
            else:
                known = (prefix for prefix in _prefixes(request) if shared[prefix] > 1 or prefix in self._prefixes)
                groups[next(known, ())].append((tokens, request))
        for messages, group in groups.items():
            prefix = self._prefix(messages) if messages else _NO_PREFIX
            # By length, so that a batch needs little padding and does not depend on the order of the requests.
            group.sort(key=lambda prompt: (len(prompt[0]), prompt[1].id))
            with_prefix = [prompt for prompt in group if tuple(prompt[0][: len(prefix.tokens)]) == prefix.tokens]
            without = [prompt for prompt in group if tuple(prompt[0][: len(prefix.tokens)]) != prefix.tokens]
            for start, prompts in ((prefix, with_prefix), (_NO_PREFIX, without)):
                for at in range(0, len(prompts), size):
                    yield self._batch(start, prompts[at : at + size])

    def decode(self, tokens: Sequence[int]) -> str:
        """Decode an answer's token ids."""
        return decode_answer(self._tokenizer, tokens)

    def _refusal(self, request: ChatRequest, tokens: int) -> str | None:
        if any(message.images for message in request.messages):
            return "the model reads no images; use a vision model"
        if self._longest and tokens + request.max_tokens > self._longest:
            return f"{tokens} tokens and an answer of {request.max_tokens} exceed the model's {self._longest}"
        return None

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt in the model's chat template, with thinking switched off where the template can."""
        chat = [{"role": message.role, "content": message.text} for message in messages]
        modes = no_thinking_options(self._tokenizer.chat_template)
        return str(self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **modes))

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        tokens: list[int] = self._tokenizer(self.render(messages), add_special_tokens=False)["input_ids"]
        return tokens

    def _prefix(self, messages: tuple[Message, ...]) -> _Prefix:
        """The prefix of every conversation with these first messages, whatever the next message is."""
        if messages not in self._prefixes:
            first, second = (self._encode((*messages, Message("user", text))) for text in ("1", "2"))
            pairs = enumerate(zip(first, second, strict=False))
            common = next((index for index, (left, right) in pairs if left != right), 0)
            self._prefixes[messages] = self._read(first[:common])
        self._prefixes.move_to_end(messages)
        while len(self._prefixes) > _MAX_PREFIXES:
            self._prefixes.popitem(last=False)
        return self._prefixes[messages]

    def _read(self, tokens: list[int]) -> _Prefix:
        if not tokens:
            return _NO_PREFIX
        with torch.inference_mode():
            cache = self._model(torch.tensor([tokens], device=self._model.device), use_cache=True).past_key_values
        # A sliding window would count the padding after the prefix, and a recurrent state would read it.
        plain = all(type(layer) is DynamicLayer for layer in getattr(cache, "layers", [None]))
        return _Prefix(tuple(tokens), cache) if plain else _NO_PREFIX

    def _batch(self, prefix: _Prefix, prompts: Sequence[_Prompt]) -> Batch:
        tails = [tokens[len(prefix.tokens) :] for tokens, _ in prompts]
        longest = max(len(tail) for tail in tails)
        padding = [longest - len(tail) for tail in tails]
        before = len(prefix.tokens)
        ids = [[*prefix.tokens, *[self._pad] * pads, *tail] for tail, pads in zip(tails, padding, strict=True)]
        mask = [[1] * before + [0] * pads + [1] * len(tail) for tail, pads in zip(tails, padding, strict=True)]
        device = self._model.device
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor(ids, device=device),
            "attention_mask": torch.tensor(mask, device=device),
        }
        if prefix.cache is not None:
            inputs["past_key_values"] = copy.deepcopy(prefix.cache)
            inputs["past_key_values"].batch_repeat_interleave(len(prompts))
        return Batch(requests=[request for _, request in prompts], inputs=inputs)


def _prefixes(request: ChatRequest) -> Iterator[tuple[Message, ...]]:
    """The prefixes that a conversation may share with others: all messages before a user's turn, longest first."""
    for index in range(len(request.messages) - 1, 0, -1):
        if request.messages[index].role == "user":
            yield request.messages[:index]
