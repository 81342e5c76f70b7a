"""The planned samples of a run, without a row of each in memory: their digests as a relation, their rows on demand.

The digests of pixels and description cost some ten microseconds of Python for each sample, so they are kept beside a
hash of what they were made from (`described.py`), and only those of new or changed samples are made again. A dataset
without the table, as earlier versions left it, gets one: all digests are made once more.

    planned = find_digests(connection, dataset, described, inputs, plan)
    for rows in planned.rows(connection, chosen, "sample_id"):
        ...
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.stages.pack.rounds import count_of
from pipeline.stages.pack.shard_plan import WANTED
from schemas.pack_tables import DIGESTS

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

DIGESTS_FILE = ".samples/digests.parquet"
_PLANNED_AT_ONCE = 16_384
_KNOWN = ", ".join(f'"{name}"' for name in DIGESTS.names)
_NOTHING = pa.schema([])


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What the plan of the shards reads of all samples (`digests`: WANTED), and how their rows are made.

    `plan` makes the planned rows (PLAN_SCHEMA) of rows of `described`, which has a row for each sample.
    """

    digests: "Relation"
    described: "Relation"
    plan: Callable[[pa.Table], pa.Table]

    def rows(
        self, connection: "Connection", chosen: "Relation", order: str, beside: pa.Schema = _NOTHING
    ) -> Iterator[pa.Table]:
        """The planned rows of the `chosen` samples (`sample_id`), with columns of `chosen` `beside` them.

        They come in an `order` of `chosen` (SQL). The connection answers nothing else until the stream is read.
        """
        from pipeline.dataset.query import batches, stored

        chosen = stored(connection, chosen)
        if not count_of(chosen):  # then the tables need not be joined
            return
        ordered = [name.strip() for name in order.split(",")]
        own = [f'described."{name}"' for name in self.described.columns]
        others = dict.fromkeys([*(f'"{name}"' for name in beside.names), *ordered])
        given = [f"chosen.{name}" for name in others if name != "sample_id"]
        joined = self.described.set_alias("described").join(
            chosen.set_alias("chosen"), "described.sample_id = chosen.sample_id"
        )
        for table in batches(joined.project(", ".join([*own, *given])).order(order), _PLANNED_AT_ONCE):
            planned = self.plan(table)
            for field in beside:
                planned = planned.append_column(field, table[field.name].cast(field.type))
            yield planned


def find_digests(
    connection: "Connection",
    dataset: Dataset,
    described: "Relation",
    inputs: "Relation",
    plan: Callable[[pa.Table], pa.Table],
) -> Planned:
    """The samples of a run, with the digests that are still as before.

    `inputs` says of each sample of `described` (`sample_id`) what its digests are made from, as a hash.
    """
    from pipeline.dataset.query import batches, spooled, stored

    there = dataset.store.exists(DIGESTS_FILE)
    known = dataset.relation(connection, DIGESTS_FILE, DIGESTS) if there else connection.from_arrow(DIGESTS.empty())
    known = known.project(_KNOWN)
    fresh = stored(connection, inputs.join(known, "sample_id, inputs", how="anti"))
    changed = described.join(fresh, "sample_id")
    tables = batches(changed, _PLANNED_AT_ONCE) if count_of(fresh) else ()
    made = spooled(connection, DIGESTS.schema, (_digests(plan(rows), rows) for rows in tables))
    alike = known.join(inputs, "sample_id, inputs", how="semi").project(_KNOWN)
    if not there or count_of(fresh) or count_of(known) != count_of(alike):
        ordered = batches(alike.union(made).order("sample_id"))
        dataset.write_table(DIGESTS_FILE, DIGESTS, (table.cast(DIGESTS.schema) for table in ordered))
        alike = dataset.relation(connection, DIGESTS_FILE, DIGESTS)
    return Planned(alike.project(", ".join(f'"{name}"' for name in WANTED.names)), described, plan)


def _digests(planned: pa.Table, described: pa.Table) -> pa.Table:
    columns = {name: planned[name] for name in WANTED.names} | {"inputs": described["inputs"]}
    return pa.table([columns[name] for name in DIGESTS.names], schema=DIGESTS.schema)
