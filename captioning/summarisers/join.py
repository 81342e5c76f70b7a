"""The summariser without a model: joins the distinct frame captions in time order, up to the token budget.

just curate demo --set summarise.summariser=join
"""

from collections.abc import AsyncIterator, Sequence

from captioning.protocols import ClipReply, ClipRequest
from captioning.tasks.summary import Budget, finish_joined
from schemas.ids import digest


class JoinSummariser:
    """Joins the frame captions in time order without repetitions; it neither invents nor merges anything."""

    name = "join"
    model = "distinct frame captions, revision 1"
    prompt_hash = digest("join")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    async def summarise(self, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
        """Yield one reply per sample, in the order of the requests; a sample without frame captions gets an error."""
        for request in requests:
            yield finish_joined(request, self._budget, None)
