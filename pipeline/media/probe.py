"""What a media file is: container, codec, size, rotation, rates, colour, duration, or a sentence on why it is no use.

The header is believed only as far as the packets agree with it: all packets are demuxed (not decoded) for times, frame
count and the variable-rate flag, and the first frame is decoded for its rotation and colour.

    python -m pipeline.media.probe film.mp4
"""

import dataclasses
import itertools
import statistics
import sys
from dataclasses import dataclass
from typing import IO, Any, cast

import av
from av.video.stream import VideoStream

from pipeline.media.picture_file import PictureFile, open_picture
from pipeline.storage import open_source
from schemas.errors import MediaError

# FFmpeg reads any text file as a terminal recording and pictures as one-frame videos; neither is footage.
_NOT_FOOTAGE = ("tty", "lrc", "srt", "ass", "webvtt", "subviewer", "microdvd", "txt")
_TEXT_BYTES = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
_HDR = {16: "pq", 18: "hlg"}
# A rate counts as variable when intervals between frames stray this far from their median (rounding of 1/1000 s
# time bases alone makes 3 % at 30 frames/s).
_INTERVAL_TOLERANCE = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """Facts of one file, named and measured as in `schemas.media_tables.VIDEOS`."""

    kind: str
    container: str
    codec: str
    pixel_format: str
    coded_width: int
    coded_height: int
    width: int
    height: int
    sample_aspect: float
    rotation: int
    average_fps: float | None
    nominal_fps: float | None
    variable_rate: bool
    start_time: float
    duration: float
    frames: int
    color_range: str
    color_space: str
    color_primaries: str
    color_transfer: str
    audio: bool


def probe(uri: str, size: int) -> MediaInfo:
    """Look at one file of `size` bytes. Raises `MediaError` with a reason that a person understands."""
    if size == 0:
        raise MediaError("empty file (0 bytes)")
    source = open_source(uri)
    picture = open_picture(source)
    if picture is not None:
        return _describe_picture(picture)
    head = _head(source)
    try:
        container = cast(Any, av.open(source, metadata_errors="ignore"))
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(_open_failure(head, error)) from None
    with container:
        return _probe_container(container)


def _head(source: str | IO[bytes]) -> bytes:
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read(16)
    head = source.read(16)
    source.seek(0)
    return head


def _open_failure(head: bytes, error: Exception) -> str:
    if head[4:8] == b"ftyp":
        return "MP4 whose index (moov) is missing or broken: a truncated upload or an unfinished recording"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "Matroska or WebM file that holds no readable stream: truncated or damaged"
    if all(byte in _TEXT_BYTES for byte in head):
        return "not a video: a text file"
    text = getattr(error, "strerror", None) or str(error)
    return f"not a media file that FFmpeg can read ({text.lower()})"


def _describe_picture(picture: PictureFile) -> MediaInfo:
    height, width, _ = picture.pixels.shape
    return MediaInfo(
        kind="image", container=picture.format, codec=picture.format, pixel_format=picture.mode,
        coded_width=picture.coded_width, coded_height=picture.coded_height, width=width, height=height,
        sample_aspect=1.0, rotation=0, average_fps=None, nominal_fps=None, variable_rate=False, start_time=0.0,
        duration=0.0, frames=1, color_range="full", color_space="0", color_primaries="1", color_transfer="sdr",
        audio=False,
    )  # fmt: skip


