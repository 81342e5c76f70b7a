"""Contracts of the tables of decisions and outcomes: selection, sample spans, samples (the shard index), ledger.

LEDGER.table(rows)      # a checked pyarrow table
"""

import pyarrow as pa

from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.named_values import named_values
from schemas.states import KINDS as KINDS
from schemas.states import STATES as STATES

SELECTION = TableContract(
    name="selection",
    key="clip_id",
    doc="one row per clip: kept, or what dropped it",
    columns=(
        Column(name="clip_id", type=pa.string(), doc="id of the clip"),
        Column(name="state", type=pa.string(), doc="`kept`, `filtered`, `duplicate`, `unbucketed` or `failed`"),
        Column(name="rule", type=pa.string(), doc="the rule that dropped it, as written in the config", optional=True),
        Column(name="value", type=pa.float64(), doc="the clip's value of the rule's column", optional=True),
        Column(name="threshold", type=pa.float64(), doc="the rule's threshold", optional=True),
        Column(name="reason", type=pa.string(), doc="the drop in one sentence", optional=True),
        Column(name="bucket", type=pa.string(), doc="the bucket that it is assigned to", optional=True),
    ),
)

STILL_SEEN = pa.struct(
    [("still_id", pa.string()), ("time", pa.float64()), ("hash", pa.uint64()), ("signature", pa.binary())]
)

SAMPLE_SPANS = TableContract(
    name="sample_spans",
    key="sample_id",
    doc="one row per sample of the kept clips, planned before captioning: its span and its stills",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="bucket", type=pa.string(), doc="`WIDTHxHEIGHTxFRAMES@FPS`"),
        Column(name="ordinal", type=pa.int32(), doc="index in the clip in time order, from 0"),
        Column(name="start_time", type=pa.float64(), doc="presentation time of its first frame, seconds"),
        Column(name="end_time", type=pa.float64(), doc="end of the span that it covers, seconds; exclusive"),
        Column(
            name="stills",
            type=pa.list_(STILL_SEEN),
            doc="the stills inside its span in time order, from which it is captioned; the nearest if none is inside",
        ),
    ),
)

SAMPLES = TableContract(
    name="samples",
    key="sample_id",
    doc="the shard index: one row per training sample, with the position of its bytes",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample, its key in the shard"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="video_id", type=pa.string(), doc="id of its source"),
        Column(name="source", type=pa.string(), doc="key of its source in the bucket of raw video"),
        Column(name="bucket", type=pa.string(), doc="`WIDTHxHEIGHTxFRAMES@FPS`"),
        Column(name="split", type=pa.string(), doc="`train` or `val`"),
        Column(name="start_time", type=pa.float64(), doc="presentation time of its first frame, seconds"),
        Column(name="end_time", type=pa.float64(), doc="end of the span that it covers, seconds"),
        Column(name="width", type=pa.int32(), doc="pixels"),
        Column(name="height", type=pa.int32(), doc="pixels"),
        Column(name="frames", type=pa.int32(), doc="frames"),
        Column(name="fps", type=pa.float64(), doc="frames per second; 0 for an image"),
        Column(name="tokens", type=pa.int32(), doc="caption tokens (see the captions table)"),
        Column(name="shard", type=pa.string(), doc="path of the tar below `shards/`"),
        Column(name="offset", type=pa.int64(), doc="byte in the tar where the sample's first header stands"),
        Column(name="size", type=pa.int64(), doc="bytes in the tar from `offset` to the end of its last member"),
        Column(name="checksum", type=pa.string(), doc="SHA-256 of those bytes"),
        Column(name="decoded_frames", type=pa.int32(), doc="source frames decoded to make it"),
        Column(
            name="scores",
            type=named_values(pa.float64()),
            doc="its clip's measures by name, so that a training stage can select without opening a shard",
        ),
        Column(
            name="categories",
            type=named_values(pa.string()),
            doc="its clip's measures that are classes, by name, such as `camera`",
            formerly="words",
        ),
        Column(name="pixels", type=pa.string(), doc="digest of all that decides its media", optional=True, added=True),
        Column(
            name="description",
            type=pa.string(),
            doc="digest of all that decides its JSON and its text, beside its media",
            optional=True,
            added=True,
        ),
        Column(name="order", type=pa.uint64(), doc="its place in the shuffle", optional=True, added=True),
        *STATUS_COLUMNS,
    ),
)

LEDGER = TableContract(
    name="ledger",
    key="id",
    doc="one row per video, clip and sample, and per lost span of one: the one state that it ended in",
    columns=(
        Column(name="kind", type=pa.string(), doc="`video`, `clip`, `sample` or `span` (a lost part of one of them)"),
        Column(name="id", type=pa.string(), doc="video_id, clip_id or sample_id; for a span its parent and its times"),
        Column(
            name="parent", type=pa.string(), doc="id of the video of a clip, or of the clip of a sample", optional=True
        ),
        Column(name="source", type=pa.string(), doc="key of the source in the bucket"),
        Column(
            name="state",
            type=pa.string(),
            doc="`shipped`, `filtered`, `duplicate`, `unbucketed`, `empty`, `failed` or `vanished` (from the bucket)",
        ),
        Column(name="stage", type=pa.string(), doc="the stage that decided"),
        Column(name="reason", type=pa.string(), doc="why, in one sentence; null when shipped", optional=True),
        Column(name="attempts", type=pa.int32(), doc="how often the deciding row was tried"),
        Column(name="start_time", type=pa.float64(), doc="where it begins in the video, seconds", optional=True),
        Column(name="end_time", type=pa.float64(), doc="where it ends, seconds; exclusive", optional=True),
        Column(name="seconds", type=pa.float64(), doc="its seconds of video, >= 0; 0 for images and unreadable files"),
    ),
)
