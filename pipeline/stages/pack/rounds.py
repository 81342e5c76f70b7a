"""Runs a stage for a stream of its rows, so many at once as memory holds; its record is that of all of them.

for run in run_in_rounds(engine, spec, tables, ENCODE_SCHEMA):
    ...
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.slices import SliceOf
from pipeline.dataset.stage_run import StageRun
from pipeline.dataset.whole_tables import in_groups
from pipeline.engine.engine import Engine
from pipeline.engine.stage_record import StageRecord
from pipeline.stage import StageSpec

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

ROWS_AT_ONCE = 1 << 16
"""Samples whose rows are held at once; a multiple of the rows of every part, so that rounds divide no part."""


def run_in_rounds(
    engine: Engine, spec: StageSpec, tables: Iterable[pa.Table], schema: pa.Schema, slice_of: SliceOf | None = None
) -> Iterator[StageRun]:
    """Run a stage for each table of its rows (`schema`), and for none if there is no table. Raises as `Engine.run`.

    With `slice_of` the stage's table is divided into slices. Rows that come slice by slice cost least: a round reads
    the plans of its own slices only.
    """
    total: StageRecord | None = None
    for rows in _at_least_one(tables, schema):
        run = engine.run(spec, rows, slice_of(rows[spec.key]) if slice_of else None)
        record = engine.records[spec.name]
        if total is None:
            total = record
        else:
            total.add_round(record)
            engine.records[spec.name] = total
        yield run


def count_of(rows: "Relation") -> int:
    """The number of rows of a relation."""
    return int(rows.aggregate("count(*)").fetchall()[0][0])


def in_rounds(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """A stream of samples in tables of as many rows as are held at once."""
    return in_groups(tables, ROWS_AT_ONCE)


def whole_shards(tables: Iterable[pa.Table], key: str = "shard") -> Iterator[pa.Table]:
    """A stream of samples, shard by shard, in tables of about as many rows, each with all samples of its shards."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += len(table)
        if count < ROWS_AT_ONCE:
            continue
        joined = pa.concat_tables(waiting)
        last = pc.index(joined[key], joined[key][-1]).as_py()
        if last:
            yield joined.slice(0, last).combine_chunks()
        waiting, count = [joined.slice(last)], len(joined) - last
    if count:
        yield pa.concat_tables(waiting).combine_chunks()


def starts_of_runs(values: pa.Array) -> pa.Array:
    """Where each run of equal values begins, and at last the end: the offsets of a list for each run."""
    begins = pc.fill_null(pc.not_equal(values[1:], values[:-1]), False).to_numpy(zero_copy_only=False)
    later = np.flatnonzero(begins) + 1
    return pa.array([*([0] if len(values) else []), *later.tolist(), len(values)], pa.int32())


def _at_least_one(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    empty = True
    for table in tables:
        empty = False
        yield table
    if empty:
        yield schema.empty_table()
