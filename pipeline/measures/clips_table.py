"""The clips table: its span, what is measured over time, the registered measures of single frames, and its content.

CLIPS.names          # every column that a rule can name, after those of the span
"""

from pipeline.measures.registry import MEASURES
from schemas.contract import TableContract
from schemas.media_tables import CLIP_CONTENT_COLUMNS, CLIP_SPAN_COLUMNS

CLIPS = TableContract(
    name="clips",
    key="clip_id",
    doc="one row per clip: a span inside one shot, with the measures of the decode pass",
    columns=(
        *CLIP_SPAN_COLUMNS,
        *(column for measure in MEASURES for column in measure.columns),
        *CLIP_CONTENT_COLUMNS,
    ),
)
MEASURE_COLUMNS = CLIPS.names[CLIPS.names.index("height") + 1 :]
"""The columns that measure what a clip shows, without its span and size."""
