"""Seconds for the ledger: the duration behind each row, and a row with its reason for every lost span.

The seconds of a video are those of its clips and of the spans outside all clips; the seconds of a clip with samples are
those of its samples and of the spans outside all samples. Lost spans are derived from times alone: the video's
timeline, the parts that could be decoded, the shot boundaries, and the clips or samples.

    just ledger <dataset> --kind span          # every lost span
    just explain <dataset> <key of a video>    # a video from its first second to its last
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.stage import Row
from schemas.bucket import Bucket
from schemas.config import RunConfig

ROUNDING = 0.01
"""Seconds: a shorter span is rounding of timestamps and gets no row."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class LostSpan:
    """A span (seconds) that is lost, with the state, the stage and the reason of its ledger row."""

    span: Interval
    state: str
    stage: str
    reason: str


class Reasons:
    """Why spans are lost under a configuration, in the words of the ledger."""

    undecodable = "no frame of it can be decoded"
    transition = "transition between two shots"
    REST = "rest of a clip, shorter than a sample of %s (%.2f s)"

    def __init__(self, config: RunConfig) -> None:
        self.short = f"shot shorter than split.min_seconds = {config.split.min_seconds:g}"
        self.short_with_transition = f"{self.short}, with the transition after it"
        most = config.split.max_seconds
        self.rest_of_frame = f"rest of a frame that stays beyond split.max_seconds = {most:g}"
        self.beyond = f"beyond pack.max_samples_per_clip = {config.pack.max_samples_per_clip}"


def recorded_intervals(video: Row, split: Row | None, clips: Sequence[Row]) -> list[Interval]:
    """The intervals of time in which a video has frames, in order; none for an image or an unreadable file."""
    if video["kind"] != "video" or video["duration"] is None:
        return []
    segments = [(segment["start"], segment["end"]) for segment in video["segments"] or ()]
    recorded = segments or [(video["start_time"], video["start_time"] + video["duration"])]
    parts = [(part["start_time"], part["end_time"]) for part in (split or {}).get("parts") or ()]
    return union([*recorded, *parts, *map(_span, clips)])


def lost_of_video(video: Sequence[Interval], split: Row, clips: Sequence[Row], config: RunConfig) -> list[LostSpan]:
    """The spans of a video outside all clips, cut where shots and parts begin, each with its reason."""
    parts = [(part["start_time"], part["end_time"]) for part in split["parts"] or ()]
    begins = [video[0][0], *(start for start, _ in parts), *split["boundaries"]]
    clip_at_end = {clip["end_time"]: clip for clip in clips}
    pieces = cut(minus(video, union(map(_span, clips))), [*begins, *(end for _, end in parts)])
    return [
        LostSpan(piece, *_why_no_clip(piece, parts, begins, clip_at_end, config))
        for piece in pieces
        if piece[1] - piece[0] >= ROUNDING
    ]


def _why_no_clip(
    piece: Interval,
    parts: Sequence[Interval],
    begins: Sequence[float],
    clip_at_end: Mapping[float, Row],
    config: RunConfig,
) -> tuple[str, str, str]:
    start, end = piece
    center, reasons = (start + end) / 2, Reasons(config)
    if parts and not any(first <= center < last for first, last in parts):
        return "failed", "split", reasons.undecodable
    if any(abs(start - begin) < ROUNDING for begin in begins):
        is_short = end - start < config.split.min_seconds
        return "empty", "split", reasons.short if is_short else reasons.short_with_transition
    before = next((clip for at, clip in clip_at_end.items() if abs(at - start) < ROUNDING), None)
    if before is not None and before["duration"] >= config.split.max_seconds - ROUNDING:
        return "empty", "split", reasons.rest_of_frame
    return "empty", "split", reasons.transition


def lost_of_clip(clip: Row, planned: Sequence[Row], config: RunConfig) -> list[LostSpan]:
    """The spans of a clip outside all samples; `planned` are its samples' spans."""
    bucket = Bucket.parse(planned[0]["bucket"])
    most = config.pack.max_samples_per_clip
    lost = []
    for piece in minus([_span(clip)], union(map(_span, planned))):
        seconds = piece[1] - piece[0]
        if seconds >= ROUNDING:
            full = len(planned) == most and seconds >= bucket.seconds - ROUNDING
            reason = Reasons(config).beyond if full else Reasons.REST % (bucket, bucket.seconds)
            lost.append(LostSpan(piece, "unbucketed", "pack", reason))
    return lost


def span_row(parent: Row, lost: LostSpan) -> Row:
    """The ledger row of a lost span of `parent`, which has an id and a source."""
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


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals: sorted and disjoint."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def minus(intervals: Sequence[Interval], removed: Sequence[Interval]) -> list[Interval]:
    """`intervals` without `removed`; both must be sorted and disjoint."""
    left = []
    for start, end in intervals:
        at = start
        for first, last in removed:
            if last > at and first < end:
                if first > at:
                    left.append((at, first))
                at = last
        if at < end:
            left.append((at, end))
    return left


def cut(intervals: Iterable[Interval], times: Sequence[float]) -> list[Interval]:
    """The intervals, cut at these times (seconds)."""
    pieces: list[Interval] = []
    for start, end in intervals:
        edges = [start, *sorted(time for time in set(times) if start < time < end), end]
        pieces += itertools.pairwise(edges)
    return pieces
