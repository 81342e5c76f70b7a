"""What a stage has done for its rows: which files hold their results, slice by slice, and how to read its tables.

Of the whole dataset in the driver, or of a small group of sources in a worker.

    clips = StageRun.whole(spec, served, dataset).table(spec.outputs[1], ["clip_id", "motion"])
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.slices import WHOLE
from pipeline.stage import Output, StageSpec

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

Served = Mapping[str, Collection[str] | None]
"""The keys of the input rows whose results are asked for, by part file; None: all of the file's."""


@dataclass(frozen=True, slots=True)
class StageRun:
    """A finished stage: which files hold its rows, and how to read its tables."""

    spec: StageSpec
    slices: Mapping[str, Served]
    dataset: Dataset

    @classmethod
    def whole(cls, spec: StageSpec, served: Served, dataset: Dataset) -> "StageRun":
        """The run of a stage whose tables are not divided into slices."""
        return cls(spec, {WHOLE: served}, dataset)

    @property
    def served(self) -> Served:
        """What is asked for of all slices."""
        joined: dict[str, Collection[str] | None] = {}
        for of_slice in self.slices.values():
            joined |= of_slice
        return joined

    def of(self, slices: Collection[str]) -> "StageRun":
        """What it has of some slices."""
        return StageRun(self.spec, {name: self.slices[name] for name in slices if name in self.slices}, self.dataset)

    def keys(self, slice_name: str) -> dict[str, list[str]]:
        """The keys of the input rows of a slice, by part file."""
        served = self.slices.get(slice_name, {})
        known = {part: list(keys) for part, keys in served.items() if keys is not None}
        whole = served.keys() - known.keys()
        if whole:
            plan = self.dataset.plans(self.spec.outputs[0].folder, self.spec.fingerprint, slice_name).read(slice_name)
            known |= {part.name: [key for key, _ in part.rows] for part in plan if part.name in whole}
        return {part: known[part] for part in served}

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
        chosen = ", ".join(f'"{name}"' for name in (*names, PART_COLUMN))
        served = {
            self.dataset.part_key(output, self.spec.fingerprint, part): keys
            for part, keys in sorted(self.served.items())
        }
        whole = [key for key, rows in served.items() if rows is None]
        some = {key: rows for key, rows in served.items() if rows is not None}
        relation = parquet(connection, self.dataset.store, whole, read, PART_COLUMN).project(chosen)
        if not some:
            return relation
        rows = parquet(connection, self.dataset.store, list(some), read, PART_COLUMN)
        asked = pa.table(
            {
                PART_COLUMN: [part for part, wanted in some.items() for _ in wanted],
                output.parent: [key for wanted in some.values() for key in wanted],
            },
            schema=pa.schema([(PART_COLUMN, pa.string()), (output.parent, pa.string())]),
        )
        live = rows.join(connection.from_arrow(asked), f"{PART_COLUMN}, {output.parent}", how="semi").project(chosen)
        return relation.union(live) if whole else live

    @property
    def primary(self) -> pa.Table:
        """The stage's primary table, without the `part` column."""
        return self.table(self.spec.outputs[0]).drop_columns([PART_COLUMN])
