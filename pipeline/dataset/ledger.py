"""The ledger: every video, clip and sample ends in exactly one state, and the sums add up.

A video is shipped if any of its clips is; otherwise it has the state and reason that most of its clips have. The same
holds for a kept clip and its samples; a sample is shipped, or its caption or its packing failed. Seconds are counted
beside the rows, and a lost span has a row of its own (`lost_spans.py`). The ledger is rebuilt from the tables on every
run, so it cannot drift from them. DuckDB joins the tables where they lie; no row of them becomes a Python object.

    just ledger <dataset>                 # the funnel
    just ledger <dataset> --state failed  # the rows in one state
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.ledger_rows import RunTables, clip_rows, listed_videos, placed_clips, sample_rows, video_rows
from pipeline.dataset.lost_spans import lost_spans
from pipeline.dataset.seconds import ROUNDING
from schemas.config import RunConfig
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER, STATES

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_DEFAULTS = RunConfig()
_SHOWN = 20
_COLUMNS = ", ".join(LEDGER.names)


def build_ledger(
    connection: "Connection", tables: RunTables, config: RunConfig = _DEFAULTS
) -> tuple["Relation", Iterator[pa.Table]]:
    """The ledger of one run from its tables: for queries while the connection lasts, and as a stream in its order.

    The order is that of kind, source and id. Raises `VerifyError` if it does not add up.
    """
    from pipeline.dataset.query import batches, stored

    videos = listed_videos(connection, tables)
    clips = placed_clips(connection, tables, videos)
    samples = sample_rows(connection, tables, clips)
    judged = clip_rows(connection, tables, clips, samples)
    timed, lost = lost_spans(connection, tables, videos, clips, judged, config)
    listed = video_rows(connection, tables, videos, judged, timed)
    ordered = [
        stored(connection, rows.project(_COLUMNS).order("source, id"))
        for rows in (judged, samples, lost, listed)  # in the order of their kinds' names
    ]
    whole = ordered[0]
    for rows in ordered[1:]:
        whole = whole.union(rows)
    counts = [
        relation.aggregate("count(*)").fetchall()[0][0] for relation in (tables.videos, tables.clips, tables.planned)
    ]
    vanished = tables.vanished.aggregate("count(*)").fetchall()[0][0]
    check_sums(whole, counts[0] + vanished, *counts[1:])
    return whole, (table.cast(LEDGER.schema) for rows in ordered for table in batches(rows))


def count_states(ledger: "Relation") -> dict[tuple[str, str], tuple[int, float]]:
    """Rows and seconds by kind and state."""
    groups = ledger.aggregate("kind, state, count(*) AS rows, fsum(seconds) AS seconds").fetchall()
    return {(kind, state): (rows, seconds) for kind, state, rows, seconds in groups}


def check_sums(ledger: "Relation", videos: int, clips: int, samples: int) -> None:
    """Raise `VerifyError` unless every object occurs once, in a known state, and the seconds add up."""
    states = {key: rows for key, (rows, _) in count_states(ledger).items()}
    wrong = []
    for kind, expected in {"video": videos, "clip": clips, "sample": samples}.items():
        count = sum(rows for (name, _), rows in states.items() if name == kind)
        if count != expected:
            wrong.append(f"{count} {kind} rows for {expected}")
    wrong += [f"state {state}" for state in sorted({state for _, state in states} - {*STATES})]
    count, told = _wrong_sums(ledger, _SHOWN)
    count += len(wrong)
    if count:
        more = f"; and {count - _SHOWN} more" if count > _SHOWN else ""
        raise VerifyError(f"the ledger does not add up: {'; '.join([*wrong, *told][:_SHOWN])}{more}")


def _wrong_sums(ledger: "Relation", limit: int) -> tuple[int, list[str]]:
    """How many rows' seconds differ from the sum of their children's, and the first of them in words.

    Usable rows have children.
    """
    inside = ledger.filter("parent IS NOT NULL").aggregate("parent AS id, sum(seconds) AS inside, count(*) AS parts")
    divided = (
        "(kind = 'video' AND state IN ('shipped', 'filtered', 'unbucketed', 'empty'))"
        " OR (kind = 'clip' AND state = 'shipped')"
    )
    parents = ledger.filter("kind IN ('video', 'clip')").project("kind, id, source, state, seconds").set_alias("row")
    joined = parents.join(inside.set_alias("parts_of"), "row.id = parts_of.id", how="left").project(
        f"kind, row.id AS id, source, seconds, coalesce(inside, 0) AS inside, coalesce(parts, 0) AS parts,"
        f" {divided} AS divided"
    )
    wrong = joined.filter(f"(parts > 0 OR divided) AND abs(seconds - inside) > {ROUNDING}::DOUBLE * (parts + 1)").order(
        "kind, source, id"
    )
    rows = wrong.limit(limit).fetchall()
    count = wrong.aggregate("count(*)").fetchall()[0][0] if len(rows) == limit else len(rows)
    return count, [
        f"{kind} {key} has {seconds:.2f} s, its parts have {inside:.2f} s" for kind, key, _, seconds, inside, *_ in rows
    ]
