"""Every measure of single frames. A new one is a new file and one line here.

[column.name for measure in MEASURES for column in measure.columns]
"""

from pipeline.stages.measures.base import FrameMeasure
from pipeline.stages.measures.blockiness import Blockiness
from pipeline.stages.measures.exposure import Exposure
from pipeline.stages.measures.sharpness import Sharpness

MEASURES: list[FrameMeasure] = [
    Sharpness(),
    Exposure(),
    Blockiness(),
]
