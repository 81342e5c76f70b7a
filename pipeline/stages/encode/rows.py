"""The rows of encode, and the digest of all that decides a sample's pixels: nothing of its caption or its scores.

A digest holds the source's content (by the ids), its timeline and geometry, the span, the signatures of the stills that
the frames are compared with, the area inside the bars, the bucket, and the fingerprint of the stage: its version and
the encoder's settings. Where a source was listed, and when, is no part of it.

    rows = encode_rows(planned, spec.fingerprint)      # `planned`: pipeline.stages.pack.samples
    rows = wanted_rows(spans, clips, videos, spec.fingerprint)      # before it is known what is said of them
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import row_digests
from pipeline.media.tracks import TRACK_COLUMNS
from schemas.media_tables import SEGMENT
from schemas.outcome_tables import STILL_SEEN

SOURCE_FIELDS = (
    ("clip_id", pa.string()),
    ("video_id", pa.string()),
    ("uri", pa.string()),
    ("bytes", pa.int64()),
    ("version", pa.string()),
    ("stream", pa.int32()),
    ("scan", pa.string()),
    ("field_order", pa.string()),
    ("frame_interval", pa.float64()),
    ("segments", pa.list_(SEGMENT)),
    ("kind", pa.string()),
    ("rotation", pa.int32()),
    ("mirrored", pa.bool_()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("crop_left", pa.int32()),
    ("crop_top", pa.int32()),
    ("crop_width", pa.int32()),
    ("crop_height", pa.int32()),
    ("clip_start", pa.float64()),
    ("clip_end", pa.float64()),
    ("start_time", pa.float64()),
    ("bucket", pa.string()),
)
"""What is needed to read and frame a sample, beside its stills."""
_COMPARED = pa.list_(pa.struct([("time", pa.float64()), ("signature", pa.binary())]))
_PLACE = ("uri", "bytes", "version")
_FRAMED = (
    "video_id", "kind", "rotation", "mirrored", "width", "height", "crop_left", "crop_top", "crop_width", "crop_height",
)  # fmt: skip
"""Columns of the clips table."""
ENCODE_SCHEMA = pa.schema([("sample_id", pa.string()), *SOURCE_FIELDS, ("stills", _COMPARED), ("pixels", pa.string())])


def encode_rows(planned: pa.Table, fingerprint: str) -> pa.Table:
    """The rows of encode from a table with `sample_id`, the source fields and `stills`, in its order."""
    assert planned.schema.field("stills").type == pa.list_(STILL_SEEN), "stills are as the spans table has them"
    columns = {name: planned[name] for name in ENCODE_SCHEMA.names if name not in ("stills", "pixels")}
    rows = pa.table({**columns, "stills": _compared(planned["stills"])})
    decisive = rows.drop_columns(list(_PLACE))
    return rows.append_column("pixels", row_digests(decisive, "pixels", fingerprint)).cast(ENCODE_SCHEMA)


def wanted_rows(spans: pa.Table, clips: pa.Table, videos: pa.Table, fingerprint: str) -> pa.Table:
    """The rows of encode for spans, in their order, from the tables of their clips and of their sources."""
    clips = clips.take(pc.index_in(spans["clip_id"], value_set=clips["clip_id"].combine_chunks()))
    videos = videos.take(pc.index_in(clips["video_id"], value_set=videos["video_id"].combine_chunks()))
    columns = {name: videos[name] for name in (*_PLACE, *TRACK_COLUMNS)}
    columns |= {name: clips[name] for name in _FRAMED}
    columns |= {"clip_start": clips["start_time"], "clip_end": clips["end_time"]}
    columns |= {name: spans[name] for name in ("sample_id", "clip_id", "bucket", "start_time", "stills")}
    schema = pa.schema([("sample_id", pa.string()), *SOURCE_FIELDS, ("stills", pa.list_(STILL_SEEN))])
    return encode_rows(pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema), fingerprint)


def planned_rows(planned: pa.Table) -> pa.Table:
    """The rows of encode from planned samples, which have their `pixels` already."""
    columns = {name: planned[name] for name in ENCODE_SCHEMA.names} | {"stills": _compared(planned["stills"])}
    return pa.table(columns).cast(ENCODE_SCHEMA)


def _compared(stills: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of each still what its frame is compared with: time and signature."""
    chunks = []
    for chunk in stills.chunks:
        lengths = pc.fill_null(pc.list_value_length(chunk), 0)
        ends = pc.cumulative_sum(lengths).cast(pa.int32())
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
        fields = dict(zip(STILL_SEEN.names, chunk.flatten().flatten(), strict=True))
        compared = pa.StructArray.from_arrays([fields["time"], fields["signature"]], ["time", "signature"])
        chunks.append(pa.ListArray.from_arrays(offsets, compared))
    return pa.chunked_array(chunks, _COMPARED)
