"""What a stage has done for its rows: which part files hold their results, and how to read the stage's tables.

Of the whole dataset in the driver, or of a small group of sources in a worker.

    clips = StageRun(spec, served, dataset).table(spec.outputs[1], ["clip_id", "motion"])
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.stage import Output, StageSpec

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation


@dataclass(frozen=True, slots=True)
class StageRun:
    """A finished stage: which parts hold its rows, and how to read its tables."""

    spec: StageSpec
    served: Mapping[str, Collection[str]]
    dataset: Dataset

    def table(self, output: Output, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one of the stage's tables, sorted by key, with the path of their part file in `part`."""
        table = self.dataset.read_parts(output, self.spec.fingerprint, self.served, columns)
        return table.sort_by(output.contract.key)

    def relation(self, connection: "Connection", output: Output, columns: Sequence[str] | None = None) -> "Relation":
        """The rows of one of the stage's tables as a relation for DuckDB, with the path of their part file in `part`.

        In no particular order. `columns` None: all of the contract.
        """
        from pipeline.dataset.query import parquet

        schema = output.contract.schema
        names = schema.names if columns is None else list(columns)
        read = pa.schema([schema.field(name) for name in dict.fromkeys([*names, output.parent])])
        keys = {part: self.dataset.part_key(output, self.spec.fingerprint, part) for part in sorted(self.served)}
        rows = parquet(connection, self.dataset.store, list(keys.values()), read, PART_COLUMN)
        served = pa.table(
            {
                PART_COLUMN: [keys[part] for part in keys for _ in self.served[part]],
                output.parent: [key for part in keys for key in self.served[part]],
            },
            schema=pa.schema([(PART_COLUMN, pa.string()), (output.parent, pa.string())]),
        )
        chosen = [f'"{name}"' for name in (*names, PART_COLUMN)]
        live = rows.join(connection.from_arrow(served), f"{PART_COLUMN}, {output.parent}", how="semi")
        return live.project(", ".join(chosen))

    @property
    def primary(self) -> pa.Table:
        """The stage's primary table, without the `part` column."""
        return self.table(self.spec.outputs[0]).drop_columns([PART_COLUMN])
