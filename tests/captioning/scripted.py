"""A chat model that says what a test tells it to, late and in any order, and remembers what it was asked."""

import random
from collections.abc import AsyncIterator, Callable, Sequence

from captioning.chat import ChatReply, ChatRequest

Say = Callable[[ChatRequest, int], ChatReply]


class ScriptedChat:
    """Answers with `say(request, how many times this id was asked before)`, in a seeded random order."""

    name, model = "scripted", "test 1"

    def __init__(self, say: Say, seed: int = 0) -> None:
        self._say, self._random = say, random.Random(seed)
        self.asked: list[ChatRequest] = []

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        shuffled = self._random.sample(list(requests), len(requests))
        for request in shuffled:
            before = sum(earlier.id == request.id for earlier in self.asked)
            self.asked.append(request)
            yield self._say(request, before)


def says(*texts: str) -> Say:
    """The n-th answer to each id is the n-th text, the last one for ever."""
    return lambda request, before: ChatReply(
        id=request.id, text=texts[min(before, len(texts) - 1)], prompt_tokens=10, completion_tokens=5
    )
