"""Brings the shards of a dataset up to date with its planned samples, by copying media that exists.

Encoded is what is in no shard yet, packed is what the plan wants (`shard_plan.py`), and media of samples that leave
goes back into the store of encoded media before their shard goes. The index is the commit: until it is written, all
shards that it names are as they were, and a run that was killed plans the same again. After it, shards that it does not
name, and media that its shards hold, are removed.

    samples = Packing(engine, config.pack, encode, pack).run(planned)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.plan_files import PLANS
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.engine import Engine
from pipeline.stage import Output, StageSpec
from pipeline.stages.encode.rows import encode_rows
from pipeline.stages.encode.stage import recover_spec
from pipeline.stages.pack.adoption import Encoder, adopt
from pipeline.stages.pack.committed import Committed, read_committed
from pipeline.stages.pack.media_store import remove_packed
from pipeline.stages.pack.places import find_places
from pipeline.stages.pack.rows import pack_rows
from pipeline.stages.pack.shard_plan import WANTED, plan_shards
from schemas.config import PackConfig
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

_RECOVERED = ("sample_id", "pixels", "shard", "offset", "size", "checksum", "decoded_frames")


@dataclass(frozen=True, slots=True)
class Packing:
    """Encodes, packs and commits the samples of one run."""

    engine: Engine
    config: PackConfig
    encode: StageSpec
    pack: StageSpec
    upstream: Mapping[str, str] = field(default_factory=dict)
    """The fingerprints of the stages that fix times and geometry, by name; for shards of an earlier version."""

    def run(self, planned: pa.Table, afresh: bool = False) -> pa.Table:
        """Pack the planned samples (`samples.py`); returns the new index. `afresh`: as a first run would."""
        dataset = self.engine.dataset
        committed = adopt(dataset, read_committed(dataset), planned, Encoder(self.config, self.upstream))
        encoded = self._encode(planned, committed)
        failed = encoded.primary.filter(pc.equal(encoded.primary["status"], "failed"))
        wanted = planned.filter(pc.invert(pc.is_in(planned["sample_id"], value_set=_values(failed["sample_id"]))))
        plan = plan_shards(
            committed.plan_columns,
            wanted.select(WANTED.names),
            self.config.seed,
            self.config.samples_per_shard,
            committed.lost,
            afresh or committed.was_shuffled_otherwise(self.config.seed),
        )
        self._recover(planned, committed)
        chosen = wanted.take(pa.array(plan.samples))
        places = find_places(chosen, committed, encoded.table(self.encode.outputs[0]), self.encode.outputs)
        packed = self.engine.run(self.pack, pack_rows(plan, chosen, places))
        rows = packed.table(self.pack.outputs[1]).drop_columns([PART_COLUMN, "planned_shard"])
        kept = committed.rows.take(pa.array(plan.kept))
        index = pa.concat_tables([kept, rows, _failed_rows(failed, planned)]).sort_by("sample_id")
        self.engine.table("index", SAMPLES, INDEX, index)
        remove_uncommitted(dataset, index, self.pack.outputs)
        remove_packed(dataset, self.encode, index)
        return index

    def _encode(self, planned: pa.Table, committed: Committed) -> StageRun:
        """Encode what no shard holds. In the record, samples that a shard holds count as reused."""
        rows = encode_rows(planned, self.encode.fingerprint)
        held = committed.holds(planned)
        run = self.engine.run(self.encode, rows.filter(pa.array(~held)))
        record = self.engine.records[self.encode.name]
        record.rows += int(held.sum())
        record.reused += int(held.sum())
        return run

    def _recover(self, planned: pa.Table, committed: Committed) -> None:
        """Put the media of samples that are no longer planned back into the store."""
        left = committed.readable(
            pc.invert(pc.is_in(committed.rows["sample_id"], value_set=_values(planned["sample_id"])))
        )
        if len(left):
            self.engine.run(recover_spec(self.encode, self.engine.dataset.store.address), left.select(list(_RECOVERED)))


def remove_uncommitted(dataset: Dataset, index: pa.Table, journal: Sequence[Output]) -> None:
    """Remove what the committed index does not need: shards that it does not name, and the journal of packing."""
    live = {f"shards/{shard}" for shard in pc.unique(index["shard"]).to_pylist()}
    for file in dataset.store.list("shards"):
        if file.key.endswith(".tar") and file.key not in live:
            dataset.store.remove(file.key)
    for output in journal:
        for folder in (output.folder, f"{PLANS}/{output.folder}"):
            for file in dataset.store.list(folder):
                dataset.store.remove(file.key)


def _failed_rows(failed: pa.Table, planned: pa.Table) -> pa.Table:
    """The index rows of samples that could not be encoded: what is known of them, and why."""
    reasons = {row["sample_id"]: row for row in failed.to_pylist()}
    known = planned.filter(pc.is_in(planned["sample_id"], value_set=_values(failed["sample_id"])))
    rows = []
    for row in known.drop_columns(["segments", "stills", "pixels", "description", "scores"]).to_pylist():
        reason = reasons[row["sample_id"]]
        rows.append(SAMPLES.failed_row(row["sample_id"], reason["error"], reason["attempts"], row))
    return SAMPLES.table(rows)


def _values(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if len(column) else pa.array([], column.type)
