"""Plans the shards of a dataset: which stay as they are, which are written again, and which are new.

A pure function of the index that is committed and of the samples that are wanted, so a run that was killed while it
packed plans the same again. By default shards are only added: one whose samples are all wanted as they are stays, one
that a sample left (or whose description changed) is written again under a new number, and other samples go into new
shards, shuffled over all sources. `afresh` gives the full, shuffled shards of a first run instead; those that are
already as they would be stay.

DuckDB joins and sorts; what is held of all samples at once is nothing, and of all shards their names.

    plan = plan_shards(connection, committed, wanted, seed=0, samples_per_shard=256)
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.stages.pack.chunks import Chunks, free_names
from pipeline.stages.pack.shuffle import shuffle_keys

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

COMMITTED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("group", pa.string()),
        ("shard", pa.string()),
        ("offset", pa.int64()),
        ("pixels", pa.string()),
        ("description", pa.string()),
        ("order", pa.uint64()),
    ]
)
"""What the plan reads of the index."""
WANTED = pa.schema(
    [("sample_id", pa.string()), ("group", pa.string()), ("pixels", pa.string()), ("description", pa.string())]
)
_KEYED = pa.schema([("sample_id", pa.string()), ("group", pa.string()), ("order", pa.uint64())])


@dataclass(frozen=True, slots=True, eq=False)
class ShardPlan:
    """The samples whose rows of the index stay (`kept`: `sample_id`), and those to write (`placed`).

    `placed` has `sample_id`, its `order` in the shuffle, `shard` and its number `chunk`: the order inside a shard is
    that of `order` and `sample_id`.
    """

    kept: "Relation"
    placed: "Relation"


def plan_shards(
    connection: "Connection",
    committed: "Relation",
    wanted: "Relation",
    seed: int,
    samples_per_shard: int,
    lost: Collection[str] = (),
    afresh: bool = False,
) -> ShardPlan:
    """Plan the shards. `committed` (COMMITTED), `wanted` (WANTED); `lost`: shards without all bytes."""
    from pipeline.dataset.query import stored

    names = [name for (name,) in committed.aggregate("shard").order("shard").fetchall()]
    compared = stored(connection, _compare(connection, committed, wanted, lost))
    if afresh:
        keyed = _with_keys(connection, compared, seed)
        chunks = Chunks(samples_per_shard)
        chunked = chunks.spool(connection, keyed.order('"group", "order", sample_id'), "group")
        stays = stored(connection, _standing(chunked, compared, committed))
        kept = chunked.join(stays, "chunk", how="semi").project("sample_id")
        kept_chunks = {chunk for (chunk,) in stays.fetchall()}
        rest = [chunk for chunk in range(len(chunks.groups)) if chunk not in kept_chunks]
        named = free_names([chunks.groups[chunk] for chunk in rest], names, from_the_end=False)
        return ShardPlan(kept, _named(connection, chunked, rest, named))
    whole = _whole(committed, compared)
    kept = stored(connection, compared.filter("same").join(whole, "shard", how="semi").project("sample_id"))
    goes = compared.join(kept, "sample_id", how="anti")
    moved = goes.filter("same_group").project('sample_id, "group", shard, coalesce("order", 0)::UBIGINT AS "order"')
    chunks = Chunks()
    again = chunks.spool(connection, moved.order('shard, "order", sample_id'), "shard")
    chunks.most = samples_per_shard
    fresh = _with_keys(connection, goes.filter("NOT same_group"), seed)
    new = chunks.spool(connection, fresh.order('"group", "order", sample_id'), "group")
    named = free_names(chunks.groups, names, from_the_end=True)
    return ShardPlan(kept, _named(connection, again.union(new), range(len(named)), named))


def _compare(connection: "Connection", committed: "Relation", wanted: "Relation", lost: Collection[str]) -> "Relation":
    """The wanted samples with their shard, and whether the group, and all that decides their bytes, is the same."""
    damaged = connection.from_arrow(pa.table({"shard": pa.array(sorted(lost), pa.string())}))
    joined = wanted.set_alias("wanted").join(
        committed.set_alias("committed"), "wanted.sample_id = committed.sample_id", how="left"
    )
    alike = {name: f'coalesce(wanted."{name}" = committed."{name}", false)' for name in WANTED.names[1:]}
    compared = joined.project(
        'wanted.sample_id AS sample_id, wanted."group" AS "group", committed.shard AS shard,'
        f' committed."order" AS "order", {alike["group"]} AS same_group, {" AND ".join(alike.values())} AS same'
    )
    told = compared.set_alias("compared").join(
        damaged.set_alias("damaged"), "compared.shard = damaged.shard", how="left"
    )
    names = ", ".join(f'compared."{name}"' for name in compared.columns)
    return told.project(f"{names}, damaged.shard IS NOT NULL AS lost")


def _whole(committed: "Relation", compared: "Relation") -> "Relation":
    """The shards all of whose samples are wanted as they are, and of which no bytes are lost."""
    counts = committed.aggregate("shard, count(*) AS rows", "shard")
    same = compared.filter("same AND NOT lost").aggregate("shard, count(*) AS alike", "shard")
    return counts.join(same, "shard").filter("rows = alike").project("shard")


def _with_keys(connection: "Connection", samples: "Relation", seed: int) -> "Relation":
    from pipeline.dataset.query import batches, spooled

    def keyed() -> Iterator[pa.Table]:
        for table in batches(samples.project('sample_id, "group"')):
            yield table.append_column("order", pa.array(shuffle_keys(table["sample_id"], seed))).cast(_KEYED)

    return spooled(connection, _KEYED, keyed())


def _standing(chunked: "Relation", compared: "Relation", committed: "Relation") -> "Relation":
    """The chunks that are shards already: exactly these samples, as they are wanted, in this order, and complete.

    Shards of one number were planned as one and divided by size.
    """
    number, piece = (rf"regexp_extract(shard, '-(\d+)(?:-(\d+))?\.tar$', {place})" for place in (1, 2))
    base = rf"regexp_replace(shard, '-\d+(-\d+)?\.tar$', '') || '-' || {number}::BIGINT"
    placed = committed.project(
        f"sample_id, {base} AS base, coalesce(nullif({piece}, ''), '0')::BIGINT AS piece, \"offset\""
    )
    ranked = placed.project(
        'sample_id, base, row_number() OVER (PARTITION BY base ORDER BY piece, "offset") AS place,'
        " count(*) OVER (PARTITION BY base) AS base_rows"
    )
    ordered = chunked.project(
        'sample_id, chunk, row_number() OVER (PARTITION BY chunk ORDER BY "order", sample_id) AS wanted_place'
    )
    joined = ordered.join(compared.project("sample_id, same, lost"), "sample_id").set_alias("wanted")
    told = joined.join(ranked.set_alias("there"), "wanted.sample_id = there.sample_id", how="left").project(
        "chunk, base, base_rows, same AND NOT lost AND coalesce(place = wanted_place, false) AS stands"
    )
    shards = told.aggregate(
        "chunk, bool_and(stands) AS stands, count(DISTINCT base) AS bases, count(*) AS rows,"
        " max(base_rows) AS base_rows",
        "chunk",
    )
    return shards.filter("stands AND bases = 1 AND rows = base_rows").project("chunk")


def _named(connection: "Connection", chunked: "Relation", chunks: Sequence[int], names: Sequence[str]) -> "Relation":
    shards = pa.table({"chunk": pa.array(chunks, pa.int64()), "shard": pa.array(names, pa.string())})
    return chunked.join(connection.from_arrow(shards), "chunk")
