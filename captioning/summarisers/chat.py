"""Summarises with a language model on any backend.

just curate demo --set summarise.summariser=openai --set summarise.model.base_url=http://127.0.0.1:8000/v1
"""

from collections.abc import AsyncIterator, Sequence

from captioning.chat import ChatModel
from captioning.dialogue import converse
from captioning.protocols import ClipReply, ClipRequest
from captioning.tasks.summary import SummaryTask


class ChatSummariser:
    """A `Summariser` on a chat model."""

    def __init__(self, chat: ChatModel, task: SummaryTask) -> None:
        self.name, self.model, self.prompt_hash = chat.name, chat.model, task.prompt_hash
        self._chat, self._task = chat, task

    async def summarise(self, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
        """Yield one reply per sample, in any order."""
        async for _, reply in converse(self._task, self._chat, {request.sample_id: request for request in requests}):
            yield reply
