"""Counts the rows of a stage and those of them that failed, slice by slice, without reading more than their status.

rows, failed = counts_by_slice(run)["slice-000000"]
"""

from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.stage_run import StageRun


def counts_by_slice(run: StageRun) -> dict[str, tuple[int, int]]:
    """(rows, failed) of each slice of a stage that has any rows."""
    from pipeline.dataset.query import querying

    output, fingerprint = run.spec.outputs[0], run.spec.fingerprint
    slice_of = {
        run.dataset.part_key(output, fingerprint, part): name for name, served in run.slices.items() for part in served
    }
    if not slice_of:
        return {}
    counts: dict[str, tuple[int, int]] = {}
    with querying(run.dataset.store) as connection:
        rows = run.relation(connection, output, ["status"])
        counted = rows.aggregate(f"{PART_COLUMN}, count(*), count(*) FILTER (status = 'failed')")
        for part, count, failed in counted.fetchall():
            before = counts.get(slice_of[part], (0, 0))
            counts[slice_of[part]] = before[0] + count, before[1] + failed
    return counts
