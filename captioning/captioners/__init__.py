"""The captioners without a chat model, by name; those with one are a `captioning.captioners.chat.ChatCaptioner`.

A new one is a file here that implements `captioning.protocols.MeasureCaptioner`, and one line.

    captioner = CAPTIONERS["facts"]("{subject} in {light}")
"""

from collections.abc import Mapping

from captioning.captioners.facts import FactsCaptioner
from captioning.protocols import MeasureCaptioner

CAPTIONERS: Mapping[str, type[MeasureCaptioner]] = {
    "facts": FactsCaptioner,
}
