"""Brings the shards of a dataset up to date with its planned samples, by copying media that exists.

Encoded is what is in no shard yet, packed is what the plan wants (`shard_plan.py`), and media of samples that leave
goes back into the store of encoded media before their shard goes. The index is the commit: until it is written, all
shards that it names are as they were, and a run that was killed plans the same again. After it, shards that it does not
name, and media that its shards hold, are removed.

All samples are joined and sorted by DuckDB; the rows of those that need work are made for so many at once as memory
holds (`rounds.py`), so a run that has nothing to do makes none.

    Packing(engine, config.pack, encode, pack).run(connection, planned)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.plan_files import PLANS
from pipeline.dataset.slices import SliceOf
from pipeline.dataset.whole_tables import schema_of
from pipeline.engine.engine import Engine
from pipeline.engine.stage_record import StageRecord
from pipeline.stage import Output, StageSpec
from pipeline.stages.encode.rows import ENCODE_SCHEMA, planned_rows
from pipeline.stages.encode.stage import recover_spec
from pipeline.stages.pack.adoption import Encoder, adopt
from pipeline.stages.pack.committed import INDEX_COLUMNS, Committed, read_committed
from pipeline.stages.pack.media_store import remove_packed
from pipeline.stages.pack.places import PLACES, find_places
from pipeline.stages.pack.planned import Planned
from pipeline.stages.pack.rounds import count_of, in_rounds, run_in_rounds, whole_shards
from pipeline.stages.pack.rows import SHARD_SCHEMA, pack_rows
from pipeline.stages.pack.shard_plan import ShardPlan, plan_shards
from schemas.config import PackConfig
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES
from schemas.pack_tables import ENCODED

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_ENCODED = ENCODED.schema.append(pa.field(PART_COLUMN, pa.string()))
_RECOVERED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("pixels", pa.string()),
        ("shard", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("checksum", pa.string()),
        ("decoded_frames", pa.int32()),
    ]
)
_SHUFFLED = pa.schema([("shard", pa.string()), ("order", pa.uint64()), *PLACES])
_BY_SLICE = "slice, sample_id"
_REASON = pa.schema([("error", pa.string()), ("attempts", pa.int32())])
IN_ORDER = 'chunk, "order", sample_id'
"""The order in which shards are written, and samples in them."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Encodes, packs and commits the samples of one run."""

    engine: Engine
    config: PackConfig
    encode: StageSpec
    pack: StageSpec
    upstream: Mapping[str, str] = field(default_factory=dict)
    """The fingerprints of the stages that fix times and geometry, by name; for shards of an earlier version."""
    slice_of: SliceOf | None = None
    """The slices of all sources that have samples, in shards too; without it the store of media is not divided."""

    def run(self, connection: "Connection", planned: Planned, afresh: bool = False) -> None:
        """Pack the planned samples, and write the index. `afresh`: as a first run would."""
        dataset = self.engine.dataset
        encoder = Encoder(self.config, self.upstream)
        before = read_committed(connection, dataset)
        committed = adopt(connection, dataset, before, planned, encoder)
        encoded = self._encode(connection, planned, committed)
        failed = encoded.filter("status = 'failed'").project("sample_id, error, attempts")
        plan = plan_shards(
            connection,
            committed.plan_columns,
            planned.digests.join(failed, "sample_id", how="anti"),
            self.config.seed,
            self.config.samples_per_shard,
            committed.lost,
            afresh or committed.was_shuffled_otherwise(self.config.seed),
        )
        self._recover(connection, planned, committed)
        packed = self._pack(connection, planned, plan, committed, encoded)
        kept = committed.rows.join(plan.kept, "sample_id", how="semi").project(INDEX_COLUMNS)
        if committed is before and not count_of(packed) and not count_of(failed) and _stands(connection, dataset, kept):
            rows = count_of(kept)
            self.engine.records["index"] = StageRecord(fingerprint="", rows=rows, reused=rows)
        else:
            write_index(self.engine, [kept, packed, _failed_rows(connection, failed, planned)])
        remove_uncommitted(dataset, self.pack.outputs)
        remove_packed(dataset, self.encode)

    def _encode(self, connection: "Connection", planned: Planned, committed: Committed) -> "Relation":
        """Encode what no shard holds; its rows (ENCODED, with their part files).

        In the record, samples that a shard holds count as reused.
        """
        from pipeline.dataset.query import spooled, stored

        held = stored(connection, committed.held(planned.digests))
        count = count_of(held)
        missing = planned.digests.join(held, "sample_id", how="anti").project("sample_id")
        rows = in_rounds(planned.rows(connection, self._by_slice(connection, missing), _BY_SLICE))
        runs = run_in_rounds(self.engine, self.encode, map(planned_rows, rows), ENCODE_SCHEMA, self.slice_of)
        encoded = spooled(connection, _ENCODED, (run.table(self.encode.outputs[0]) for run in runs))
        record = self.engine.records[self.encode.name]
        record.rows += count
        record.reused += count
        return encoded

    def _recover(self, connection: "Connection", planned: Planned, committed: Committed) -> None:
        """Put the media of samples that are no longer planned back into the store."""
        from pipeline.dataset.query import batches, stored

        names = ", ".join(f'"{name}"' for name in _RECOVERED.names)
        left = stored(connection, committed.recoverable(planned.digests).project(names))
        if not count_of(left):
            return
        spec = recover_spec(self.encode, self.engine.dataset.store.address)
        rows = self._by_slice(connection, left).order(_BY_SLICE).project(names)
        tables = in_rounds(table.cast(_RECOVERED) for table in batches(rows))
        for _ in run_in_rounds(self.engine, spec, tables, _RECOVERED, self.slice_of):
            pass

    def _by_slice(self, connection: "Connection", samples: "Relation") -> "Relation":
        """The samples, with the number of their `slice`."""
        if self.slice_of is None:
            return samples.project("*, 0 AS slice")
        slices = connection.from_arrow(self.slice_of.table).set_alias("slices")
        named = samples.project("*, split_part(sample_id, '-', 1) AS of_video").set_alias("samples")
        columns = ", ".join(f'samples."{name}"' for name in samples.columns)
        return named.join(slices, "samples.of_video = slices.video_id", how="left").project(
            f"{columns}, slices.slice AS slice"
        )

    def _pack(
        self,
        connection: "Connection",
        planned: Planned,
        plan: ShardPlan,
        committed: Committed,
        encoded: "Relation",
    ) -> "Relation":
        """Write the shards of the plan; the rows of the index for them."""
        from pipeline.dataset.query import spooled

        chosen = plan.placed.join(planned.digests.project("sample_id, pixels"), "sample_id")
        places = find_places(chosen, committed, encoded, self.encode.outputs)
        samples = _placed(planned.rows(connection, places, IN_ORDER, _SHUFFLED))
        shards = (pack_rows(table) for table in whole_shards(samples))
        runs = run_in_rounds(self.engine, self.pack, shards, SHARD_SCHEMA)
        rows = (run.table(self.pack.outputs[1]).select(list(SAMPLES.names)) for run in runs)
        return spooled(connection, SAMPLES.schema, rows).project(INDEX_COLUMNS)


