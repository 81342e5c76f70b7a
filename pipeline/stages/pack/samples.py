"""Plans which samples are packed into which shard: a pure function of spans and captions, the same in every run.

Train or validation is decided by a hash of the source's key: growth never moves a source, and no source is in both.
Within a bucket and split the samples of all sources are shuffled by a hash of the seed and their id.

    plan = plan_samples(spans, described, config)
"""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from pipeline.stage import Row
from schemas.bucket import Bucket
from schemas.config import RunConfig
from schemas.ids import digest
from schemas.media_tables import SEGMENT
from schemas.outcome_tables import STILL_SEEN

PLAN_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("clip_id", pa.string()),
        ("video_id", pa.string()),
        ("source", pa.string()),
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
        ("stills", pa.list_(STILL_SEEN)),
        ("bucket", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        ("short", pa.string()),
        ("medium", pa.string()),
        ("dense", pa.string()),
        ("fields", pa.string()),
        ("tokens", pa.int32()),
        ("scores", pa.string()),
        ("lineage", pa.string()),
    ]
)
# Where and when a source was listed is not part of a sample's identity; its content is, through the ids.
IDENTITY = tuple(name for name in PLAN_SCHEMA.names if name not in ("sample_id", "uri", "bytes", "version"))


def split_of(source: str, validation_share: float) -> str:
    """`val` for the share of sources with the lowest key hashes, else `train`."""
    return "val" if int(digest("split", source), 16) / 2**64 < validation_share else "train"


def plan_samples(spans: Iterable[Row], described: Mapping[str, Row], config: RunConfig) -> pa.Table:
    """One row per described sample, sorted by shard and position in it.

    `spans` are rows of the spans table. `described` holds, by sample id, the row of its clip joined with its source's
    `source` and the columns needed to read it (`uri` to `segments`), the sample's caption, and `scores` and `lineage`
    as JSON texts.
    """
    rows: list[Row] = []
    for span in spans:
        clip = described.get(span["sample_id"])
        if clip is None:
            continue
        slug = Bucket.parse(span["bucket"]).slug
        rows.append(
            {
                **{name: clip.get(name) for name in PLAN_SCHEMA.names},
                **{name: span[name] for name in ("sample_id", "clip_id", "bucket", "start_time")},
                "clip_start": clip["start_time"],
                "clip_end": clip["end_time"],
                "stills": span["stills"],
                "split": split_of(clip["source"], config.pack.validation_share),
                "shard": slug,
            }
        )
    return pa.Table.from_pylist(_into_shards(rows, config.pack.seed, config.pack.samples_per_shard), PLAN_SCHEMA)


def _into_shards(rows: Sequence[Row], seed: int, samples_per_shard: int) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (row["shard"], row["split"], digest("order", seed, row["sample_id"])))
    placed: list[Row] = []
    count: dict[tuple[str, str], int] = {}
    for row in ordered:
        group = (row["shard"], row["split"])
        number = count.get(group, 0) // samples_per_shard
        count[group] = count.get(group, 0) + 1
        placed.append({**row, "shard": f"{row['shard']}/{row['split']}-{number:06d}.tar"})
    return placed


def by_shard(rows: pa.Table) -> list[pa.Table]:
    """The plan grouped into shards, each with its samples in order."""
    groups: dict[str, list[int]] = {}
    for index, shard in enumerate(rows["shard"].to_pylist()):
        groups.setdefault(shard, []).append(index)
    return [rows.take(indices) for indices in groups.values()]
