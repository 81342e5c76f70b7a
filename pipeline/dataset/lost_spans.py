"""The spans of video that no sample shows, each with its reason, by queries over the tables of a run.

The recorded time of a video is the union of its segments, of the parts that could be decoded, and of its clips. What no
clip covers of it is lost in split, what no sample covers of a clip is lost in pack. Reasons come from times alone: the
shot boundaries, the parts, and the clip before (`seconds.py` says which is which). The queries handle clips that follow
one another; the rare video in which clips overlap or end within a frame of each other, or that has thousands of shots,
goes through the functions of `seconds.py`, which look at every pair.

    timed, lost = lost_spans(connection, tables, videos, clips, judged, config)
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.ledger_rows import RunTables
from pipeline.dataset.seconds import (
    ROUNDING,
    Reasons,
    lost_of_clip,
    lost_of_video,
    recorded_intervals,
    span_row,
)
from pipeline.stage import Row
from schemas.config import RunConfig
from schemas.outcome_tables import LEDGER

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_ODD_AT_ONCE = 500
_MOST_BOUNDARIES = 2000
# Two ends may both be near a time (within ROUNDING) only if they are less than this apart.
_APART = f"{2 * ROUNDING}::DOUBLE"
_NEAR = f"{ROUNDING}::DOUBLE"


def lost_spans(
    connection: "Connection",
    tables: RunTables,
    videos: "Relation",
    clips: "Relation",
    judged: "Relation",
    config: RunConfig,
) -> tuple["Relation", "Relation"]:
    """The recorded time of each video (`v`, `start_time`, `end_time`, `seconds`), and ledger rows of all lost spans."""
    from pipeline.dataset.query import spooled, stored

    splits = stored(
        connection,
        tables.splits.set_alias("split")
        .join(videos.filter("timed").project("v, id").set_alias("video"), "split.video_id = video.id")
        .project(
            "v, video_id, status = 'ok' AS usable, coalesce(boundaries, []) AS boundaries, coalesce(parts, []) AS parts"
        ),
    )
    placed = stored(connection, _placed(_intervals(videos, splits, clips)))
    islands = stored(connection, _islands(placed))
    odd = stored(connection, _odd_videos(placed, islands, splits))
    times = _times(islands)
    pieces = _gaps(placed, islands).join(odd, "v", how="anti")
    of_videos = _lost_of_videos(pieces, splits, videos, times, config)
    divided = judged.filter("samples > 0")
    of_clips = _lost_of_clips(divided.filter("on_grid"), config)
    rare = chain(
        _of_odd_videos(videos, splits.join(odd, "v", how="semi"), clips, config),
        _of_odd_clips(tables, divided.filter("NOT on_grid"), config),
    )
    lost = spooled(connection, LEDGER.schema, rare).union(of_videos).union(of_clips)
    return times, lost


def _intervals(videos: "Relation", splits: "Relation", clips: "Relation") -> "Relation":
    """All intervals that make up the recorded time, as (v, first, last, is_clip, duration)."""
    timed = videos.filter("timed")
    segments = (
        timed.filter("len(segments) > 0")
        .project("v, unnest(segments) AS part")
        .project('v, part.start AS first, part."end" AS last')
    )
    whole = timed.filter("coalesce(len(segments), 0) = 0").project(
        "v, start_time AS first, start_time + duration AS last"
    )
    parts = splits.project("v, unnest(parts) AS part").project("v, part.start_time AS first, part.end_time AS last")
    others = segments.union(whole).union(parts).project("v, first, last, false AS is_clip, NULL::DOUBLE AS duration")
    return others.union(
        clips.filter("timed").project("v, start_time AS first, end_time AS last, true AS is_clip, duration")
    )


def _placed(intervals: "Relation") -> "Relation":
    """The intervals with their island, and the clip before: where it ends (`clip_end`) and how long it is."""
    before = "OVER (PARTITION BY v ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    upto = "OVER (PARTITION BY v ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    with_before = intervals.project(
        f"v, first, last, is_clip, duration, max(last) {before} AS reached,"
        f" max(CASE WHEN is_clip THEN last END) {before} AS clip_end,"
        f" last_value(CASE WHEN is_clip THEN duration END IGNORE NULLS) {before} AS clip_seconds"
    ).project("*, reached IS NULL OR first > reached AS begins")
    return with_before.project(
        f"*, sum(begins::INTEGER) {upto} AS island,"
        f" last_value(CASE WHEN begins THEN first END IGNORE NULLS) {upto} AS island_first"
    )


def _islands(placed: "Relation") -> "Relation":
    """The recorded intervals of each video: disjoint, with the last clip in each."""
    return placed.aggregate(
        "v, island, min(first) AS first, max(last) AS last, max(last) FILTER (WHERE is_clip) AS clip_end,"
        " arg_max(duration, last) FILTER (WHERE is_clip) AS clip_seconds,"
        " bool_or(begins AND first - reached < " + _APART + ") AS is_near"
    )


def _times(islands: "Relation") -> "Relation":
    """Start, end and seconds of each video; seconds are added up in the order of time."""
    per_video = islands.aggregate("v, min(first) AS start_time, max(last) AS end_time, count(*) AS count").set_alias(
        "video"
    )
    several = (
        islands.aggregate("v, count(*) AS count, list(last - first ORDER BY first) AS lengths")
        .filter("count > 1")
        .project("v, list_reduce(lengths, lambda total, more: total + more) AS seconds")
        .set_alias("sum")
    )
    return per_video.join(several, "video.v = sum.v", how="left").project(
        "video.v AS v, start_time, end_time, coalesce(seconds, end_time - start_time) AS seconds"
    )


def _odd_videos(placed: "Relation", islands: "Relation", splits: "Relation") -> "Relation":
    """The videos whose lost spans need a look at every pair of times."""
    crossing = placed.filter(f"is_clip AND (first < clip_end OR last - clip_end < {_APART} OR last - first < {_APART})")
    near = islands.filter("is_near")
    many = splits.filter(f"len(boundaries) > {_MOST_BOUNDARIES}")
    return crossing.project("v").union(near.project("v")).union(many.project("v")).distinct()


def _gaps(placed: "Relation", islands: "Relation") -> "Relation":
    """What no clip covers of the recorded time: (v, first, last), with the end and length of the clip before."""
    in_island = "clip_end >= island_first"
    between = placed.filter("is_clip").project(
        f"v, CASE WHEN {in_island} THEN clip_end ELSE island_first END AS first, first AS last, clip_end, clip_seconds"
    )
    after = islands.project("v, coalesce(clip_end, first) AS first, last, clip_end, clip_seconds")
    return between.union(after).filter("first < last")


def _lost_of_videos(
    pieces: "Relation", splits: "Relation", videos: "Relation", times: "Relation", config: RunConfig
) -> "Relation":
    known = (
        splits.filter("usable")
        .set_alias("split")
        .join(videos.set_alias("video"), "split.v = video.v")
        .join(times.set_alias("times"), "split.v = times.v")
        .project(
            "split.v AS v, id, source, parts, list_concat([times.start_time], boundaries,"
            " list_transform(parts, lambda part: part.start_time)) AS begins"
        )
    )
    edges = "list_concat(begins, list_transform(parts, lambda part: part.end_time))"
    inside = f"list_sort(list_distinct(list_filter({edges}, lambda time: time > first AND time < last)))"
    cut = pieces.set_alias("piece").join(known.set_alias("known"), "piece.v = known.v")
    each = cut.project(
        f"id, source, parts, begins, clip_end, clip_seconds, list_concat([first], {inside}, [last]) AS edges"
    )
    spans = each.project("*, unnest(range(1, len(edges))) AS place").project(
        "id AS parent, source, parts, begins, clip_end, clip_seconds, edges[place] AS first, edges[place + 1] AS last"
    )
    return _span_rows(spans, _why_no_clip(config))


def _why_no_clip(config: RunConfig) -> tuple[str, str, str]:
    """SQL for state, stage and reason of a lost span, as `seconds.py` tells them."""
    from pipeline.dataset.query import text

    reasons = Reasons(config)
    in_a_part = "len(list_filter(parts, lambda part: part.start_time <= center AND center < part.end_time)) > 0"
    undecodable = f"len(parts) > 0 AND NOT ({in_a_part.replace('center', '((first + last) / 2)')})"
    begins = f"len(list_filter(begins, lambda time: abs(first - time) < {_NEAR})) > 0"
    is_long = f"clip_seconds >= {config.split.max_seconds - ROUNDING!r}::DOUBLE"
    reason = (
        f"CASE WHEN {undecodable} THEN {text(reasons.undecodable)}"
        f" WHEN {begins} AND last - first < {config.split.min_seconds!r}::DOUBLE THEN {text(reasons.short)}"
        f" WHEN {begins} THEN {text(reasons.short_with_transition)}"
        f" WHEN abs(clip_end - first) < {_NEAR} AND {is_long} THEN {text(reasons.rest_of_frame)}"
        f" ELSE {text(reasons.transition)} END"
    )
    return f"CASE WHEN {undecodable} THEN 'failed' ELSE 'empty' END", "'split'", reason


def _lost_of_clips(clips: "Relation", config: RunConfig) -> "Relation":
    """What the samples of clips leave out at their end."""
    from pipeline.dataset.query import text

    most = config.pack.max_samples_per_clip
    reasons = Reasons(config)
    full = f"samples = {most} AND last - first >= bucket_seconds - {_NEAR}"
    rest = f"printf({text(reasons.REST)}, bucket, bucket_seconds)"
    spans = clips.project("id AS parent, source, last_end AS first, end_time AS last, samples, bucket, bucket_seconds")
    reason = f"CASE WHEN {full} THEN {text(reasons.beyond)} ELSE {rest} END"
    return _span_rows(spans, ("'unbucketed'", "'pack'", reason))


def _span_rows(spans: "Relation", outcome: tuple[str, str, str]) -> "Relation":
    """Ledger rows of spans with `parent`, `source`, `first` and `last`."""
    state, stage, reason = outcome
    first, last = (f"round_even({name} * 1000, 0)::BIGINT" for name in ("first", "last"))
    return spans.filter(f"last - first >= {_NEAR}").project(
        f"""
        'span' AS kind, parent || '-lost-' || {first} || '-' || {last} AS id, parent, source, {state} AS state,
        {stage} AS stage, {reason} AS reason, 1::INTEGER AS attempts, first AS start_time, last AS end_time,
        last - first AS seconds
        """
    )


def _of_odd_videos(videos: "Relation", splits: "Relation", clips: "Relation", config: RunConfig) -> Iterator[pa.Table]:
    odd = [v for (v,) in splits.project("v").order("v").fetchall()]
    for at in range(0, len(odd), _ODD_AT_ONCE):
        numbers = ", ".join(map(str, odd[at : at + _ODD_AT_ONCE]))
        listed, divided, cut = (
            relation.filter(f"v IN ({numbers})").to_arrow_table()
            for relation in (videos, splits, clips.order("clip_id"))
        )
        split_of = {row["v"]: row for row in divided.to_pylist()}
        clips_of: dict[int, list[Row]] = defaultdict(list)
        for clip in cut.to_pylist():
            clips_of[clip["v"]].append(clip)
        rows = []
        for video in listed.to_pylist():
            split, own = split_of[video["v"]], clips_of[video["v"]]
            if split["usable"]:
                recorded = recorded_intervals({**video, "kind": "video"}, split, own)
                rows += [span_row(video, span) for span in lost_of_video(recorded, split, own, config)]
        yield pa.Table.from_pylist(rows, LEDGER.schema)


def _of_odd_clips(tables: RunTables, clips: "Relation", config: RunConfig) -> Iterator[pa.Table]:
    from pipeline.dataset.query import text

    odd = clips.project("id, source, start_time, end_time").order("id").to_arrow_table()
    for at in range(0, len(odd), _ODD_AT_ONCE):
        some = odd.slice(at, _ODD_AT_ONCE)
        quoted = ", ".join(text(key) for key in some["id"].to_pylist())
        planned_of: dict[str, list[Row]] = defaultdict(list)
        planned = tables.planned.filter(f"clip_id IN ({quoted})").order("clip_id, ordinal")
        for span in planned.project("clip_id, bucket, start_time, end_time").to_arrow_table().to_pylist():
            planned_of[span["clip_id"]].append(span)
        rows = [
            span_row(clip, span)
            for clip in some.to_pylist()
            for span in lost_of_clip(clip, planned_of[clip["id"]], config)
        ]
        yield pa.Table.from_pylist(rows, LEDGER.schema)
