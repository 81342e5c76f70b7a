"""The ledger of tables that are given as rows, with the columns that it reads.

ledger = build_ledger([video], {}, {"v": split}, clips, selection, spans, failures, samples)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.dataset import ledger
from pipeline.dataset.ledger_rows import FAILURES, VANISHED, RunTables
from pipeline.dataset.query import querying
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Failure, Row
from pipeline.storage.store import Store
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.media_tables import DUPLICATES, SPLITS, VIDEOS
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SAMPLES, SELECTION

_DEFAULTS = RunConfig()
_STATUS = ["status", "error", "attempts"]
_VIDEOS = ["object_id", "video_id", "key", "kind", "start_time", "duration", "segments", *_STATUS]
_SPLITS = ["video_id", "boundaries", "parts", "reason", *_STATUS]
_CLIPS = ["clip_id", "video_id", "start_time", "end_time", "duration"]
_SPANS = ["sample_id", "clip_id", "ordinal", "bucket", "start_time", "end_time"]


def build_ledger(
    videos: Sequence[Row],
    identical: Mapping[str, str],
    splits: Mapping[str, Row],
    clips: Sequence[Row],
    selection: Mapping[str, Row],
    spans: Sequence[Row],
    failures: Mapping[str, Failure],
    samples: Sequence[Row],
    vanished: Sequence[Row] = (),
    config: RunConfig = _DEFAULTS,
) -> pa.Table:
    """The whole table; samples without an ordinal count from 0 in each clip."""
    ordinals: dict[str, int] = {}
    numbered = []
    for span in spans:
        ordinals[span["clip_id"]] = ordinals.get(span["clip_id"], -1) + 1
        numbered.append({"ordinal": ordinals[span["clip_id"]], **span})
    failed = [dict(zip(FAILURES.names, (key, *failure), strict=True)) for key, failure in failures.items()]
    copies = [{"id": key, "duplicate_of": original} for key, original in identical.items()]
    tables = {
        "videos": _table(VIDEOS, _VIDEOS, videos),
        "identical": _table(DUPLICATES, ["id", "duplicate_of"], copies),
        "splits": _table(SPLITS, _SPLITS, [{**row, "video_id": key} for key, row in splits.items()]),
        "clips": _table(CLIPS, _CLIPS, clips),
        "selection": _table(
            SELECTION, ["clip_id", "state", "reason"], [{**row, "clip_id": key} for key, row in selection.items()]
        ),
        "planned": _table(SAMPLE_SPANS, _SPANS, numbered),
        "failures": pa.Table.from_pylist(failed, schema=FAILURES),
        "samples": _table(SAMPLES, ["sample_id", *_STATUS], samples),
        "vanished": pa.Table.from_pylist([{name: row[name] for name in VANISHED.names} for row in vanished], VANISHED),
    }
    with querying(Store("/nowhere")) as connection:
        relations: dict[str, Any] = {name: connection.from_arrow(table) for name, table in tables.items()}
        _, stream = ledger.build_ledger(connection, RunTables(**relations), config)
        return pa.concat_tables([LEDGER.empty(), *stream]).combine_chunks()


def check_sums(table: pa.Table, videos: int, clips: int, samples: int) -> None:
    """`check_sums` of a ledger that is in memory."""
    with querying(Store("/nowhere")) as connection:
        ledger.check_sums(connection.from_arrow(table), videos, clips, samples)


def _table(contract: TableContract, names: Sequence[str], rows: Sequence[Row]) -> pa.Table:
    schema = pa.schema([contract.schema.field(name) for name in names])
    return pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], schema=schema)
