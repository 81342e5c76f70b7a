"""Sample spans of clips and stills that are given as rows, in any order.

spans = plan_spans([clip], stills, config)
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Row
from pipeline.stages.select import sample_spans
from pipeline.stages.select.sample_spans import CLIP_COLUMNS, STILLS_READ, ShortSamples
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.media_tables import STILLS
from schemas.outcome_tables import SAMPLE_SPANS


def plan_spans(
    clips: Iterable[Row], stills: Iterable[Row], config: RunConfig, short: ShortSamples | None = None
) -> pa.Table:
    """The whole table, from rows with the columns that planning reads."""
    listed = _table(clips, CLIPS, CLIP_COLUMNS, ["clip_id"])
    shown = _table(stills, STILLS, STILLS_READ, ["clip_id", "time", "still_id"])
    return pa.concat_tables([SAMPLE_SPANS.empty(), *sample_spans.plan_spans([listed], [shown], config, short)])


def _table(rows: Iterable[Row], contract: TableContract, names: Sequence[str], order: Sequence[str]) -> pa.Table:
    schema = pa.schema([contract.schema.field(name) for name in names])
    table = pa.Table.from_pylist([{name: row[name] for name in names} for row in rows], schema=schema)
    return table.sort_by([(name, "ascending") for name in order])
