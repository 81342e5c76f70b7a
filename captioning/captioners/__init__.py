"""The captioners without a chat model, by name. A new one is a file here that meets `MeasureCaptioner`, and one line.

Those with a model are a `captioning.captioners.chat.ChatCaptioner` on one of `captioning.backends`.

    CAPTIONERS["facts"]("{subject} in {light}")
"""

from collections.abc import Mapping

from captioning.captioners.facts import FactsCaptioner
from captioning.protocols import MeasureCaptioner

CAPTIONERS: Mapping[str, type[MeasureCaptioner]] = {
    "facts": FactsCaptioner,
}
