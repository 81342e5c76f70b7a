"""Captions with a vision model on any backend: stills one by one, and samples from all their stills at once.

just curate <bucket> --set caption.captioner=openai --set caption.model.base_url=http://127.0.0.1:8000/v1
"""

from collections.abc import AsyncIterator, Sequence

from captioning.chat import ChatModel
from captioning.dialogue import converse
from captioning.protocols import CaptionReply, OverviewReply, OverviewRequest, StillRequest
from captioning.tasks.images import FrameTask, OverviewTask


class ChatCaptioner:
    """A `Captioner` and an `Overviewer` on a chat model."""

    def __init__(self, chat: ChatModel, frame: FrameTask, overview: OverviewTask) -> None:
        self.name, self.model = chat.name, chat.model
        self.prompt_hash, self.overview_hash = frame.prompt_hash, overview.prompt_hash
        self._chat, self._frame, self._overview = chat, frame, overview

    async def caption(self, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
        """Yield one reply per still, in any order."""
        async for _, reply in converse(self._frame, self._chat, {request.still_id: request for request in requests}):
            yield reply

    async def overview(self, requests: Sequence[OverviewRequest]) -> AsyncIterator[OverviewReply]:
        """Yield one reply per sample, in any order."""
        async for _, reply in converse(
            self._overview, self._chat, {request.sample_id: request for request in requests}
        ):
            yield reply
