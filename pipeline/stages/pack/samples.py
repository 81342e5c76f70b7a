"""Plans the samples of a run: one row for each that has a caption, with all that its media and its description need.

Train or validation is decided by a hash of the source's key: growth never moves a source, and no source is in both.
`description` is a digest of all that a sample's JSON and text say beside its media; where a source was listed is no
part of it, as in `pixels`.

    planned = plan_samples(spans, described, config, encode.fingerprint)
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from pipeline.dataset.digests import row_digests
from pipeline.stage import Row
from pipeline.stages.encode.rows import SOURCE_FIELDS, encode_rows
from schemas.bucket import Bucket
from schemas.config import RunConfig
from schemas.ids import digest
from schemas.outcome_tables import STILL_SEEN

DESCRIPTION_VERSION = 1
_DESCRIBED = (
    ("source", pa.string()),
    ("stills", pa.list_(STILL_SEEN)),
    ("split", pa.string()),
    ("short", pa.string()),
    ("medium", pa.string()),
    ("dense", pa.string()),
    ("fields", pa.string()),
    ("tokens", pa.int32()),
    ("scores", pa.string()),
    ("lineage", pa.string()),
)
PLAN_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        *SOURCE_FIELDS,
        *_DESCRIBED,
        ("group", pa.string()),
        ("pixels", pa.string()),
        ("description", pa.string()),
    ]
)
_SAID = (
    "sample_id", "clip_id", "video_id", "start_time", "clip_end", "bucket", "width", "height",
    "crop_left", "crop_top", "crop_width", "crop_height", *(name for name, _ in _DESCRIBED if name != "split"),
)  # fmt: skip
"""The columns from which a description is made, but for `uri`."""


def split_of(source: str, validation_share: float) -> str:
    """`val` for the share of sources with the lowest key hashes, else `train`."""
    return "val" if int(digest("split", source), 16) / 2**64 < validation_share else "train"


def group_of(bucket: str, split: str) -> str:
    """The shards that a sample may be in: `<bucket's slug>/<split>`, the beginning of their names."""
    return f"{Bucket.parse(bucket).slug}/{split}"


def plan_samples(spans: Iterable[Row], described: Mapping[str, Row], config: RunConfig, fingerprint: str) -> pa.Table:
    """One row per described sample, sorted by id.

    `spans` are rows of the spans table. `described` holds, by sample id, the row of its clip joined with its source's
    `source` and the columns needed to read it (`uri` to `segments`), the sample's caption, and `scores` and `lineage`
    as JSON texts. `fingerprint` is that of encode.
    """
    rows: list[Row] = []
    for span in sorted(spans, key=lambda span: span["sample_id"]):
        clip = described.get(span["sample_id"])
        if clip is None:
            continue
        split = split_of(clip["source"], config.pack.validation_share)
        rows.append(
            {
                **{name: clip.get(name) for name in PLAN_SCHEMA.names[:-2]},
                **{name: span[name] for name in ("sample_id", "clip_id", "bucket", "start_time", "stills")},
                "clip_start": clip["start_time"],
                "clip_end": clip["end_time"],
                "split": split,
                "group": group_of(span["bucket"], split),
            }
        )
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(PLAN_SCHEMA)[:-2]))
    return with_digests(table, fingerprint)


def with_digests(planned: pa.Table, fingerprint: str) -> pa.Table:
    """The plan with the digests of pixels and description, for rows that have all other columns."""
    said = row_digests(planned.select(list(_SAID)), "description", DESCRIPTION_VERSION)
    planned = planned.append_column("pixels", encode_rows(planned, fingerprint)["pixels"])
    return planned.append_column("description", said).cast(PLAN_SCHEMA)
