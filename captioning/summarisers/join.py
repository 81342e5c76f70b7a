"""The summariser without a model: joins the distinct frame captions in time order, within the token budget.

just curate demo --set summarise.summariser=join
"""

from collections.abc import Sequence

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

    def summarise(self, requests: Sequence[ClipRequest]) -> list[ClipReply]:
        """Return one reply per clip, in the order of the requests; a clip without frame captions gets an error."""
        return [finish_joined(request, self._budget, None) for request in requests]
