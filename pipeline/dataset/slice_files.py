"""Makes one file of the part files of a slice, for each table of a stage: few large files instead of many small ones.

The rows are sorted by key, and each key has the row that was made last. The files are written first, that of the
primary table as the last of them; then one plan replaces those of the slice; then the part files go. So a kill at any
moment leaves all rows, and the same files come of the same rows. Rows that are planned but not there stay planned.

    gathered = gather_slice(dataset, spec.outputs, spec.fingerprint, "slice-000000", parts)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.folder import Dataset, written_as
from pipeline.dataset.query import batches, parquet, querying
from pipeline.dataset.stage_run import Served
from pipeline.dataset.whole_tables import in_groups
from pipeline.stage import Output
from schemas.ids import digest

_SORTING_GIGABYTES = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The file of a slice: its name without suffix, its input rows, and the part files that went into it."""

    name: str
    rows: int
    parts: int


def is_slice(part: str) -> bool:
    """Whether the name of a part is that of a slice's file."""
    return part.startswith("slice-")


def gather_slice(
    dataset: Dataset,
    outputs: Sequence[Output],
    fingerprint: str,
    slice_name: str,
    committed: Sequence[str],
    served: Served,
) -> Gathered:
    """Replace the `committed` parts of a slice, of which `served` are the rows in use, by one file for each table.

    Raises `DatasetError` if one of them is damaged. Nothing is lost then.
    """
    plans = dataset.plans(outputs[0].folder, fingerprint, slice_name)
    planned = plans.table(slice_name)
    there = pc.is_in(planned["part"], value_set=pa.array(sorted(committed), pa.string()))
    chosen = rows_that_count(planned.filter(there), served)
    name = f"{slice_name}-{digest(sorted(zip(*(chosen[key].to_pylist() for key in ('key', 'identity')), strict=True)))}"
    if chosen["part"].unique().to_pylist() != [name]:
        for output in reversed(outputs):
            _write(dataset, output, fingerprint, name, chosen)
        gathered = chosen.set_column(0, "part", pa.array([name] * len(chosen), pa.string()))
        plans.replace(slice_name, pa.concat_tables([gathered, planned.filter(pc.invert(there))]))
    gone = [part for part in committed if part != name]
    for part in gone:
        for output in outputs:  # the primary table first: without it, what is left of the others is removed
            dataset.store.remove(dataset.part_key(output, fingerprint, part))
    return Gathered(name=name, rows=len(chosen), parts=len(committed))


def rows_that_count(planned: pa.Table, served: Served) -> pa.Table:
    """Of a plan's rows (part, key, identity) the one of each key that is in use, or else the last; sorted by key."""
    place = np.arange(len(planned))
    for part, keys in served.items():
        here = pc.equal(planned["part"], part)
        if keys is not None:
            here = pc.and_(here, pc.is_in(planned["key"], value_set=pa.array(sorted(keys), pa.string())))
        place[here.to_numpy()] += len(planned)
    numbered = pa.table([planned["key"], pa.array(place)], names=["key", "place"])
    last = numbered.group_by("key").aggregate([("place", "max")])["place_max"].to_numpy() % max(1, len(planned))
    return planned.take(pa.array(last)).sort_by("key")


def _write(dataset: Dataset, output: Output, fingerprint: str, name: str, chosen: pa.Table) -> None:
    """Write the file of one table."""
    settings = written_as(output)
    rows = settings.pop("row_group_size")
    key = dataset.part_key(output, fingerprint, name)
    with dataset.store.writing(key) as file, pq.ParquetWriter(file, output.contract.schema, **settings) as writer:
        empty = True
        for table in in_groups(_sorted_rows(dataset, output, fingerprint, chosen), rows):
            writer.write_table(output.contract.check(table), row_group_size=rows)
            empty = False
        if empty:
            writer.write_table(output.contract.empty())


def _sorted_rows(dataset: Dataset, output: Output, fingerprint: str, chosen: pa.Table) -> Iterable[pa.Table]:
    schema = output.contract.schema
    keys = {part: dataset.part_key(output, fingerprint, part) for part in chosen["part"].unique().to_pylist()}
    with querying(dataset.store, _SORTING_GIGABYTES) as connection:
        rows = parquet(connection, dataset.store, list(keys.values()), schema, "part_file")
        files = _renamed(chosen["part"], keys)
        live = connection.from_arrow(pa.table({"part_file": files, output.parent: chosen["key"]}))
        joined = rows.join(live, f"part_file, {output.parent}", how="semi")
        columns = ", ".join(f'"{name}"' for name in schema.names)
        for table in batches(joined.order(f'"{output.contract.key}"').project(columns)):
            yield table.cast(schema)


def _renamed(parts: pa.ChunkedArray, names: Mapping[str, str]) -> pa.ChunkedArray:
    known = pa.array(list(names), pa.string())
    return pa.array(list(names.values()), pa.string()).take(pc.index_in(parts, value_set=known))