def _probe_container(container: Any) -> MediaInfo:
    streams = [stream for stream in container.streams.video if not stream.disposition & 0x400]  # no cover pictures
    audio = bool(container.streams.audio)
    if container.format.name in _NOT_FOOTAGE:
        raise MediaError("not a video: a text file")
    if not streams:
        raise MediaError("audio only: no video stream" if audio else "no streams: the container is empty")
    stream: VideoStream = streams[0]
    if stream.codec_context is None:
        raise MediaError("video stream whose codec this FFmpeg does not know")
    packets = _read_packets(container, stream)
    _refuse_truncated(stream, container, packets)
    times = sorted(packets.times)
    frame = _first_frame(container, stream)
    intervals = [later - earlier for earlier, later in itertools.pairwise(times) if later > earlier]
    duration = max(packets.ends) - times[0]
    context = stream.codec_context
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    rotation = -round(frame.rotation / 90.0) * 90 % 360
    shown = (max(1, round(frame.width * aspect)), frame.height)
    transfer = int(frame.color_trc)
    return MediaInfo(
        kind="video",
        container=container.format.name,
        codec=context.codec.canonical_name,
        pixel_format=frame.format.name,
        coded_width=frame.width,
        coded_height=frame.height,
        width=shown[rotation % 180 != 0],
        height=shown[rotation % 180 == 0],
        sample_aspect=aspect,
        rotation=rotation,
        average_fps=len(times) / duration if duration > 0 else None,
        nominal_fps=float(stream.guessed_rate) if stream.guessed_rate else None,
        variable_rate=_is_variable(intervals),
        start_time=times[0],
        duration=duration,
        frames=len(times),
        color_range={1: "limited", 2: "full"}.get(int(frame.color_range), "unspecified"),
        color_space=str(int(frame.colorspace)),
        color_primaries=str(int(frame.color_primaries)),
        color_transfer="unspecified" if transfer == 2 else _HDR.get(transfer, "sdr"),
        audio=audio,
    )


@dataclass(slots=True)
class _Packets:
    """Presentation times and ends of the packets to be shown, how many there are in all, and if reading broke off."""

    times: list[float]
    ends: list[float]
    count: int = 0
    damaged: bool = False


def _read_packets(container: Any, stream: VideoStream) -> _Packets:
    found = _Packets([], [])
    base = float(stream.time_base or 0)
    fallback = 1 / float(stream.guessed_rate or 25)
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            found.count += 1
            if packet.is_discard:  # before or after the edit list: in the file, but not part of the film
                continue
            stamp = packet.pts if packet.pts is not None else packet.dts
            time = stamp * base if stamp is not None else len(found.times) * fallback
            found.times.append(time)
            found.ends.append(time + (packet.duration * base if packet.duration else fallback))
    except av.error.FFmpegError:
        found.damaged = True
    return found


def _refuse_truncated(stream: VideoStream, container: Any, packets: _Packets) -> None:
    if not packets.times:
        raise MediaError("video stream without a single packet: truncated or empty")
    declared = stream.frames
    if declared - packets.count > max(1, 0.02 * declared):
        raise MediaError(f"truncated: the header promises {declared} frames, the file holds {packets.count}")
    length = container.duration / 1e6 if container.duration and not container.streams.audio else None
    # Some containers count their length from the first frame, some (Matroska) from zero however late it comes.
    reach = max(packets.ends) - min(0.0, *packets.times)
    if not declared and length and length - reach > max(1.0, 0.1 * length):
        raise MediaError(f"truncated: the header promises {length:.1f} s, the file holds {reach:.1f} s")
    if packets.damaged:
        raise MediaError(f"damaged: the container cannot be read past {reach:.1f} s")


def _first_frame(container: Any, stream: VideoStream) -> av.VideoFrame:
    stream.codec_context.thread_count = 1
    try:
        container.seek(0)
    except av.error.FFmpegError:
        raise MediaError("raw video without a container: it has no times; wrap it into MP4 or Matroska") from None
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                return cast(av.VideoFrame, frame)
        except av.error.FFmpegError:
            continue
    raise MediaError("no frame can be decoded: the video data are damaged")


def _is_variable(intervals: list[float]) -> bool:
    if len(intervals) < 2:
        return False
    middle = statistics.median(intervals)
    # One late frame is a glitch; a rate is variable when more than one interval in twenty strays.
    strays = sum(abs(interval - middle) > _INTERVAL_TOLERANCE * middle for interval in intervals)
    return strays > len(intervals) / 20


def main() -> None:
    """Probe the files named on the command line."""
    for path in sys.argv[1:]:
        try:
            with open(path, "rb") as file:
                size = file.seek(0, 2)
            print(path, dataclasses.asdict(probe(path, size)))
        except MediaError as error:
            print(path, "failed:", error)


if __name__ == "__main__":
    main()
