"""Removes encoded media from the store once shards hold it, part file by part file.

A part file goes when all of its samples are in shards, so a dataset takes the room of its shards, and of what waits to
be packed or left them. A failed sample of such a part keeps its row, in a part of its own, so that it is not tried
again in every run.

    removed = remove_packed(dataset, encode_spec, index)
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.plan import Part, make_part
from pipeline.stage import StageSpec


def remove_packed(dataset: Dataset, encode: StageSpec, index: pa.Table) -> int:
    """Remove part files all of whose encoded samples are in the shards of `index`; returns their number."""
    shipped = index.filter(pc.equal(index["status"], "ok"))["sample_id"]
    return _remove_parts(dataset, encode, shipped)


def remove_all(dataset: Dataset, encode: StageSpec) -> int:
    """Remove all encoded media, also of samples that nothing wants at present; returns the number of part files."""
    return _remove_parts(dataset, encode, None)


def _remove_parts(dataset: Dataset, encode: StageSpec, packed: pa.ChunkedArray | None) -> int:
    primary, media = encode.outputs
    parts = sorted(dataset.committed(primary, encode.fingerprint))
    if not parts:
        return 0
    rows = dataset.read_parts(primary, encode.fingerprint, dict.fromkeys(parts))
    planned = {part.name: part for part in dataset.read_plan(primary.folder, encode.fingerprint)}
    removed = 0
    for name in parts:
        here = rows.filter(pc.equal(rows[PART_COLUMN], dataset.part_key(primary, encode.fingerprint, name)))
        made = here.filter(pc.equal(here["status"], "ok"))
        failed = here.filter(pc.equal(here["status"], "failed"))
        waits = packed is not None and not pc.all(pc.is_in(made["sample_id"], value_set=_values(packed))).as_py()
        if not len(made) or waits:
            continue
        if packed is not None:  # one that was tried again with success failed before
            failed = failed.filter(pc.invert(pc.is_in(failed["sample_id"], value_set=_values(packed))))
        if len(failed):
            _keep_failed(dataset, encode, planned[name], failed.drop_columns([PART_COLUMN]))
        # The primary part is the commit: without it the media is an orphan, which the next run removes.
        dataset.store.remove(dataset.part_key(primary, encode.fingerprint, name))
        dataset.store.remove(dataset.part_key(media, encode.fingerprint, name))
        removed += 1
    return removed


def _keep_failed(dataset: Dataset, encode: StageSpec, part: Part, failed: pa.Table) -> None:
    """Write the failed rows of a part as a part of their own."""
    primary, media = encode.outputs
    keys = set(failed["sample_id"].to_pylist())
    alone = make_part([row for row in part.rows if row[0] in keys], "failed")
    if alone.name in dataset.committed(primary, encode.fingerprint):
        return
    dataset.append_plan(primary.folder, encode.fingerprint, [alone])
    dataset.write_part(media, encode.fingerprint, alone.name, media.contract.empty())
    dataset.write_part(primary, encode.fingerprint, alone.name, failed)


def _values(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if len(column) else pa.array([], pa.string())
