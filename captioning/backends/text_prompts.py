"""Turns conversations into batches for a language model; what many of them start with is read by the model once.

System prompt and worked examples are the same for thousands of clips. Their tokens' keys and values are computed once
per distinct beginning, and every batch starts behind them.

    python -m pytest tests/captioning/backends/test_transformers.py
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

_MAX_PREFIXES = 4  # keys and values of a long head fill memory


@dataclass(frozen=True, slots=True)
class _Prefix:
    """What conversations start with: its tokens and their keys and values (a cache of batch size 1)."""

    tokens: tuple[int, ...] = ()
    cache: Any = None


_NO_PREFIX = _Prefix()


class TextPrompts:
    """Batches of one beginning each, shortest prompts first, padded between the beginning and what differs."""

    def __init__(self, model: Any, tokenizer: Any, pad: int) -> None:
        self._model, self._tokenizer, self._pad = model, tokenizer, pad
        self._longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._prefixes: OrderedDict[tuple[Message, ...], _Prefix] = OrderedDict()

    def prepare(self, requests: Sequence[ChatRequest], size: int) -> Iterator[Batch | ChatReply]:
        """Yield batches of at most `size` requests, and an error for each request that the model cannot read."""
        groups: dict[tuple[Message, ...], list[tuple[list[int], ChatRequest]]] = defaultdict(list)
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
            # By length, so that a batch holds little padding, and the same requests share it in whatever order.
            group.sort(key=lambda one: (len(one[0]), one[1].id))
            behind: dict[bool, list[tuple[list[int], ChatRequest]]] = {True: [], False: []}
            for one in group:
                behind[tuple(one[0][: len(prefix.tokens)]) == prefix.tokens].append(one)
            for start, several in ((prefix, behind[True]), (_NO_PREFIX, behind[False])):
                for at in range(0, len(several), size):
                    yield self._batch(start, several[at : at + size])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens."""
        return decode_answer(self._tokenizer, tokens)

    def _refusal(self, request: ChatRequest, tokens: int) -> str | None:
        if any(message.images for message in request.messages):
            return "the model reads no pictures; ask a vision model"
        if self._longest and tokens + request.max_tokens > self._longest:
            return f"{tokens} tokens and an answer of {request.max_tokens} exceed the model's {self._longest}"
        return None

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as the model was trained on it, without thinking where that can be asked for."""
        chat = [{"role": message.role, "content": message.text} for message in messages]
        modes = no_thinking_options(self._tokenizer.chat_template)
        return str(self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **modes))

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        tokens: list[int] = self._tokenizer(self.render(messages), add_special_tokens=False)["input_ids"]
        return tokens

    def _prefix(self, messages: tuple[Message, ...]) -> _Prefix:
        """The tokens that every conversation with these first messages starts with, whatever is asked next."""
        if messages not in self._prefixes:
            one, other = (self._encode((*messages, Message("user", text))) for text in ("1", "2"))
            same = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
            self._prefixes[messages] = self._read(one[:same])
        self._prefixes.move_to_end(messages)
        while len(self._prefixes) > _MAX_PREFIXES:
            self._prefixes.popitem(last=False)
        return self._prefixes[messages]

    def _read(self, tokens: list[int]) -> _Prefix:
        if not tokens:
            return _NO_PREFIX
        with torch.inference_mode():
            cache = self._model(torch.tensor([tokens], device=self._model.device), use_cache=True).past_key_values
        # A sliding window would count the padding behind the head, and a recurrent state would read it.
        plain = all(type(layer) is DynamicLayer for layer in getattr(cache, "layers", [None]))
        return _Prefix(tuple(tokens), cache) if plain else _NO_PREFIX

    def _batch(self, prefix: _Prefix, prompts: Sequence[tuple[list[int], ChatRequest]]) -> Batch:
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
    """What the conversation may share with others: all before a turn of the user, longest first."""
    for place in range(len(request.messages) - 1, 0, -1):
        if request.messages[place].role == "user":
            yield request.messages[:place]
