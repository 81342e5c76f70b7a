"""Removes encoded media from the store once shards hold it, part file by part file.

A part file goes when all of its samples are in shards, so a dataset takes the room of its shards, and of what waits to
be packed or left them. A failed sample of such a part keeps its row, in a part of its own, so that it is not tried
again in every run.

    removed = remove_packed(dataset, encode_spec)
"""

from collections.abc import Iterator, Sequence
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.plan import Part, make_part
from pipeline.stage import StageSpec
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

_PARTS_AT_ONCE = 16_384


def remove_packed(dataset: Dataset, encode: StageSpec) -> int:
    """Remove part files all of whose encoded samples are in the shards of the index; returns their number."""
    return _remove_parts(dataset, encode, packed_only=True)


def remove_all(dataset: Dataset, encode: StageSpec) -> int:
    """Remove all encoded media, also of samples that nothing wants at present; returns the number of part files."""
    return _remove_parts(dataset, encode, packed_only=False)


def _remove_parts(dataset: Dataset, encode: StageSpec, packed_only: bool) -> int:
    primary, media = encode.outputs
    parts = sorted(dataset.committed(primary, encode.fingerprint))

    @cache
    def planned() -> dict[str, tuple[str, Part]]:
        plans = dataset.plans(primary.folder, encode.fingerprint)
        return {part.name: (each, part) for each in plans.slices for part in plans.read(each)}

    removed = 0
    for first in range(0, len(parts), _PARTS_AT_ONCE):
        for name, failed in _removable(dataset, encode, parts[first : first + _PARTS_AT_ONCE], packed_only):
            if failed:
                _keep_failed(dataset, encode, *planned()[name], failed)
            # The primary part is the commit: without it the media is an orphan, which the next run removes.
            dataset.store.remove(dataset.part_key(primary, encode.fingerprint, name))
            dataset.store.remove(dataset.part_key(media, encode.fingerprint, name))
            removed += 1
    if removed:
        _remove_plans(dataset, encode)
    return removed


def _remove_plans(dataset: Dataset, encode: StageSpec) -> None:
    """Remove the plans of slices of which nothing waits any more, so that the next run need not read them."""
    primary = encode.outputs[0]
    waiting = pa.array(sorted(dataset.committed(primary, encode.fingerprint)), pa.string())
    plans = dataset.plans(primary.folder, encode.fingerprint)
    for each in plans.slices:
        if not pc.any(pc.is_in(plans.table(each)["part"], value_set=waiting)).as_py():
            plans.remove(each)


def _removable(
    dataset: Dataset, encode: StageSpec, parts: Sequence[str], packed_only: bool
) -> Iterator[tuple[str, list[str]]]:
    """The parts that can go, each with the samples whose failure is to be remembered."""
    from pipeline.dataset.query import parquet, querying

    primary = encode.outputs[0]
    names = {dataset.part_key(primary, encode.fingerprint, name): name for name in parts}
    with querying(dataset.store) as connection:
        schema = pa.schema([primary.contract.schema.field(name) for name in ("sample_id", "status")])
        rows = parquet(connection, dataset.store, list(names), schema, PART_COLUMN)
        index = dataset.relation(connection, INDEX, SAMPLES, ["sample_id", "status"]).filter("status = 'ok'")
        packed = index.project("sample_id").filter("true" if packed_only else "false").set_alias("packed")
        told = (
            rows.set_alias("rows")
            .join(packed, "rows.sample_id = packed.sample_id", how="left")
            .project(
                f"rows.{PART_COLUMN} AS part, rows.sample_id AS sample_id, status,"
                " packed.sample_id IS NOT NULL AS packed"
            )
        )
        # One that was tried again with success failed before.
        counted = told.aggregate(
            "part, count(*) FILTER (status = 'ok') AS made, count(*) FILTER (status = 'ok' AND NOT packed) AS waiting,"
            " list(sample_id) FILTER (status = 'failed' AND NOT packed) AS failed",
            "part",
        )
        waits = "waiting = 0 AND " if packed_only else ""
        for part, failed in counted.filter(f"{waits}made > 0").project("part, failed").order("part").fetchall():
            yield names[part], failed or []


def _keep_failed(dataset: Dataset, encode: StageSpec, slice_name: str, part: Part, keys: Sequence[str]) -> None:
    """Write the failed rows of a part as a part of their own."""
    primary, media = encode.outputs
    alone = make_part([row for row in part.rows if row[0] in keys], "failed")
    if alone.name in dataset.committed(primary, encode.fingerprint):
        return
    rows = dataset.read_parts(primary, encode.fingerprint, {part.name: None}).drop_columns([PART_COLUMN])
    dataset.plans(primary.folder, encode.fingerprint).append(slice_name, [alone])
    dataset.write_part(media, encode.fingerprint, alone.name, media.contract.empty())
    failed = rows.filter(pc.is_in(rows["sample_id"], value_set=pa.array(keys, pa.string())))
    dataset.write_part(primary, encode.fingerprint, alone.name, failed)
