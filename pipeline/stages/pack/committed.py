"""What the committed index says of the shards that are there: whose media they hold, and which lost bytes.

committed = read_committed(dataset)
held = committed.holds(planned)       # bool [rows]: whether a shard holds exactly the media that is wanted
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.dataset.folder import Dataset
from pipeline.stages.pack.shard_plan import COMMITTED, shuffle_keys
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES


@dataclass(frozen=True, slots=True, eq=False)
class Committed:
    """The rows of the index that are in shards (SAMPLES), and the shards of which bytes are missing.

    `complete` [rows] says of which rows all bytes are there, by the size of their shard.
    """

    rows: pa.Table
    lost: frozenset[str]
    complete: NDArray[np.bool_]

    @property
    def plan_columns(self) -> pa.Table:
        """The columns that the plan of the shards reads (COMMITTED)."""
        group = pc.replace_substring_regex(self.rows["shard"], r"-\d+(-\d+)?\.tar$", "")
        return self.rows.append_column("group", group).select(COMMITTED.names)

    def row_of(self, planned: pa.Table) -> NDArray[np.int64]:
        """The row of each planned sample; -1 where it has none."""
        ids = self.rows["sample_id"]
        places = pc.index_in(planned["sample_id"], value_set=ids.combine_chunks() if len(ids) else _NO_IDS)
        return np.asarray(pc.fill_null(places, -1).to_numpy(), np.int64)

    def holds(self, planned: pa.Table) -> NDArray[np.bool_]:
        """Of each planned sample (`sample_id`, `pixels`) whether a shard holds its media, with all bytes."""
        rows = self.row_of(planned)
        held = rows >= 0
        at = pa.array(rows[held])
        same = pc.equal(planned["pixels"].filter(pa.array(held)), self.rows["pixels"].take(at))
        held[held] = _flags(same) & self.complete[rows[held]]
        return held

    def readable(self, chosen: Any) -> pa.Table:
        """The rows where `chosen` is true, whose bytes are there and whose media is known by its pixels."""
        known = pc.is_valid(self.rows["pixels"])
        return self.rows.filter(pc.and_(pc.and_(chosen, known), pa.array(self.complete)))

    def was_shuffled_otherwise(self, seed: int) -> bool:
        """Whether the shards were shuffled with another seed; all of a dataset always have the same."""
        first = self.rows.slice(0, 1)
        return bool(len(first)) and first["order"][0].as_py() != int(shuffle_keys(first["sample_id"], seed)[0])


_NO_IDS = pa.array([], pa.string())


def read_committed(dataset: Dataset) -> Committed:
    """Read the index of a dataset; empty before its first run."""
    rows = dataset.read_table(INDEX, SAMPLES) if dataset.store.exists(INDEX) else SAMPLES.empty()
    rows = rows.filter(pc.equal(rows["status"], "ok")).sort_by("sample_id")
    sizes = {file.key.removeprefix("shards/"): file.size for file in dataset.store.list("shards")}
    shards = pc.unique(rows["shard"])
    length = pa.array([sizes.get(name, 0) for name in shards.to_pylist()], pa.int64())
    ends = pc.add(rows["offset"], rows["size"])
    complete = _flags(pc.less_equal(ends, length.take(pc.index_in(rows["shard"], value_set=shards))))
    lost = pc.unique(rows["shard"].filter(pa.array(~complete))).to_pylist()
    return Committed(rows, frozenset(lost), complete)


def _flags(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)
