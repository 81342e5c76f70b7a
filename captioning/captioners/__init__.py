"""The captioner backends by name. A new one is a file here that meets `captioning.protocols.Captioner`, and one line.

python -m pytest tests/captioning/captioners
"""

from collections.abc import Callable

from captioning.captioners.facts import FactsCaptioner
from captioning.protocols import Captioner

CAPTIONERS: dict[str, Callable[..., Captioner]] = {
    "facts": FactsCaptioner,
}
