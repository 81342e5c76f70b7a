"""The selection of clips that are given as rows with all their measures.

table, duplicates = select_rows(clips, config, {}, find_copies)
"""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from pipeline.dataset.query import querying
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Row
from pipeline.stages.select.measured import FAILURE, columns_of_rules
from pipeline.stages.select.select import rules_of, select
from pipeline.storage.store import Store
from schemas.config import RunConfig
from schemas.outcome_tables import SELECTION


def select_rows(
    clips: Sequence[Row],
    config: RunConfig,
    failures: Mapping[str, str],
    find_copies: Callable[[Sequence[Row]], pa.Table],
) -> tuple[pa.Table, pa.Table]:
    """The selection and the duplicates table; `failures` holds why a clip could not be measured."""
    names = ["clip_id", *columns_of_rules(rules_of(config))]
    columns = {name: pa.array([clip.get(name) for clip in clips]) for name in names}
    empty = {name: CLIPS.schema.field(name).type if name in CLIPS.names else pa.float64() for name in names}
    table = pa.table(
        {name: values.cast(empty[name]) if values.type == pa.null() else values for name, values in columns.items()}
    )
    table = table.append_column(FAILURE, pa.array([failures.get(clip["clip_id"]) for clip in clips], pa.string()))
    by_id = {clip["clip_id"]: clip for clip in clips}

    def find(kept: object) -> pa.Table:
        return find_copies([by_id[key] for (key,) in kept.project("clip_id").fetchall()])  # type: ignore[attr-defined]

    with querying(Store("/nowhere")) as connection:
        stream, duplicates = select(connection, connection.from_arrow(table), config, find)
        return pa.concat_tables([SELECTION.empty(), *stream]), duplicates
