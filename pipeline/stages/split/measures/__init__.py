"""Cheap measures of the decode pass, one per file: motion, camera, jitter, frozen share, bars, light, compression.

`Measurer` sees every frame once and gives the columns of any clip afterwards; `schemas.media_tables.CLIPS` documents
their units and ranges.
"""

from pipeline.stages.split.measures.measurer import Measurer

__all__ = ["Measurer"]
