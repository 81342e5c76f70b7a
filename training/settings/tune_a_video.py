"""What Tune-A-Video can be told beside its preset.

just tune video.mp4 "a man skis" --model models/sd --set model.tune_a_video.group_norm=clip
"""

from typing import Literal

from training.settings.base import FamilySection


class TuneAVideoSettings(FamilySection):
    """Changes to the inflated UNet."""

    group_norm: Literal["frame", "clip"] = "frame"
    """Group norm per frame, as in the image model, or over the clip, as published."""
