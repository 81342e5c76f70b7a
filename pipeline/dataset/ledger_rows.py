"""The states of videos, clips and samples, by queries over the tables of a run.

What the ledger (`ledger.py`) says of a sample is joined from its span, its caption's failure and the shard index; a
clip has what its samples have, and a video what its clips have. Intermediate rows are kept in temporary files.

    samples = sample_rows(connection, tables, placed_clips(connection, tables, listed_videos(connection, tables)))
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.bucket import Bucket
from schemas.outcome_tables import STATES

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_BUCKETS = pa.schema([("bucket", pa.string()), ("bucket_seconds", pa.float64())])
FAILURES = pa.schema(
    [("sample_id", pa.string()), ("stage", pa.string()), ("error", pa.string()), ("attempts", pa.int32())]
)
VANISHED = pa.schema([("id", pa.string()), ("source", pa.string()), ("state", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTables:
    """The tables of a run for DuckDB. `videos` are all listed objects, `planned` the rows of the sample spans.

    `failures` are the samples without a caption (`FAILURES`), `samples` those that were packed, `vanished` the sources
    that only earlier runs listed (`VANISHED`).
    """

    videos: "Relation"
    identical: "Relation"
    splits: "Relation"
    clips: "Relation"
    selection: "Relation"
    planned: "Relation"
    failures: "Relation"
    samples: "Relation"
    vanished: "Relation"


def caption_failures(planned: "Relation", frames: "Relation", captions: "Relation") -> "Relation":
    """The planned samples without a caption (`FAILURES`): no still was captioned, or its captions not summarised.

    `frames` are the rows of the frame captions, `captions` those of the captions of samples.
    """
    seen = planned.project("sample_id, unnest(list_transform(stills, lambda still: still.still_id)) AS still_id,"
                           " generate_subscripts(stills, 1) AS place")  # fmt: skip
    answers = seen.set_alias("seen").join(frames.set_alias("frame"), "seen.still_id = frame.still_id")
    said = answers.aggregate(
        "sample_id, bool_or(status = 'ok') AS captioned, arg_max_null(error, place) AS error,"
        " arg_max(attempts, place) AS attempts"
    )
    failed = captions.filter("status <> 'ok'").project("sample_id, error, attempts")
    joined = (
        planned.project("sample_id").set_alias("sample")
        .join(said.set_alias("said"), "sample.sample_id = said.sample_id", how="left")
        .join(failed.set_alias("summary"), "sample.sample_id = summary.sample_id", how="left")
    )  # fmt: skip
    summarised = "summary.sample_id IS NOT NULL"
    none = "said.sample_id IS NULL"
    return joined.filter(f"{summarised} OR {none} OR NOT captioned").project(
        f"sample.sample_id AS sample_id, CASE WHEN {summarised} THEN 'summarise' ELSE 'caption' END AS stage,"
        f" CASE WHEN {summarised} THEN summary.error WHEN {none} THEN 'no still of its clip could be made'"
        f" ELSE said.error END AS error,"
        f" CASE WHEN {summarised} THEN summary.attempts WHEN {none} THEN 1 ELSE said.attempts END AS attempts"
    )


def listed_videos(connection: "Connection", tables: RunTables) -> "Relation":
    """The listed objects with a number `v` each, the id that the ledger knows them by, and whether they have a time."""
    from pipeline.dataset.query import stored

    return stored(
        connection,
        tables.videos.project(
            "row_number() OVER () AS v, coalesce(nullif(video_id, ''), object_id) AS id, key AS source, status, error,"
            " attempts, kind = 'video' AND duration IS NOT NULL AS timed, start_time, duration, segments"
        ),
    )


def placed_clips(connection: "Connection", tables: RunTables, videos: "Relation") -> "Relation":
    """The clips with their video's number `v` and source."""
    from pipeline.dataset.query import stored

    joined = tables.clips.set_alias("clip").join(videos.set_alias("video"), "clip.video_id = video.id")
    return stored(
        connection,
        joined.project(
            "clip_id, video_id, v, source, timed, clip.start_time AS start_time, clip.end_time AS end_time,"
            " clip.duration AS duration"
        ),
    )


