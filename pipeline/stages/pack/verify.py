"""verify as a row stage: a row is a shard, and one that was checked under these bytes is not opened again.

A shard is known by its name, its size, the store's version of it (etag or modification time) and what the index says
of its samples; so a run checks the shards that are new, in the workers, and an idle run none. Whatever is wrong stays
in the table until the shard changes, and is said by every run.

    complaints = verify_new(engine)
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import row_digests
from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_plan
from pipeline.dataset.verify_shard import check_shard
from pipeline.engine.engine import Engine
from pipeline.engine.identities import identities_of
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.pack.rounds import run_in_rounds, starts_of_runs, whole_shards
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES
from schemas.pack_tables import VERIFIED

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

VERSION = 1
OUTPUTS = (Output(folder="verified", contract=VERIFIED, parent="shard"),)
_SAMPLE = pa.struct(
    [
        ("sample_id", pa.string()),
        ("bucket", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("checksum", pa.string()),
    ]
)
SHARD_SCHEMA = pa.schema([("shard", pa.string()), ("samples", pa.list_(_SAMPLE)), ("content", pa.string())])
_SHARDS_PER_PART = 4


def spec(dataset_uri: str, decode: bool = True) -> StageSpec:
    """Rows: shards that are in the folder. Without `decode` only bytes and members are checked."""
    return make_spec(
        "verify",
        Verify,
        VERSION,
        OUTPUTS,
        settings={},
        arguments={"dataset_uri": dataset_uri, "decode": decode},
        identity=("content",),
        rows_per_part=_SHARDS_PER_PART,
    )


class Verify:
    """Checks one shard."""

    def __init__(self, dataset_uri: str, decode: bool) -> None:
        self._store, self._decode = Store(dataset_uri), decode

    def process(self, row: Row) -> Result:
        """The complaints about a shard; none if it is as the index says."""
        complaints = list(check_shard(row["shard"], row["samples"], self._store, self._decode))
        values = {"shard": row["shard"], "samples": len(row["samples"]), "complaints": complaints}
        return Result(key=row["shard"], values=values, counters={"samples_verified": len(row["samples"])})


def verify_new(engine: Engine, decode: bool = True) -> list[str]:
    """Check the shards of the index that were not checked as they are; the complaints about all of them.

    A shard that is missing is not among them (`pipeline.dataset.verify.check_tables` names it).
    """
    from pipeline.dataset.query import querying

    dataset, stage = engine.dataset, spec(engine.dataset.store.address, decode)
    served: set[str] = set()
    tables = [VERIFIED.empty()]
    with querying(dataset.store) as connection:
        index = dataset.relation(connection, INDEX, SAMPLES).filter("status = 'ok'")
        for run in run_in_rounds(engine, stage, _rows(connection, dataset, index, stage), SHARD_SCHEMA):
            served |= run.served.keys()
            tables.append(run.primary)
    for part in dataset.committed(OUTPUTS[0], stage.fingerprint) - served:
        dataset.store.remove(dataset.part_key(OUTPUTS[0], stage.fingerprint, part))
    table = pa.concat_tables(tables).sort_by("shard")
    complaints: list[str] = pc.list_flatten(table["complaints"]).to_pylist()
    failed = table.filter(pc.equal(table["status"], "failed")).select(["shard", "error"]).to_pylist()
    return complaints + [f"shard {row['shard']}: it could not be checked: {row['error']}" for row in failed]


def _rows(connection: "Connection", dataset: Dataset, index: "Relation", stage: StageSpec) -> Iterator[pa.Table]:
    """The shards in rounds; those that were checked as they are without their samples, as nobody will look at them."""
    known = [_without_samples(table) for table in shard_rows(dataset, index)]
    listed = pa.concat_tables([SHARD_SCHEMA.empty_table(), *known])
    unchecked = pa.array(_unchecked(dataset, stage, listed), pa.string())
    checked = listed.filter(pc.invert(pc.is_in(listed["shard"], value_set=unchecked)))
    if len(checked):
        yield checked
    if len(unchecked):
        names = connection.from_arrow(pa.table({"shard": unchecked}))
        yield from shard_rows(dataset, index.join(names, "shard", how="semi"))


def _unchecked(dataset: Dataset, stage: StageSpec, listed: pa.Table) -> list[str]:
    """The shards that the engine may want to check: all without a good result."""
    folder = stage.outputs[0].folder
    committed = dataset.committed(stage.outputs[0], stage.fingerprint)
    plan = make_plan(
        identities_of(listed, stage), dataset.read_plan(folder, stage.fingerprint), committed, stage.rows_per_part
    )
    rows = dataset.read_parts(stage.outputs[0], stage.fingerprint, plan.served, ["shard", "status"])
    failed = rows.filter(pc.equal(rows["status"], "failed"))["shard"].to_pylist()
    return sorted({*failed, *(key for part in plan.pending for key, _ in part.rows)})


def _without_samples(shards: pa.Table) -> pa.Table:
    place = shards.column_names.index("samples")
    return shards.set_column(place, SHARD_SCHEMA.field(place), pa.nulls(len(shards), SHARD_SCHEMA.field(place).type))


def shard_rows(dataset: Dataset, index: "Relation") -> Iterator[pa.Table]:
    """One row per shard of the index that is in the folder, with its samples in order and the digest of its content.

    `index` are rows of samples that are in shards (SAMPLES).
    """
    from pipeline.dataset.query import batches

    files = {file.key.removeprefix("shards/"): (file.size, file.version) for file in dataset.store.list("shards")}
    names = ["shard", *(_SAMPLE.field(index).name for index in range(_SAMPLE.num_fields))]
    ordered = index.project(", ".join(f'"{name}"' for name in names)).order('shard, "offset"')
    for rows in whole_shards(batches(ordered)):
        shards = rows["shard"].combine_chunks()
        starts = starts_of_runs(shards)
        here = shards.take(starts[:-1])
        known = [files.get(name, (-1, "")) for name in here.to_pylist()]
        values = [rows[name].combine_chunks().cast(_SAMPLE.field(name).type) for name in names[1:]]
        table = pa.table(
            {
                "shard": here,
                "size": pa.array([size for size, _ in known], pa.int64()),
                "version": pa.array([version for _, version in known], pa.string()),
                "samples": pa.ListArray.from_arrays(starts, pa.StructArray.from_arrays(values, names[1:])),
            }
        )
        table = table.append_column("content", row_digests(table, "verify"))
        yield table.filter(pc.greater_equal(table["size"], 0)).select(SHARD_SCHEMA.names).cast(SHARD_SCHEMA)
