"""Every measure of single frames. A new one is a new file and one line here.

[column.name for measure in MEASURES for column in measure.columns]
"""

from pipeline.measures.base import FrameMeasure
from pipeline.measures.blockiness import Blockiness
from pipeline.measures.exposure import Exposure
from pipeline.measures.sharpness import Sharpness

MEASURES: list[FrameMeasure] = [
    Sharpness(),
    Exposure(),
    Blockiness(),
]