def sample_rows(connection: "Connection", tables: RunTables, clips: "Relation") -> "Relation":
    """Ledger rows of all planned samples, with `ordinal`, `bucket_seconds`, and whether they follow their clip's grid.

    `on_grid`: the span is the clip's stretch at that place, so that the samples of the clip leave out only its end.
    """
    from pipeline.dataset.query import stored

    names = [name for (name,) in tables.planned.project("bucket").distinct().fetchall()]
    buckets = {"bucket": names, "bucket_seconds": [Bucket.parse(name).seconds for name in names]}
    shapes = connection.from_arrow(pa.table(buckets, schema=_BUCKETS))
    joined = (
        tables.planned.set_alias("span")
        .join(shapes.set_alias("shape"), "span.bucket = shape.bucket")
        .join(clips.set_alias("clip"), "span.clip_id = clip.clip_id")
        .join(tables.failures.set_alias("failure"), "span.sample_id = failure.sample_id", how="left")
        .join(tables.samples.set_alias("packed"), "span.sample_id = packed.sample_id", how="left")
    )
    failed = "failure.sample_id IS NOT NULL"
    begin, end = (f"clip.start_time + (ordinal + {step})::DOUBLE * bucket_seconds" for step in (0, 1))
    rows = stored(
        connection,
        joined.project(
            f"""
            'sample' AS kind, span.sample_id AS id, span.clip_id AS parent, clip.source AS source,
            CASE WHEN {failed} OR packed.status = 'failed' THEN 'failed' ELSE 'shipped' END AS state,
            CASE WHEN {failed} THEN failure.stage WHEN packed.status = 'failed' THEN 'encode' ELSE 'pack' END AS stage,
            CASE WHEN {failed} THEN failure.error ELSE packed.error END AS reason,
            (CASE WHEN {failed} THEN failure.attempts ELSE packed.attempts END)::INTEGER AS attempts,
            span.start_time AS start_time, span.end_time AS end_time, span.end_time - span.start_time AS seconds,
            ordinal, span.bucket AS bucket, bucket_seconds,
            span.start_time = {begin} AND span.end_time = least(clip.end_time, {end})
                AND span.start_time <= span.end_time AS on_grid,
            NOT ({failed}) AND packed.sample_id IS NULL AS unpacked
            """
        ),
    )
    lost = rows.filter("unpacked").project("id").limit(1).fetchall()
    assert not lost, f"sample {lost[0][0]} was planned and captioned, but never packed"
    return rows


def clip_rows(connection: "Connection", tables: RunTables, clips: "Relation", samples: "Relation") -> "Relation":
    """Ledger rows of all clips, with `v`, and of the samples of each their number, last end and bucket (see above)."""
    from pipeline.dataset.query import stored

    of_clip = samples.aggregate(
        """
        parent, count(*) AS samples, max(end_time) AS last_end, min(bucket_seconds) AS bucket_seconds,
        arg_min(bucket, ordinal) AS bucket,
        bool_and(on_grid) AND max(ordinal) = count(*) - 1 AND sum(ordinal) * 2 = count(*) * (count(*) - 1)
            AND min(bucket) = max(bucket) AS on_grid,
        bool_or(state = 'shipped') AS shipped,
        arg_min_null(reason, ordinal) FILTER (WHERE state = 'shipped') AS shipped_reason,
        max(attempts) FILTER (WHERE state = 'shipped') AS shipped_attempts,
        arg_min_null(stage, ordinal) AS first_stage, arg_min_null(reason, ordinal) AS first_reason,
        max(attempts) AS most_attempts
        """
    )
    joined = (
        clips.set_alias("clip")
        .join(tables.selection.project("clip_id, state AS chosen, reason AS why").set_alias("selection"),
              "clip.clip_id = selection.clip_id")
        .join(of_clip.set_alias("samples"), "clip.clip_id = samples.parent", how="left")
    )  # fmt: skip

    def by_outcome(dropped: str, unplanned: str, shipped: str, failed: str) -> str:
        return (
            f"CASE WHEN chosen <> 'kept' THEN {dropped} WHEN samples IS NULL THEN {unplanned}"
            f" WHEN shipped THEN {shipped} ELSE {failed} END"
        )

    stage = "CASE WHEN chosen = 'failed' THEN 'score' ELSE 'select' END"
    return stored(
        connection,
        joined.project(
            f"""
            'clip' AS kind, clip.clip_id AS id, video_id AS parent, source,
            {by_outcome("chosen", "'failed'", "'shipped'", "'failed'")} AS state,
            {by_outcome(stage, "'pack'", "'pack'", "first_stage")} AS stage,
            {by_outcome("why", "'no sample was planned for it'", "shipped_reason", "first_reason")} AS reason,
            {by_outcome("1", "1", "shipped_attempts", "most_attempts")}::INTEGER AS attempts,
            start_time, end_time, end_time - start_time AS seconds, v,
            coalesce(samples, 0) AS samples, last_end, bucket, bucket_seconds, on_grid
            """
        ),
    )


