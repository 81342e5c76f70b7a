"""Probes a media file: container, codec, size, rotation, rates, colour, duration; or the reason it cannot be used.

The header is trusted only as far as the packets confirm it: all packets are demuxed (not decoded) for times, frame
count and the variable-rate flag, and the first frame is decoded for its rotation and colour.

    python -m pipeline.media.probe beach.mp4
"""

import dataclasses
import sys
from dataclasses import dataclass
from typing import IO, Any, cast

import av
from av.video.stream import VideoStream

from pipeline.media.geometry import Geometry, geometry_of, pixel_aspect
from pipeline.media.image_file import ImageFile, open_image
from pipeline.media.limits import check_segments
from pipeline.media.open import open_media
from pipeline.media.rgb import check_matrix
from pipeline.media.scan import PROGRESSIVE, find_scan, sample_runs
from pipeline.media.tracks import Track, choose_video_stream, read_packets, read_timeline, track_of, video_streams
from pipeline.media.truncation import refuse_truncated
from pipeline.storage.store import open_source
from schemas.errors import MediaError

_HDR = {16: "pq", 18: "hlg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """The facts of one file; names and units are those of `schemas.media_tables.VIDEOS`."""

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
    mirrored: bool
    average_fps: float | None
    nominal_fps: float | None
    start_time: float
    duration: float
    frames: int
    color_range: str
    color_space: str
    color_primaries: str
    color_transfer: str
    audio: bool
    stream: int
    segments: list[dict[str, Any]]
    frame_interval: float
    variable_rate: bool
    scan: str
    field_order: str | None

    @property
    def track(self) -> Track:
        """The video track of a file that is a video, for its decoder."""
        return track_of(dataclasses.asdict(self))

    @property
    def geometry(self) -> Geometry:
        """How the first frame is displayed."""
        return Geometry(self.rotation, self.width, self.height, self.mirrored)


def probe(uri: str, size: int) -> MediaInfo:
    """Probe one file of `size` bytes. Raises `MediaError` with a reason in plain words."""
    if size == 0:
        raise MediaError("empty file (0 bytes)")
    with open_source(uri) as source:
        image = open_image(source)
        if image is not None:
            return _describe_image(image)
        with open_media(uri) as container:
            return _probe_container(container, source, size)


def _describe_image(image: ImageFile) -> MediaInfo:
    height, width, _ = image.pixels.shape
    return MediaInfo(
        kind="image", container=image.format, codec=image.format, pixel_format=image.mode,
        coded_width=image.coded_width, coded_height=image.coded_height, width=width, height=height,
        sample_aspect=1.0, rotation=0, mirrored=False, average_fps=None, nominal_fps=None, variable_rate=False,
        start_time=0.0, duration=0.0, frames=1, color_range="full", color_space="0", color_primaries="1",
        color_transfer="sdr", audio=False, stream=0, segments=[], frame_interval=0.0,
        scan=PROGRESSIVE, field_order=None,
    )  # fmt: skip


def _probe_container(container: Any, source: IO[bytes], size: int) -> MediaInfo:
    audio = bool(container.streams.audio)
    streams = video_streams(container)
    demuxed = read_packets(container, streams)
    stream = choose_video_stream(streams, demuxed, audio)
    if {name.lower(): value for name, value in stream.metadata.items()}.get("alpha_mode") == "1":
        # WebM stores alpha as a second coded image, which FFmpeg's own VP8 and VP9 decoders ignore.
        raise MediaError("video with transparency that is not applied (WebM's alpha_mode): flatten it")
    packets = demuxed.stamps[stream.index]
    timeline = read_timeline(container, stream, packets)
    check_segments(len(timeline.segments))
    refuse_truncated(container, stream, len(packets), timeline, source, size)
    if demuxed.is_damaged:
        raise MediaError(f"damaged: the container cannot be read past {timeline.segments[-1].end:.1f} s")
    frame = _first_frame(container, stream)
    check_matrix(frame)
    aspect = pixel_aspect(stream)
    geometry = geometry_of(frame, aspect)
    transfer = int(frame.color_trc)
    first = timeline.segments[0]  # of joined recordings only the first is examined
    scan = find_scan(sample_runs(container, stream, first.start - first.shift, first.end - first.start))
    return MediaInfo(
        kind="video",
        container=container.format.name,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        coded_width=frame.width,
        coded_height=frame.height,
        width=geometry.width,
        height=geometry.height,
        sample_aspect=aspect,
        rotation=geometry.rotation,
        mirrored=geometry.mirrored,
        average_fps=packets.frames / timeline.seconds if timeline.seconds > 0 else None,
        nominal_fps=float(stream.guessed_rate) if stream.guessed_rate else None,
        start_time=timeline.start,
        duration=timeline.seconds,
        frames=packets.frames,
        color_range={1: "limited", 2: "full"}.get(int(frame.color_range), "unspecified"),
        color_space=str(int(frame.colorspace)),
        color_primaries=str(int(frame.color_primaries)),
        color_transfer="unspecified" if transfer == 2 else _HDR.get(transfer, "sdr"),
        audio=audio,
        stream=stream.index,
        scan=scan.kind,
        field_order=scan.order,
        **timeline.columns(),
    )


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
