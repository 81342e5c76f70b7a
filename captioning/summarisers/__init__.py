"""The summariser backends by name. A new one is a file here that meets `captioning.protocols.Summariser`, and one line.

python -m pytest tests/captioning/summarisers
"""

from collections.abc import Callable

from captioning.protocols import Summariser
from captioning.summarisers.join import JoinSummariser
from captioning.summarisers.smollm import SmolLMSummariser
from captioning.summarisers.transformers_chat import ChatSummariser

SUMMARISERS: dict[str, Callable[..., Summariser]] = {
    "join": JoinSummariser,
    "smollm": SmolLMSummariser,
    "transformers_chat": ChatSummariser,
}
