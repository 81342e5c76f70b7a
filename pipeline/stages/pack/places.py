"""Finds where the media of samples is: in a shard of the committed index that holds it, else in the encoded media.

places = find_places(placed, committed, encoded, outputs)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.stage import Output
from pipeline.stages.pack.committed import Committed

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

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


def find_places(chosen: "Relation", committed: Committed, encoded: "Relation", outputs: Sequence[Output]) -> "Relation":
    """The `chosen` samples (`sample_id`, `pixels` and others) with the place of each (PLACES).

    `encoded` are rows of the primary table of encode with their part files, `outputs` its tables. `path` is null where
    a sample is in none of them.
    """
    primary, media = (f"{output.folder}/" for output in outputs)
    held, stored = committed.media.set_alias("held"), encoded.set_alias("stored")
    joined = (
        chosen.set_alias("chosen")
        .join(held, "chosen.sample_id = held.sample_id AND chosen.pixels = held.pixels", how="left")
        .join(stored, "chosen.sample_id = stored.sample_id", how="left")
    )
    in_shard = "held.sample_id IS NOT NULL"
    values = {
        "path": f"CASE WHEN {in_shard} THEN 'shards/' || held.shard"
        f" ELSE '{media}' || substr(stored.part, {len(primary) + 1}) END",
        "offset": 'held."offset"',
        "size": "held.size",
        **{name: _either(name) for name in ("checksum", "decoded_frames", "attempts")},
        **{name: f"CASE WHEN {in_shard} THEN NULL ELSE stored.{name} END" for name in ("suffix", "crop", "shown_at")},
    }
    columns = [f'chosen."{name}"' for name in chosen.columns if name != "pixels"]
    return joined.project(", ".join([*columns, *(f'{values[name]} AS "{name}"' for name in PLACES.names)]))


def _either(name: str) -> str:
    return f"CASE WHEN held.sample_id IS NOT NULL THEN held.{name} ELSE stored.{name} END"
