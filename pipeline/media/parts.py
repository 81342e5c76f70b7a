"""Splits a video into parts: runs of frames without a jump in time or a change of format.

Where recordings were joined, or the size, the pixel aspect, the rotation or the colours change mid-stream, one part
ends and the next begins. No clip crosses such a boundary, and each part is measured with its own geometry.

    for part, frames in parts_of(decoder): ...
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.geometry import Geometry, geometry_of, orientation_of
from pipeline.media.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its number from 0, its geometry, and the reason it began, as text (`start` for the first)."""

    number: int
    geometry: Geometry
    cause: str


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A frame of a part, its index in the whole video, and the end of its display time in seconds."""

    part: Part
    index: int
    timed: TimedFrame
    end: float


def parts_of(decoder: Decoder) -> Iterator[tuple[Part, Iterator[ShownFrame]]]:
    """The parts of a video with their frames, in one sequential decode. Exhaust a part before taking the next."""
    return itertools.groupby(shown_frames(decoder), key=lambda frame: frame.part)


def shown_frames(decoder: Decoder) -> Iterator[ShownFrame]:
    """All frames of a video with their parts. Raises `MediaError` where a frame has an impossible pixel aspect."""
    timeline = decoder.timeline
    frames = decoder.frames()
    current = next(frames, None)
    if current is None:
        return
    index, part, kind = 0, Part(0, geometry_of(current.frame, current.aspect), "start"), _kind_of(current, timeline)
    for timed in frames:
        yield ShownFrame(part, index, current, _end_of(current, timed, timeline))
        before, kind = kind, _kind_of(timed, timeline)
        if kind != before:
            cause = _describe_change(current, timed, timeline)
            part = Part(part.number + 1, geometry_of(timed.frame, timed.aspect), cause)
        current, index = timed, index + 1
    yield ShownFrame(part, index, current, _end_of(current, None, timeline))


def _kind_of(timed: TimedFrame, timeline: Timeline) -> tuple[object, ...]:
    """What must not change within a part."""
    frame = timed.frame
    return (
        timeline.segment_at(timed.time), frame.width, frame.height, timed.aspect, orientation_of(frame),
        frame.format.name, int(frame.colorspace), int(frame.color_range), int(frame.color_trc),
        int(frame.color_primaries),
    )  # fmt: skip


def _end_of(timed: TimedFrame, following: TimedFrame | None, timeline: Timeline) -> float:
    """The end of a frame's display time: the next frame's time, or one usual interval where none follows directly."""
    segment = timeline.segment_at(timed.time)
    if following is not None and timeline.segment_at(following.time) == segment:
        return following.time
    end = timeline.segments[segment].end
    return end if timed.time < end < timed.time + 2 * timeline.interval else timed.time + timeline.interval


def _describe_change(before: TimedFrame, after: TimedFrame, timeline: Timeline) -> str:
    changes: list[str] = []
    old, new = (timeline.segments[timeline.segment_at(timed.time)] for timed in (before, after))
    if old.first_packet != new.first_packet:
        changes.append("the stamps jump back: another recording begins")
    elif old != new:
        changes.append(f"no frame for {new.start - old.end:.1f} s")
    sizes = [f"{timed.frame.width}x{timed.frame.height}" for timed in (before, after)]
    if sizes[0] != sizes[1]:
        changes.append(f"the frame size changes from {sizes[0]} to {sizes[1]}")
    if before.aspect != after.aspect:
        changes.append(f"the pixel aspect changes from {before.aspect:g} to {after.aspect:g}")
    return "; ".join(changes) or "the orientation or the colours of the frames change"
