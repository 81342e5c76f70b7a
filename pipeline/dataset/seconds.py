"""Seconds for the ledger: how much footage stands behind each row, and a row with its reason for every lost span.

The seconds of a film are those of its clips and of the spans that no clip holds; the seconds of a clip that gave
samples are those of its samples and of the spans that no sample holds. Lost spans are worked out from times alone: from
the film's timeline, the parts that could be decoded, where shots begin, and what is held.

    just ledger <dataset> --kind span          # every lost span
    just explain <dataset> <key of a film>     # a film from its first second to its last
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.stage import Row
from schemas.bucket import Bucket
from schemas.config import RunConfig

ROUNDING = 0.01
"""Seconds: a shorter span is the rounding of time stamps and gets no row."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """What there is to account for: tables of a run by id. `planned` are the rows of the sample spans."""

    videos: Mapping[str, Row]
    splits: Mapping[str, Row]
    clips: Mapping[str, Row]
    planned: Mapping[str, Row]
    config: RunConfig


@dataclass(frozen=True, slots=True)
class _Lost:
    span: Interval
    state: str
    stage: str
    reason: str


def account(rows: Iterable[Row], footage: Footage) -> list[Row]:
    """Ledger rows of videos, clips and samples with their times, seconds and parents, and a row per lost span."""
    listed = list(rows)
    clips_of: dict[str, list[Row]] = defaultdict(list)
    for clip in footage.clips.values():
        clips_of[clip["video_id"]].append(clip)
    films = {key: film_of(video, footage.splits.get(key), clips_of[key]) for key, video in footage.videos.items()}
    planned_of: dict[str, list[Row]] = defaultdict(list)
    for span in footage.planned.values():
        planned_of[span["clip_id"]].append(span)
    found = []
    for row in listed:
        key = row["id"]
        found.append(_timed(row, footage, films))
        if row["kind"] == "video" and films.get(key) and _is_split(footage.splits.get(key)):
            lost = lost_of_film(films[key], footage.splits[key], clips_of[key], footage.config)
        elif row["kind"] == "clip" and planned_of[key]:
            lost = lost_of_clip(footage.clips[key], planned_of[key], footage.config)
        else:
            continue
        found += [_span_row(row, one) for one in lost]
    return found


def film_of(video: Row, split: Row | None, clips: Sequence[Row]) -> list[Interval]:
    """The stretches of time that are film, in order; none for a picture and for what could not be read."""
    if video["kind"] != "video" or video["duration"] is None:
        return []
    segments = [(one["start"], one["end"]) for one in video["segments"] or ()]
    whole = segments or [(video["start_time"], video["start_time"] + video["duration"])]
    parts = [(one["start_time"], one["end_time"]) for one in (split or {}).get("parts") or ()]
    return _union([*whole, *parts, *map(_span, clips)])


def lost_of_film(film: Sequence[Interval], split: Row, clips: Sequence[Row], config: RunConfig) -> list[_Lost]:
    """The spans of a film that no clip holds, cut where shots and parts begin, each with its reason."""
    parts = [(one["start_time"], one["end_time"]) for one in split["parts"] or ()]
    begins = [film[0][0], *(start for start, _ in parts), *split["boundaries"]]
    held = {clip["end_time"]: clip for clip in clips}
    pieces = _cut(_minus(film, _union(map(_span, clips))), [*begins, *(end for _, end in parts)])
    return [
        _Lost(piece, *_why_no_clip(piece, parts, begins, held, config))
        for piece in pieces
        if piece[1] - piece[0] >= ROUNDING
    ]


def _why_no_clip(
    piece: Interval, parts: Sequence[Interval], begins: Sequence[float], held: Mapping[float, Row], config: RunConfig
) -> tuple[str, str, str]:
    start, end = piece
    middle, minimum = (start + end) / 2, config.split.min_seconds
    if parts and not any(first <= middle < last for first, last in parts):
        return "failed", "split", "no frame of it can be decoded"
    if any(abs(start - begin) < ROUNDING for begin in begins):
        if end - start < minimum:
            return "empty", "split", f"shot shorter than split.min_seconds = {minimum:g}"
        return "empty", "split", f"shot shorter than split.min_seconds = {minimum:g}, with the transition after it"
    before = next((clip for at, clip in held.items() if abs(at - start) < ROUNDING), None)
    if before is not None and before["duration"] >= config.split.max_seconds - ROUNDING:
        return "empty", "split", f"rest of a frame that stays beyond split.max_seconds = {config.split.max_seconds:g}"
    return "empty", "split", "transition between two shots"


def lost_of_clip(clip: Row, planned: Sequence[Row], config: RunConfig) -> list[_Lost]:
    """The spans of a clip that no sample shows; `planned` are its samples' spans."""
    bucket = Bucket.parse(planned[0]["bucket"])
    most = config.pack.max_samples_per_clip
    lost = []
    for piece in _minus([_span(clip)], _union(map(_span, planned))):
        seconds = piece[1] - piece[0]
        if seconds >= ROUNDING:
            full = len(planned) == most and seconds >= bucket.seconds - ROUNDING
            reason = (
                f"beyond pack.max_samples_per_clip = {most}"
                if full
                else f"rest of a clip, shorter than a sample of {bucket} ({bucket.seconds:.2f} s)"
            )
            lost.append(_Lost(piece, "unbucketed", "pack", reason))
    return lost


