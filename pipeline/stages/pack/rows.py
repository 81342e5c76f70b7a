"""The rows of pack: one for each shard to write, with its samples in order, and where the media of each is.

rows = pack_rows(samples)      # the input of `pipeline.stages.pack.stage`
"""

import pyarrow as pa

from pipeline.dataset.digests import row_digests
from pipeline.stages.pack.places import PLACES
from pipeline.stages.pack.rounds import starts_of_runs
from pipeline.stages.pack.samples import PLAN_SCHEMA

_LEFT_OUT = (
    "version", "bytes", "stream", "scan", "field_order", "frame_interval", "segments", "kind", "rotation", "mirrored",
    "clip_start", "group",
)  # fmt: skip
SAMPLE = pa.struct([*(field for field in PLAN_SCHEMA if field.name not in _LEFT_OUT), ("order", pa.uint64()), *PLACES])
SHARD_SCHEMA = pa.schema([("shard", pa.string()), ("content", pa.string()), ("samples", pa.list_(SAMPLE))])


def pack_rows(samples: pa.Table) -> pa.Table:
    """One row per shard, from planned samples (PLAN_SCHEMA) with their `shard`, their `order` and their PLACES.

    The samples of a shard follow one another. `content` is a digest of them, their media, their descriptions and their
    order.
    """
    shards = _one(samples["shard"])
    offsets = starts_of_runs(shards)
    names = [SAMPLE.field(index).name for index in range(SAMPLE.num_fields)]
    listed = pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays([_one(samples[name]) for name in names], names)
    )
    decisive = ["sample_id", "pixels", "description"]
    identity = pa.StructArray.from_arrays([_one(samples[name]) for name in decisive], decisive)
    content = row_digests(pa.table({"samples": pa.ListArray.from_arrays(offsets, identity)}), "shard")
    named = shards.take(offsets[:-1])
    return pa.table({"shard": named, "content": content, "samples": listed.cast(pa.list_(SAMPLE))}, SHARD_SCHEMA)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)
