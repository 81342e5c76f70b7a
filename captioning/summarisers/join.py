"""The summariser without a model: joins the distinct frame captions in time order, within the token budget.

just curate demo --set summarise.summariser=join
"""

from collections.abc import AsyncIterator, Sequence

from captioning.protocols import ClipReply, ClipRequest
from captioning.tasks.summary import Budget, finish_joined
from schemas.ids import digest


class JoinSummariser:
    """Tells the frame captions one after another, each thing once; it invents nothing and merges nothing."""

    name = "join"
    model = "distinct frame captions, revision 1"
    prompt_hash = digest("join")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    async def summarise(self, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
        """Yield one reply per clip, in the order of the requests; a clip without frame captions gets an error."""
        for request in requests:
            yield finish_joined(request, self._budget, None)