def wrong_sums(rows: Sequence[Row]) -> list[str]:
    """What does not add up: a row's seconds are those of its parts, and what is usable has parts."""
    inside: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["parent"] is not None:
            inside[row["parent"]].append(row["seconds"])
    wrong = []
    for row in rows:
        parts = inside.get(row["id"], [])
        divided = row["kind"] == "video" and row["state"] in ("shipped", "filtered", "unbucketed", "empty")
        divided = divided or (row["kind"] == "clip" and row["state"] == "shipped")
        if (parts or divided) and abs(row["seconds"] - sum(parts)) > ROUNDING * (len(parts) + 1):
            wrong.append(f"{row['kind']} {row['id']} has {row['seconds']:.2f} s, its parts have {sum(parts):.2f} s")
    return wrong


def _is_split(split: Row | None) -> bool:
    return split is not None and split["status"] == "ok"


def _timed(row: Row, footage: Footage, films: Mapping[str, Sequence[Interval]]) -> Row:
    parent: str | None = None
    pieces: Sequence[Interval] = films.get(row["id"], ()) if row["kind"] == "video" else ()
    if row["kind"] == "clip":
        clip = footage.clips[row["id"]]
        parent, pieces = clip["video_id"], [_span(clip)]
    elif row["kind"] == "sample" and row["id"] in footage.planned:
        planned = footage.planned[row["id"]]
        parent, pieces = planned["clip_id"], [_span(planned)]
    return {
        **row,
        "parent": parent,
        "start_time": pieces[0][0] if pieces else None,
        "end_time": pieces[-1][1] if pieces else None,
        "seconds": sum(end - start for start, end in pieces),
    }


def _span_row(parent: Row, lost: _Lost) -> Row:
    start, end = lost.span
    return {
        "kind": "span",
        "id": f"{parent['id']}-lost-{round(start * 1000)}-{round(end * 1000)}",
        "source": parent["source"],
        "state": lost.state,
        "stage": lost.stage,
        "reason": lost.reason,
        "attempts": 1,
        "parent": parent["id"],
        "start_time": start,
        "end_time": end,
        "seconds": end - start,
    }


def _span(row: Row) -> Interval:
    return row["start_time"], row["end_time"]


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times as intervals that do not touch, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _minus(whole: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """What is left of `whole`; both are unions."""
    left = []
    for start, end in whole:
        at = start
        for first, last in taken:
            if last > at and first < end:
                if first > at:
                    left.append((at, first))
                at = last
        if at < end:
            left.append((at, end))
    return left


def _cut(intervals: Iterable[Interval], times: Sequence[float]) -> list[Interval]:
    """The intervals cut at these times."""
    pieces: list[Interval] = []
    for start, end in intervals:
        edges = [start, *sorted(time for time in set(times) if start < time < end), end]
        pieces += itertools.pairwise(edges)
    return pieces
