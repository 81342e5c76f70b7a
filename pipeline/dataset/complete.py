"""Marks of complete slices: a stage has all rows of a slice, for an input that is known by a digest.

A run that finds the digest again takes what the mark says, and reads neither the plan nor the tables of the slice. A
mark says nothing about part files that are gone: whoever uses it looks for them first.

    .slices/<table>/<fingerprint>.parquet       slice, inputs, served, rows, failed

    marks = CompleteSlices.read(dataset, spec)
    mark = marks.of("slice-000000", inputs)
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.folder import Dataset
from pipeline.dataset.slices import FOLDER
from pipeline.dataset.stage_run import Served, StageRun
from pipeline.stage import StageSpec

_SCHEMA = pa.schema(
    [
        ("slice", pa.string()),
        ("inputs", pa.string()),
        ("served", pa.string()),
        ("rows", pa.int64()),
        ("failed", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """A complete slice of a stage: the digest of its inputs, what serves its rows, and how many are there and failed.

    `served` maps part files to keys; None for all of a file's.
    """

    inputs: str
    served: Served
    rows: int
    failed: int


@dataclass(frozen=True, slots=True)
class CompleteSlices:
    """The marks of one stage by slice."""

    spec: StageSpec
    marks: Mapping[str, Complete]

    @classmethod
    def read(cls, dataset: Dataset, spec: StageSpec) -> "CompleteSlices":
        """The marks of a stage; none if it has none."""
        key = _key(spec)
        if not dataset.store.exists(key):
            return cls(spec, {})
        rows = pq.read_table(io.BytesIO(dataset.store.read(key)), schema=_SCHEMA).to_pylist()
        return cls(
            spec,
            {
                row["slice"]: Complete(
                    inputs=row["inputs"], served=json.loads(row["served"]), rows=row["rows"], failed=row["failed"]
                )
                for row in rows
            },
        )

    def of(self, slice_name: str, inputs: str) -> Complete | None:
        """The mark of a slice, if it was made for these inputs."""
        mark = self.marks.get(slice_name)
        return mark if mark is not None and mark.inputs == inputs else None

    def run(self, dataset: Dataset) -> StageRun:
        """What the complete slices have."""
        return StageRun(self.spec, {name: mark.served for name, mark in self.marks.items()}, dataset)

    def write(self, dataset: Dataset) -> None:
        """Write the marks, unless they stand there as they are."""
        rows = [
            {
                "slice": name,
                "inputs": mark.inputs,
                "served": json.dumps(_sorted(mark.served)),
                "rows": mark.rows,
                "failed": mark.failed,
            }
            for name, mark in sorted(self.marks.items())
        ]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), buffer, compression="zstd")
        dataset.store.write_changed(_key(self.spec), buffer.getvalue())


def _key(spec: StageSpec) -> str:
    return f"{FOLDER}/{spec.outputs[0].folder}/{spec.fingerprint}.parquet"


def _sorted(served: Served) -> dict[str, list[str] | None]:
    return {part: None if keys is None else sorted(keys) for part, keys in sorted(served.items())}
