"""Cheap measures of the decode pass, one per file: motion, camera, jitter, frozen share, bars, exposure, compression.

`Measurer` receives every frame once and computes the columns of any clip afterwards; `schemas.media_tables.CLIPS`
documents their units and ranges.

    measurer.push(frame)
    columns = measurer.summarise(first=0, end=120)
"""

from pipeline.stages.split.measures.measurer import Measurer

__all__ = ["Measurer"]
