"""Summarises with a language model behind any backend.

just curate demo --set summarise.summariser=openai --set summarise.model.base_url=http://127.0.0.1:8000/v1
"""

import asyncio
from collections.abc import Sequence

from captioning.chat import ChatModel
from captioning.dialogue import converse
from captioning.protocols import ClipReply, ClipRequest
from captioning.tasks.summary import SummaryTask


class ChatSummariser:
    """A `Summariser` on a chat model."""

    def __init__(self, chat: ChatModel, task: SummaryTask) -> None:
        self.name, self.model, self.prompt_hash = chat.name, chat.model, task.prompt_hash
        self._chat, self._task = chat, task

    def summarise(self, requests: Sequence[ClipRequest]) -> list[ClipReply]:
        """Return one reply per clip, in whatever order they became ready."""
        return asyncio.run(self._all(requests))

    async def _all(self, requests: Sequence[ClipRequest]) -> list[ClipReply]:
        questions = {request.clip_id: request for request in requests}
        return [reply async for _, reply in converse(self._task, self._chat, questions)]
