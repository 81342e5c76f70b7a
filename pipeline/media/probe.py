"""What a media file is: container, codec, size, rotation, rates, colour, duration, or a sentence on why it is no use.

The header is believed only as far as the packets agree with it: all packets are demuxed (not decoded) for times, frame
count and the variable-rate flag, and the first frame is decoded for its rotation and colour.

    python -m pipeline.media.probe film.mp4
"""

import dataclasses
import sys
from dataclasses import dataclass
from typing import IO, Any, cast

import av
from av.video.stream import VideoStream

from pipeline.media.geometry import Geometry, geometry_of, pixel_aspect
from pipeline.media.limits import check_segments
from pipeline.media.open import open_media
from pipeline.media.picture import check_matrix
from pipeline.media.picture_file import PictureFile, open_picture
from pipeline.media.scan import PROGRESSIVE, find_scan, sample_runs
from pipeline.media.tracks import Track, choose_film, film_streams, read_packets, read_timeline, track_of
from pipeline.media.truncation import refuse_truncated
from pipeline.storage.store import open_source
from schemas.errors import MediaError

_HDR = {16: "pq", 18: "hlg"}


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
        """The film of a file that is one, for its decoder."""
        return track_of(dataclasses.asdict(self))

    @property
    def geometry(self) -> Geometry:
        """How its first frame is to be shown."""
        return Geometry(self.rotation, self.width, self.height, self.mirrored)


def probe(uri: str, size: int) -> MediaInfo:
    """Look at one file of `size` bytes. Raises `MediaError` with a reason that a person understands."""
    if size == 0:
        raise MediaError("empty file (0 bytes)")
    with open_source(uri) as source:
        picture = open_picture(source)
        if picture is not None:
            return _describe_picture(picture)
        with open_media(uri) as container:
            return _probe_container(container, source, size)


def _describe_picture(picture: PictureFile) -> MediaInfo:
    height, width, _ = picture.pixels.shape
    return MediaInfo(
        kind="image", container=picture.format, codec=picture.format, pixel_format=picture.mode,
        coded_width=picture.coded_width, coded_height=picture.coded_height, width=width, height=height,
        sample_aspect=1.0, rotation=0, mirrored=False, average_fps=None, nominal_fps=None, variable_rate=False,
        start_time=0.0, duration=0.0, frames=1, color_range="full", color_space="0", color_primaries="1",
        color_transfer="sdr", audio=False, stream=0, segments=[], frame_interval=0.0,
        scan=PROGRESSIVE, field_order=None,
    )  # fmt: skip


def _probe_container(container: Any, source: IO[bytes], size: int) -> MediaInfo:
    audio = bool(container.streams.audio)
    streams = film_streams(container)
    demuxed = read_packets(container, streams)
    stream = choose_film(streams, demuxed, audio)
    if {name.lower(): value for name, value in stream.metadata.items()}.get("alpha_mode") == "1":
        # WebM keeps alpha as a second picture beside the first, which FFmpeg's own decoders of VP8 and VP9 leave out.
        raise MediaError("film with transparency that is not applied (WebM's alpha_mode): flatten it")
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
    first = timeline.segments[0]  # of joined recordings the first stands for all
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
