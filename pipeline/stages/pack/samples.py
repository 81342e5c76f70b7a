"""Plans the samples of a run: one row for each that has a caption, with all that its media and its description need.

Row by row, so that a run plans them in batches, and only those that are new or changed (`planned.py`).

Train or validation is decided by a hash of the source's key: growth never moves a source, and no source is in both.
`description` is a digest of all that a sample's JSON and text say beside its media; where a source was listed is no
part of it, as in `pixels`.

    planned = plan_samples(joined, config, encode.fingerprint)
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import row_digests
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
JOINED_SCHEMA = pa.schema([field for field in PLAN_SCHEMA if field.name not in ("split", *PLAN_SCHEMA.names[-3:])])
"""A sample with all that is known of it: its source fields, its stills, its words, and its measures as JSON."""
_SAID = (
    "sample_id", "clip_id", "video_id", "start_time", "clip_end", "bucket", "width", "height",
    "crop_left", "crop_top", "crop_width", "crop_height", *(name for name, _ in _DESCRIBED if name != "split"),
)  # fmt: skip
"""The columns from which a description is made, but for `uri`."""


def split_of(source: str, validation_share: float) -> str:
    """`val` for the share of sources with the lowest key hashes, else `train`."""
    return "val" if int(digest("split", source), 16) / 2**64 < validation_share else "train"


def plan_samples(joined: pa.Table, config: RunConfig, fingerprint: str) -> pa.Table:
    """The plan of some samples (JOINED_SCHEMA), row by row. `fingerprint` is that of encode.

    `group` is `<bucket's slug>/<split>`: the shards that a sample may be in, by the beginning of their names.
    """
    share = config.pack.validation_share
    splits = _by_value(joined["source"], lambda source: split_of(source, share))
    slugs = _by_value(joined["bucket"], lambda bucket: Bucket.parse(bucket).slug)
    groups = pc.binary_join_element_wise(slugs, splits, "/")
    columns = {name: joined[name] for name in JOINED_SCHEMA.names} | {"split": splits, "group": groups}
    named = list(PLAN_SCHEMA)[:-2]
    table = pa.table([columns[field.name] for field in named], schema=pa.schema(named))
    return with_digests(table, fingerprint)


def _by_value(column: pa.ChunkedArray, make: Callable[[str], str]) -> pa.Array:
    """What `make` gives for each value, which is called once for each that differs."""
    coded = pc.dictionary_encode(column.combine_chunks() if column.num_chunks else pa.array([], pa.string()))
    made = [make(value) for value in coded.dictionary.to_pylist()]
    return pa.array(made, pa.string()).take(coded.indices)


def with_digests(planned: pa.Table, fingerprint: str) -> pa.Table:
    """The plan with the digests of pixels and description, for rows that have all other columns."""
    said = row_digests(planned.select(list(_SAID)), "description", DESCRIPTION_VERSION)
    planned = planned.append_column("pixels", encode_rows(planned, fingerprint)["pixels"])
    return planned.append_column("description", said).cast(PLAN_SCHEMA)
