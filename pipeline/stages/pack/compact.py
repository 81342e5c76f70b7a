"""Compacts a dataset: all samples in full shards, shuffled over all sources, as a first run would pack them.

Runs that only add leave many shards that are not full. Here the members of every sample are copied as they are; nothing
is decoded, encoded or described, so neither the bucket nor the tables of the stages are read. Shards that are already
as they would be stay. Encoded media of samples that no shard holds is removed: nothing wants it at present.

    samples = compact(engine, config)
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import row_digests
from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.sample_bytes import read_members
from pipeline.engine.engine import Engine
from pipeline.stage import Result, Row, StageSpec
from pipeline.stages.encode import stage as encode
from pipeline.stages.pack.committed import Committed, read_committed
from pipeline.stages.pack.media_store import remove_all
from pipeline.stages.pack.packing import remove_uncommitted
from pipeline.stages.pack.shard_plan import WANTED, ShardPlan, plan_shards
from pipeline.stages.pack.stage import OUTPUTS, gathered_shard
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store
from schemas.config import RunConfig
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.outcome_tables import SAMPLES

VERSION = 1
_SAMPLES = pa.list_(pa.struct(list(SAMPLES.schema)))


def compact(engine: Engine, config: RunConfig) -> pa.Table:
    """Compact the dataset of `engine` with the settings of its last run; returns the new index.

    Raises `DatasetError` if a shard is missing or damaged.
    """
    dataset, pack = engine.dataset, config.pack
    committed = read_committed(dataset)
    if committed.lost:
        raise DatasetError(
            f"{dataset.store.path('shards')}: {len(committed.lost)} shards are missing or truncated, such as "
            f"{min(committed.lost)}; run `just curate` again, which packs their samples anew"
        )
    columns = _by_id_alone(committed)
    plan = plan_shards(columns, columns.select(WANTED.names), pack.seed, pack.samples_per_shard, afresh=True)
    packed = engine.run(_spec(config, dataset.store.address), _rows(plan, committed))
    rows = packed.table(OUTPUTS[1]).drop_columns([PART_COLUMN, "planned_shard"])
    index = dataset.read_table(INDEX, SAMPLES)
    failed = index.filter(pc.equal(index["status"], "failed"))
    samples = pa.concat_tables([committed.rows.take(pa.array(plan.kept)), rows, failed]).sort_by("sample_id")
    engine.table("index", SAMPLES, INDEX, samples)
    remove_uncommitted(dataset, samples, OUTPUTS)
    remove_all(dataset, encode.spec(config))
    return samples


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


def _by_id_alone(committed: Committed) -> pa.Table:
    """The columns of the plan, sorted by id, as if all samples were as they are wanted."""
    columns = committed.plan_columns
    same = pa.array([""] * len(columns), pa.string())
    for name in ("pixels", "description"):
        columns = columns.set_column(columns.column_names.index(name), name, same)
    return columns


def _rows(plan: ShardPlan, committed: Committed) -> pa.Table:
    """One row per shard to write, with the index rows of its samples as they are now."""
    chosen = committed.rows.take(pa.array(plan.samples))
    place = chosen.column_names.index("order")
    chosen = chosen.set_column(place, "order", pa.array(plan.order, pa.uint64()))
    values = [chosen[name].combine_chunks() for name in SAMPLES.names]
    structs = pa.StructArray.from_arrays(values, SAMPLES.names)
    samples = pa.ListArray.from_arrays(pa.array(plan.starts.astype("int32")), structs).cast(_SAMPLES)
    content = row_digests(pa.table({"samples": samples}), "compact")
    return pa.table({"shard": pa.array(plan.names, pa.string()), "content": content, "samples": samples})
