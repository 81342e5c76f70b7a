"""The frames of a sample, and the proof that they are the pictures that were captioned.

Frame k is the one whose time is nearest to `start + k / fps`, among those of the clip. While they are decoded, every
still that the caption was made of comes by once more and is held against its signature. If one differs, or a frame is
missing, the film is decoded again from its beginning, which is right also where a decoder that starts in the middle is
not; if it still differs, the sample fails: other pictures must not ship under these words.

    python -m pytest tests/pipeline/stages/pack/test_sample_frames.py
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import av

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.geometry import Geometry
from pipeline.media.picture import PictureMaker
from pipeline.media.signature import frame_signature, signatures_differ
from pipeline.media.standard import StandardFrames
from pipeline.media.timeline import EPSILON
from pipeline.media.tracks import track_of
from pipeline.stage import Row
from pipeline.stages.pack.framing import Framing
from schemas.bucket import TIME_TOLERANCE, Bucket
from schemas.errors import MediaError


@dataclass(slots=True)
class _Reading:
    """One attempt: the frames that were taken, and the times of stills that were seen as they should be."""

    frames: list[av.VideoFrame] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    last: TimedFrame | None = None


def read_frames(row: Row, bucket: Bucket, geometry: Geometry, framing: Framing) -> tuple[list[av.VideoFrame], int]:
    """The sample's frames, as they ship, and how many source frames were decoded for them.

    Raises `MediaError` if the source does not give all frames, or if they are not those that were captioned.
    """
    wanted = [row["start_time"] + index / bucket.fps for index in range(bucket.frames)]
    times = [still["time"] for still in row["stills"]]
    span = (min([wanted[0], *times]), row["clip_end"], row["clip_start"])
    last_still = max(times, default=wanted[-1])
    with Decoder(row["uri"], track_of(row)) as decoder:
        for frames in (decoder.span(*span), decoder.span_from_beginning(*span)):
            standard, pictures = StandardFrames(geometry, framing.scaled, framing.window), PictureMaker(geometry)
            reading = _read(frames, wanted, last_still, row, standard, pictures)
            _hold_last(reading, wanted, row["clip_end"], 0.5 / bucket.fps, standard)
            if len(reading.frames) == len(wanted) and len(reading.same) == len(times):
                return reading.frames, decoder.decoded_frames
    if len(reading.frames) < len(wanted):
        raise MediaError(f"the source gave {len(reading.frames)} of the {len(wanted)} frames of this sample")
    raise MediaError(_describe_difference(times, reading.same))


def _read(
    frames: Iterable[TimedFrame],
    wanted: Sequence[float],
    last_still: float,
    row: Row,
    standard: StandardFrames,
    pictures: PictureMaker,
) -> _Reading:
    reading = _Reading()
    for timed in frames:
        while (
            reading.last is not None
            and len(reading.frames) < len(wanted)
            and _is_nearer(reading.last.time, timed.time, wanted[len(reading.frames)])
        ):
            reading.frames.append(standard.make(reading.last.frame))
        reading.last = timed
        if len(reading.frames) == len(wanted) and timed.time > last_still + EPSILON:
            break
        for still in row["stills"]:
            if abs(still["time"] - timed.time) <= EPSILON:
                signature = frame_signature(timed.frame, pictures)
                if not signatures_differ(still["signature"], signature):
                    reading.same.append(still["time"])
    return reading


def _hold_last(
    reading: _Reading, wanted: Sequence[float], clip_end: float, half_interval: float, standard: StandardFrames
) -> None:
    """The last frame stays on screen until the clip ends, and may stand for a time half a bucket frame away."""
    if reading.last is None:
        return
    reach = max(clip_end, reading.last.time + half_interval + TIME_TOLERANCE + EPSILON)
    while len(reading.frames) < len(wanted) and wanted[len(reading.frames)] < reach:
        reading.frames.append(standard.make(reading.last.frame))


def _is_nearer(earlier: float, later: float, wanted: float) -> bool:
    return abs(earlier - wanted) <= abs(later - wanted)


def _describe_difference(times: Sequence[float], same: Sequence[float]) -> str:
    different = [f"{time:.2f} s" for time in times if time not in same]
    return (
        f"its pictures are not those that were captioned: {len(different)} of {len(times)} stills differ "
        f"(at {', '.join(different[:3])}{' ...' if len(different) > 3 else ''})"
    )
