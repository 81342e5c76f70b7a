"""The summarisers without a chat model, by name; those with one are a `captioning.summarisers.chat.ChatSummariser`.

summariser = SUMMARISERS["join"](Budget(count=TokenCounter().count, tokens=226))
"""

from collections.abc import Callable

from captioning.protocols import Summariser
from captioning.summarisers.join import JoinSummariser
from captioning.tasks.summary import Budget

SUMMARISERS: dict[str, Callable[[Budget], Summariser]] = {
    "join": JoinSummariser,
}
