"""The rows of pack: one for each shard to write, with its samples in order, and where the media of each is.

rows = pack_rows(plan, chosen, places)      # the input of `pipeline.stages.pack.stage`
"""

import numpy as np
import pyarrow as pa

from pipeline.dataset.digests import row_digests
from pipeline.stages.pack.places import PLACES
from pipeline.stages.pack.samples import PLAN_SCHEMA
from pipeline.stages.pack.shard_plan import ShardPlan

_LEFT_OUT = (
    "version", "bytes", "stream", "scan", "field_order", "frame_interval", "segments", "kind", "rotation", "mirrored",
    "clip_start", "group",
)  # fmt: skip
SAMPLE = pa.struct([*(field for field in PLAN_SCHEMA if field.name not in _LEFT_OUT), ("order", pa.uint64()), *PLACES])
SHARD_SCHEMA = pa.schema([("shard", pa.string()), ("content", pa.string()), ("samples", pa.list_(SAMPLE))])


def pack_rows(plan: ShardPlan, chosen: pa.Table, places: pa.Table) -> pa.Table:
    """One row per shard of the plan. `chosen` are the planned rows of `plan.samples`, `places` those of their media.

    `content` is a digest of the shard's samples, their media, their descriptions and their order.
    """
    order = pa.array(plan.order, pa.uint64())
    columns = {"order": order} | {name: places[name] for name in PLACES.names}
    columns |= {field.name: chosen[field.name] for field in PLAN_SCHEMA if field.name not in _LEFT_OUT}
    names = [SAMPLE.field(index).name for index in range(SAMPLE.num_fields)]
    values = [_one(columns[name]) for name in names]
    offsets = pa.array(plan.starts.astype(np.int32))
    samples = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(values, names))
    identity = [_one(columns[name]) for name in ("sample_id", "pixels", "description")]
    held = pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(identity, ["sample_id", "pixels", "description"])
    )
    content = row_digests(pa.table({"samples": held}), "shard")
    shards = pa.array(plan.names, pa.string())
    return pa.table({"shard": shards, "content": content, "samples": samples.cast(pa.list_(SAMPLE))}, SHARD_SCHEMA)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