def write_index(engine: Engine, rows: Sequence["Relation"]) -> None:
    """Commit the index, of the rows (SAMPLES) of several relations."""
    from pipeline.dataset.query import batches

    whole = rows[0]
    for more in rows[1:]:
        whole = whole.union(more)
    tables = (table.cast(SAMPLES.schema) for table in batches(whole.order("sample_id")))
    engine.table("index", SAMPLES, INDEX, tables)


def remove_uncommitted(dataset: Dataset, journal: Sequence[Output]) -> None:
    """Remove what the committed index does not need: shards that it does not name, and the journal of packing."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        named = dataset.relation(connection, INDEX, SAMPLES, ["shard"]).aggregate("shard").fetchall()
    live = {f"shards/{shard}" for (shard,) in named}
    for file in dataset.store.list("shards"):
        if file.key.endswith(".tar") and file.key not in live:
            dataset.store.remove(file.key)
    for output in journal:
        for folder in (output.folder, f"{PLANS}/{output.folder}"):
            for file in dataset.store.list(folder):
                dataset.store.remove(file.key)


def _stands(connection: "Connection", dataset: Dataset, kept: "Relation") -> bool:
    """Whether the index that is there has exactly these of its rows, so that it need not be sorted and written."""
    if not dataset.store.exists(INDEX) or not schema_of(dataset.store, INDEX).equals(SAMPLES.schema):
        return False  # one of an earlier version is written with today's names and types
    return count_of(dataset.relation(connection, INDEX, SAMPLES, ["sample_id"])) == count_of(kept)


def _placed(samples: Iterable[pa.Table]) -> Iterator[pa.Table]:
    for table in samples:
        assert not table["path"].null_count, "every sample of the plan is in a shard or encoded"
        yield table


def _failed_rows(connection: "Connection", failed: "Relation", planned: Planned) -> "Relation":
    """The index rows of samples that could not be encoded: what is known of them, and why."""
    from pipeline.dataset.query import spooled

    def rows() -> Iterator[pa.Table]:
        for table in planned.rows(connection, failed, "sample_id", _REASON):
            known = table.drop_columns(["segments", "stills", "pixels", "description", "scores"]).to_pylist()
            made = (SAMPLES.failed_row(row["sample_id"], row.pop("error"), row.pop("attempts"), row) for row in known)
            yield SAMPLES.table(made)

    return spooled(connection, SAMPLES.schema, rows()).project(INDEX_COLUMNS)
