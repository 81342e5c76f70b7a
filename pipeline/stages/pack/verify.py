"""verify as a row stage: a row is a shard, and one that was checked under these bytes is not opened again.

A shard is known by its name, its size, the store's version of it (etag or modification time) and what the index says
of its samples; so a run checks the shards that are new, in the workers, and an idle run none. Whatever is wrong stays
in the table until the shard changes, and is said by every run.

    complaints = verify_new(engine, samples)
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import row_digests
from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify_shard import check_shard
from pipeline.engine.engine import Engine
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store
from schemas.pack_tables import VERIFIED

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


def verify_new(engine: Engine, samples: pa.Table, decode: bool = True) -> list[str]:
    """Check the shards of the index `samples` that were not checked as they are; the complaints about all of them.

    A shard that is missing is not among them (`pipeline.dataset.verify.check_tables` names it).
    """
    dataset = engine.dataset
    run = engine.run(spec(dataset.store.address, decode), shard_rows(dataset, samples))
    table = run.primary.sort_by("shard")
    for part in dataset.committed(OUTPUTS[0], run.spec.fingerprint) - run.served.keys():
        dataset.store.remove(dataset.part_key(OUTPUTS[0], run.spec.fingerprint, part))
    complaints = [text for row in table["complaints"].to_pylist() for text in row or ()]
    failed = table.filter(pc.equal(table["status"], "failed")).select(["shard", "error"]).to_pylist()
    return complaints + [f"shard {row['shard']}: it could not be checked: {row['error']}" for row in failed]


def shard_rows(dataset: Dataset, samples: pa.Table) -> pa.Table:
    """One row per shard of the index that is in the folder, with its samples in order and the digest of its content."""
    rows = samples.filter(pc.equal(samples["status"], "ok"))
    rows = rows.sort_by([("shard", "ascending"), ("offset", "ascending")])
    files = {file.key.removeprefix("shards/"): file for file in dataset.store.list("shards")}
    counts = rows.group_by("shard").aggregate([([], "count_all")]).sort_by("shard")  # groups come in any order
    names = counts["shard"].to_pylist()
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(counts["count_all"]).combine_chunks()])
    fields = [_SAMPLE.field(index).name for index in range(_SAMPLE.num_fields)]
    values = [rows[name].combine_chunks() for name in fields]
    table = pa.table(
        {
            "shard": pa.array(names, pa.string()),
            "size": pa.array([files[name].size if name in files else -1 for name in names], pa.int64()),
            "version": pa.array([files[name].version if name in files else "" for name in names], pa.string()),
            "samples": pa.ListArray.from_arrays(offsets.cast(pa.int32()), pa.StructArray.from_arrays(values, fields)),
        }
    )
    table = table.append_column("content", row_digests(table, "verify"))
    return table.filter(pc.greater_equal(table["size"], 0)).drop_columns(["size", "version"])
