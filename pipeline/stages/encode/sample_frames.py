"""Reads the frames of a sample, and verifies that they are the ones that were captioned.

Frame k is the one whose time is nearest to `start + k / fps`, among those of the clip. During decoding, every still
that the caption was made from is compared with its signature. If one differs, or a frame is missing, the video is
decoded again from its beginning, which is correct even where a decoder that starts in the middle is not; if a still
differs again, the sample fails: a caption must not ship with other frames.

    frames, decoded = read_frames(row, bucket, geometry, framing)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import av

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import frame_signature, signatures_differ
from pipeline.media.standard import StandardFrames
from pipeline.media.timeline import EPSILON
from pipeline.media.tracks import track_of
from pipeline.stage import Row
from pipeline.stages.encode.framing import Framing
from schemas.bucket import TIME_TOLERANCE, Bucket
from schemas.errors import MediaError


@dataclass(slots=True)
class _Reading:
    """One attempt: the frames taken so far, and the times of stills whose signature matched (`same`)."""

    frames: list[av.VideoFrame] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    last: TimedFrame | None = None


def read_frames(row: Row, bucket: Bucket, geometry: Geometry, framing: Framing) -> tuple[list[av.VideoFrame], int]:
    """The sample's frames in shipped format (yuv420p, bucket size), and the number of source frames decoded.

    Raises `MediaError` if the source does not yield all frames, or if they are not those that were captioned.
    """
    targets = [row["start_time"] + index / bucket.fps for index in range(bucket.frames)]
    times = [still["time"] for still in row["stills"]]
    span = (min([targets[0], *times]), row["clip_end"], row["clip_start"])
    last_still = max(times, default=targets[-1])
    with Decoder(row["uri"], track_of(row)) as decoder:
        for frames in (decoder.span(*span), decoder.span_from_beginning(*span)):
            standard, converter = StandardFrames(geometry, framing.scaled, framing.window), RgbConverter(geometry)
            reading = _read(frames, targets, last_still, row, standard, converter)
            _hold_last(reading, targets, row["clip_end"], 0.5 / bucket.fps, standard)
            if len(reading.frames) == len(targets) and len(reading.same) == len(times):
                return reading.frames, decoder.decoded_frames
    if len(reading.frames) < len(targets):
        raise MediaError(f"the source gave {len(reading.frames)} of the {len(targets)} frames of this sample")
    raise MediaError(_describe_difference(times, reading.same))


def _read(
    frames: Iterable[TimedFrame],
    targets: Sequence[float],
    last_still: float,
    row: Row,
    standard: StandardFrames,
    converter: RgbConverter,
) -> _Reading:
    reading = _Reading()
    for timed in frames:
        while (
            reading.last is not None
            and len(reading.frames) < len(targets)
            and _is_nearer(reading.last.time, timed.time, targets[len(reading.frames)])
        ):
            reading.frames.append(standard.make(reading.last.frame))
        reading.last = timed
        if len(reading.frames) == len(targets) and timed.time > last_still + EPSILON:
            break
        for still in row["stills"]:
            if abs(still["time"] - timed.time) <= EPSILON:
                signature = frame_signature(timed.frame, converter)
                if not signatures_differ(still["signature"], signature):
                    reading.same.append(still["time"])
    return reading


def _hold_last(
    reading: _Reading, targets: Sequence[float], clip_end: float, half_interval: float, standard: StandardFrames
) -> None:
    """Repeat the last frame: it is displayed until the clip ends, and may serve a time half a bucket frame away."""
    if reading.last is None:
        return
    reach = max(clip_end, reading.last.time + half_interval + TIME_TOLERANCE + EPSILON)
    while len(reading.frames) < len(targets) and targets[len(reading.frames)] < reach:
        reading.frames.append(standard.make(reading.last.frame))


def _is_nearer(earlier: float, later: float, target: float) -> bool:
    return abs(earlier - target) <= abs(later - target)


def _describe_difference(times: Sequence[float], same: Sequence[float]) -> str:
    different = [f"{time:.2f} s" for time in times if time not in same]
    return (
        f"its frames are not those that were captioned: {len(different)} of {len(times)} stills differ "
        f"(at {', '.join(different[:3])}{' ...' if len(different) > 3 else ''})"
    )
