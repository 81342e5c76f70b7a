"""The models that the trainer trains, one folder each. Every model maps a list of `Segment` to a list of predictions.

from training.models.cogvideox.config import PRESETS
from training.models.cogvideox.model import CogVideoX
model = CogVideoX(PRESETS["debug"])
"""