def video_rows(
    connection: "Connection", tables: RunTables, videos: "Relation", clips: "Relation", timed: "Relation"
) -> "Relation":
    """Ledger rows of all listed objects and of those that vanished. `timed` has `v` with start, end and seconds."""
    from pipeline.dataset.query import stored

    place = " ".join(f"WHEN '{state}' THEN {index}" for index, state in enumerate(STATES))
    by_state = clips.aggregate(
        "v, state, count(*) AS clips, arg_min_null(stage, id) AS stage, arg_min_null(reason, id) AS reason"
    ).project(f"*, CASE state {place} END - clips * {len(STATES)} AS rank")
    outcome = by_state.aggregate(
        "v, bool_or(state = 'shipped') AS shipped, arg_min(state, rank) AS state, arg_min(stage, rank) AS stage,"
        " arg_min_null(reason, rank) AS reason"
    )
    joined = (
        videos.set_alias("video")
        .join(tables.identical.project("id, duplicate_of").set_alias("copy"), "video.id = copy.id", how="left")
        .join(tables.splits.set_alias("split"), "video.id = split.video_id", how="left")
        .join(outcome.set_alias("outcome"), "video.v = outcome.v", how="left")
        .join(timed.set_alias("timed"), "video.v = timed.v", how="left")
    )

    def by_case(unusable: str, copied: str, unsplit: str, empty: str, shipped: str, other: str) -> str:
        return (
            f"CASE WHEN video.status = 'failed' THEN {unusable} WHEN copy.id IS NOT NULL THEN {copied}"
            f" WHEN split.status = 'failed' THEN {unsplit} WHEN outcome.v IS NULL THEN {empty}"
            f" WHEN shipped THEN {shipped} ELSE {other} END"
        )

    copied = "'same bytes as ' || duplicate_of"
    known = "video.status = 'failed' OR copy.id IS NOT NULL OR split.video_id IS NOT NULL"
    rows = stored(
        connection,
        joined.project(
            f"""
            'video' AS kind, video.id AS id, NULL::VARCHAR AS parent, source,
            {by_case("'failed'", "'duplicate'", "'failed'", "'empty'", "'shipped'", "outcome.state")} AS state,
            {by_case("'ingest'", "'ingest'", "'split'", "'split'", "'pack'", "outcome.stage")} AS stage,
            {by_case("video.error", copied, "split.error", "split.reason", "NULL", "outcome.reason")} AS reason,
            {by_case("video.attempts", "1", "split.attempts", "split.attempts", "1", "1")}::INTEGER AS attempts,
            timed.start_time AS start_time, timed.end_time AS end_time, coalesce(timed.seconds, 0)::DOUBLE AS seconds,
            {known} AS known
            """
        ),
    )
    lost = rows.filter("NOT known").project("id").limit(1).fetchall()
    assert not lost, f"video {lost[0][0]} is usable, but was never split"
    gone = tables.vanished.project(
        "'video' AS kind, id, NULL::VARCHAR AS parent, source, 'vanished' AS state, 'ingest' AS stage, reason,"
        " 1::INTEGER AS attempts, NULL::DOUBLE AS start_time, NULL::DOUBLE AS end_time, 0::DOUBLE AS seconds,"
        " true AS known"
    )
    return rows.union(gone)
