"""Digests of what a stage reads of a slice: the rows given to its stream, and the files of the stages before it.

A stage's tables follow from these and from its own fingerprint, which names its folder. Files are named by what they
hold, so their names stand for their content.

    inputs = digest_of_stage(digest_of_rows(sources), "slice-000000", {"split": run})
"""

from collections.abc import Mapping
from hashlib import blake2b

import pyarrow as pa

from pipeline.dataset.stage_run import StageRun
from pipeline.engine.ipc import write_rows
from schemas.ids import digest


def digest_of_rows(*tables: pa.Table) -> str:
    """A digest of tables, which also depends on the order of their rows."""
    content = blake2b(digest_size=8)
    for table in tables:
        content.update(write_rows(table.combine_chunks()))
    return content.hexdigest()


def digest_of_stage(given: str, slice_name: str, before: Mapping[str, StageRun]) -> str:
    """A digest of a slice's input: the rows given, and what the stages before have of it."""
    served = {name: run.slices.get(slice_name, {}) for name, run in before.items()}
    stages = [
        [
            name,
            before[name].spec.fingerprint,
            [[part, keys and sorted(keys)] for part, keys in sorted(served[name].items())],
        ]
        for name in sorted(served)
    ]
    return digest(given, stages)
