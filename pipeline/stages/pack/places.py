"""Finds where the media of samples is: in a shard of the committed index that holds it, else in the encoded media.

places = find_places(chosen, committed, encoded.table(outputs[0]), outputs)      # PLACES, a row for each
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN
from pipeline.stage import Output
from pipeline.stages.pack.committed import Committed

PLACES = pa.schema(
    [
        ("path", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("checksum", pa.string()),
        ("suffix", pa.string()),
        ("crop", pa.list_(pa.int32())),
        ("shown_at", pa.list_(pa.int32())),
        ("decoded_frames", pa.int32()),
        ("attempts", pa.int32()),
    ]
)
"""Where media is: a part file of `encoded_media`, or a shard. Without `suffix`, `crop` and `shown_at` it is a shard,
whose description says them; `checksum` is then that of the sample's bytes there, else that of the media."""


def find_places(chosen: pa.Table, committed: Committed, encoded: pa.Table, outputs: Sequence[Output]) -> pa.Table:
    """The place of each chosen sample (`sample_id`, `pixels`), in their order.

    `encoded` are rows of the primary table of encode with their part files, `outputs` its tables.
    """
    held = committed.holds(chosen)
    in_shards = committed.rows.take(pa.array(committed.row_of(chosen)[held]))
    shards = _as_places(in_shards, pc.binary_join_element_wise("shards", in_shards["shard"], "/"))
    ids = encoded["sample_id"].combine_chunks() if len(encoded) else pa.array([], pa.string())
    at = pc.index_in(chosen["sample_id"].filter(pa.array(~held)), value_set=ids)
    assert not at.null_count, "every sample of the plan is in a shard or encoded"
    stored = encoded.take(at)
    primary, media = (f"{output.folder}/" for output in outputs)
    stores = _as_places(stored, pc.replace_substring(stored[PART_COLUMN], primary, media, max_replacements=1))
    position = np.empty(len(chosen), np.int64)
    position[held] = np.arange(len(shards))
    position[~held] = len(shards) + np.arange(len(stores))
    return pa.concat_tables([shards, stores]).take(pa.array(position))


def _as_places(rows: pa.Table, paths: pa.ChunkedArray) -> pa.Table:
    """Rows with some of the columns of PLACES; the others are null."""
    known = {name: rows[name] for name in PLACES.names if name in rows.column_names} | {"path": paths}
    columns = [known.get(field.name, pa.nulls(len(rows), field.type)) for field in PLACES]
    return pa.table(columns, schema=PLACES)
