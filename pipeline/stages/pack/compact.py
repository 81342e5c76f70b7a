"""Compacts a dataset: all samples in full shards, shuffled over all sources, as a first run would pack them.

Runs that only add leave many shards that are not full. Here the members of every sample are copied as they are; nothing
is decoded, encoded or described, so neither the bucket nor the tables of the stages are read. Shards that are already
as they would be stay. Encoded media of samples that no shard holds is removed: nothing wants it at present.

    compact(engine, config)
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.digests import row_digests
from pipeline.dataset.sample_bytes import read_members
from pipeline.engine.engine import Engine
from pipeline.stage import Result, Row, StageSpec
from pipeline.stages.encode import stage as encode
from pipeline.stages.pack.committed import INDEX_COLUMNS, Committed, read_committed
from pipeline.stages.pack.media_store import remove_all
from pipeline.stages.pack.packing import IN_ORDER, remove_uncommitted, write_index
from pipeline.stages.pack.rounds import run_in_rounds, starts_of_runs, whole_shards
from pipeline.stages.pack.shard_plan import ShardPlan, plan_shards
from pipeline.stages.pack.stage import OUTPUTS, gathered_shard
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store
from schemas.config import RunConfig
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.outcome_tables import SAMPLES

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

VERSION = 1
_SAMPLES = pa.list_(pa.struct(list(SAMPLES.schema)))
_SHARDS = pa.schema([("shard", pa.string()), ("content", pa.string()), ("samples", _SAMPLES)])


def compact(engine: Engine, config: RunConfig) -> None:
    """Compact the dataset of `engine` with the settings of its last run.

    Raises `DatasetError` if a shard is missing or damaged.
    """
    from pipeline.dataset.query import querying, spooled

    dataset, pack = engine.dataset, config.pack
    with querying(dataset.store) as connection:
        committed = read_committed(connection, dataset)
        if committed.lost:
            raise DatasetError(
                f"{dataset.store.path('shards')}: {len(committed.lost)} shards are missing or truncated, such as "
                f"{min(committed.lost)}; run `just curate` again, which packs their samples anew"
            )
        columns = _by_id_alone(committed)
        plan = plan_shards(connection, columns, columns, pack.seed, pack.samples_per_shard, afresh=True)
        rows = _rows(connection, plan, committed)
        runs = run_in_rounds(engine, _spec(config, dataset.store.address), rows, _SHARDS)
        tables = (run.table(OUTPUTS[1]).select(list(SAMPLES.names)) for run in runs)
        packed = spooled(connection, SAMPLES.schema, tables).project(INDEX_COLUMNS)
        kept = committed.rows.join(plan.kept, "sample_id", how="semi").project(INDEX_COLUMNS)
        failed = dataset.relation(connection, INDEX, SAMPLES).filter("status = 'failed'").project(INDEX_COLUMNS)
        write_index(engine, [kept, packed, failed])
    remove_uncommitted(dataset, OUTPUTS)
    remove_all(dataset, encode.spec(config))


class Repack:
    """Writes one shard from the bytes of others."""

    def __init__(self, dataset_uri: str, megabytes: int) -> None:
        self._dataset, self._shards = Store(dataset_uri), Store(f"{dataset_uri}/shards")
        self._megabytes = megabytes

    def process(self, row: Row) -> Result:
        """Write a shard. Raises `DatasetError` if one that it copies from is damaged."""
        samples = ((sample, self._members(sample)) for sample in row["samples"])
        return gathered_shard(self._shards, row["shard"], samples, self._megabytes)

    def _members(self, sample: Row) -> dict[str, bytes]:
        place = (sample["offset"], sample["size"], sample["checksum"])
        return read_members(self._dataset, f"shards/{sample['shard']}", sample["sample_id"], *place)


def _spec(config: RunConfig, dataset_uri: str) -> StageSpec:
    megabytes = config.pack.max_shard_megabytes
    return make_spec(
        "compact",
        Repack,
        VERSION,
        OUTPUTS,
        settings={"megabytes": megabytes},
        arguments={"dataset_uri": dataset_uri, "megabytes": megabytes},
        identity=("content",),
    )


def _by_id_alone(committed: Committed) -> "Relation":
    """The columns of the plan, as if all samples were as they are wanted."""
    same = {"pixels": "'' AS pixels", "description": "'' AS description"}
    names = committed.plan_columns.columns
    return committed.plan_columns.project(", ".join(same.get(name, f'"{name}"') for name in names))


def _rows(connection: "Connection", plan: ShardPlan, committed: Committed) -> Iterator[pa.Table]:
    """One row per shard to write, with the index rows of its samples as they are now."""
    from pipeline.dataset.query import batches

    values = [f'{"placed" if name == "order" else "rows"}."{name}"' for name in SAMPLES.names]
    joined = plan.placed.set_alias("placed").join(committed.rows.set_alias("rows"), "placed.sample_id = rows.sample_id")
    chosen = joined.project(", ".join(["placed.shard AS planned_shard", "chunk", *values])).order(IN_ORDER)
    for table in whole_shards(batches(chosen), "planned_shard"):
        names = table["planned_shard"].combine_chunks()
        offsets = starts_of_runs(names)
        samples = table.select(list(SAMPLES.names)).cast(SAMPLES.schema)
        structs = pa.StructArray.from_arrays([samples[name].combine_chunks() for name in SAMPLES.names], SAMPLES.names)
        listed = pa.ListArray.from_arrays(offsets, structs).cast(_SAMPLES)
        content = row_digests(pa.table({"samples": listed}), "compact")
        yield pa.table([names.take(offsets[:-1]), content, listed], schema=_SHARDS)
