"""Contracts of the tables between captions and shards: encoded samples, digests, shards being written.

ENCODED.table(rows)      # a checked pyarrow table
"""

import pyarrow as pa

from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.outcome_tables import SAMPLES

ENCODED = TableContract(
    name="encoded",
    key="sample_id",
    doc="one row per sample whose media waits to be packed, or could not be made",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="suffix", type=pa.string(), doc="`mp4` or `png`"),
        Column(name="bytes", type=pa.int64(), doc="size of the media in bytes"),
        Column(name="checksum", type=pa.string(), doc="SHA-256 of the media"),
        Column(
            name="crop",
            type=pa.list_(pa.int32()),
            doc="what it shows of its source: left, top, width, height in displayed pixels",
        ),
        Column(
            name="shown_at",
            type=pa.list_(pa.int32()),
            doc="the frame that shows each of its stills; -1 where motion is too fast to tell",
        ),
        Column(name="decoded_frames", type=pa.int32(), doc="source frames decoded to make it"),
        *STATUS_COLUMNS,
    ),
)

ENCODED_MEDIA = TableContract(
    name="encoded_media",
    key="sample_id",
    doc="one row per encoded sample that is in no shard: its media",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="media", type=pa.large_binary(), doc="H.264 in MP4, or PNG, as it goes into the shard"),
    ),
)

PACKING = TableContract(
    name="packing",
    key="shard",
    doc="one row per shard that is written but not in the index yet",
    columns=(
        Column(name="shard", type=pa.string(), doc="path of the tar below `shards/`, without the part after its size"),
        Column(name="samples", type=pa.int32(), doc="samples in it"),
        Column(name="bytes", type=pa.int64(), doc="bytes of its samples"),
        *STATUS_COLUMNS,
    ),
)

PACKED_SAMPLES = TableContract(
    name="packed_samples",
    key="sample_id",
    doc="the index rows of the shards in `packing`",
    columns=(
        Column(name="planned_shard", type=pa.string(), doc="the shard's row in `packing`"),
        *SAMPLES.columns,
    ),
)

DIGESTS = TableContract(
    name="digests",
    key="sample_id",
    doc="one row per planned sample: what decides its bytes, so that a run makes digests of new and changed ones only",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="inputs", type=pa.uint64(), doc="hash of all that the digests are made from"),
        Column(name="group", type=pa.string(), doc="its bucket's slug and its split, as shards are named"),
        Column(name="pixels", type=pa.string(), doc="digest of all that decides its media"),
        Column(name="description", type=pa.string(), doc="digest of all that decides its JSON and text"),
    ),
)

VERIFIED = TableContract(
    name="verified",
    key="shard",
    doc="one row per shard that was opened and checked, as it is now",
    columns=(
        Column(name="shard", type=pa.string(), doc="path of the tar below `shards/`"),
        Column(name="samples", type=pa.int32(), doc="samples that the index has in it"),
        Column(name="complaints", type=pa.list_(pa.string()), doc="what is not as the index says; empty if all is"),
        *STATUS_COLUMNS,
    ),
)
