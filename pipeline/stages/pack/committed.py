"""What the committed index says of the shards that are there: whose media they hold, and which lost bytes.

committed = read_committed(connection, dataset)
held = committed.held(planned.digests)       # the samples of which a shard holds exactly the media that is wanted
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.stages.pack.shard_plan import COMMITTED
from pipeline.stages.pack.shuffle import shuffle_keys
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

INDEX_COLUMNS = ", ".join(f'"{name}"' for name in SAMPLES.names)


@dataclass(frozen=True, slots=True, eq=False)
class Committed:
    """The rows of the index that are in shards (SAMPLES and `complete`), and the shards of which bytes are missing.

    `complete` says whether all bytes of a row are there, by the size of its shard.
    """

    rows: "Relation"
    lost: frozenset[str]

    @property
    def plan_columns(self) -> "Relation":
        """The columns that the plan of the shards reads (COMMITTED)."""
        group = r"regexp_replace(shard, '-\d+(-\d+)?\.tar$', '')" + ' AS "group"'
        return self.rows.project(", ".join(group if name == "group" else f'"{name}"' for name in COMMITTED.names))

    @property
    def media(self) -> "Relation":
        """Where the media of samples is, whose bytes are all there."""
        return self.rows.filter("complete").project(
            'sample_id, pixels, shard, "offset", size, checksum, decoded_frames, attempts'
        )

    def held(self, samples: "Relation") -> "Relation":
        """The ids of those `samples` (`sample_id`, `pixels`) of which a shard holds the media, with all bytes."""
        return samples.join(self.media, "sample_id, pixels", how="semi").project("sample_id")

    def recoverable(self, wanted: "Relation") -> "Relation":
        """The media that is known by its pixels, of samples that are not `wanted` (`sample_id`) any more."""
        return self.media.filter("pixels IS NOT NULL").join(wanted, "sample_id", how="anti")

    def was_shuffled_otherwise(self, seed: int) -> bool:
        """Whether the shards were shuffled with another seed; all of a dataset always have the same."""
        first = self.rows.order("sample_id").limit(1).project('sample_id, "order"').fetchall()
        return any(order != int(shuffle_keys(pa.chunked_array([[key]]), seed)[0]) for key, order in first)


def packed_samples(dataset: Dataset) -> pa.Table:
    """The samples whose media shards hold, with all bytes: `sample_id` and `pixels`."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        return (
            read_committed(connection, dataset).media.project("sample_id, pixels").order("sample_id").to_arrow_table()
        )


def packed_sources(dataset: Dataset) -> pa.Table:
    """The sources that have samples in shards, also those that have left the bucket: `video_id` and `key`."""
    from pipeline.dataset.query import querying

    schema = pa.schema([("video_id", pa.string()), ("key", pa.string())])
    if not dataset.store.exists(INDEX):
        return schema.empty_table()
    with querying(dataset.store) as connection:
        rows = dataset.relation(connection, INDEX, SAMPLES, ["sample_id", "source"])
        named = rows.project("split_part(sample_id, '-', 1) AS video_id, source AS key").distinct()
        return named.order("video_id").to_arrow_table().cast(schema)


def read_committed(connection: "Connection", dataset: Dataset) -> Committed:
    """Read the index of a dataset; empty before its first run."""
    there = dataset.store.exists(INDEX)
    rows = dataset.relation(connection, INDEX, SAMPLES) if there else connection.from_arrow(SAMPLES.empty())
    sizes = {file.key.removeprefix("shards/"): file.size for file in dataset.store.list("shards")}
    schema = pa.schema([("shard", pa.string()), ("bytes", pa.int64())])
    files = connection.from_arrow(pa.table([list(sizes), list(sizes.values())], schema=schema))
    joined = (
        rows.filter("status = 'ok'")
        .set_alias("rows")
        .join(files.set_alias("files"), "rows.shard = files.shard", how="left")
    )
    columns = ", ".join(f'rows."{name}"' for name in SAMPLES.names)
    judged = joined.project(f'{columns}, coalesce(rows."offset" + rows.size <= files.bytes, false) AS complete')
    lost = judged.filter("NOT complete").aggregate("shard").fetchall()
    return Committed(judged, frozenset(shard for (shard,) in lost))
