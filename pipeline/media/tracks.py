"""Chooses the video stream of a container and reads its packets' timestamps, by demuxing without decoding.

A container may hold a small preview, a cover image or menu thumbnails beside the main video. The main video is the
stream marked as default, else the largest; a stream with a single frame is an image.

    streams = video_streams(container)
    demuxed = read_packets(container, streams)
    stream = choose_video_stream(streams, demuxed, has_audio=False)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.media.limits import check_frames
from pipeline.media.scan import WHOLE_FRAMES, Scan
from pipeline.media.timeline import COUNTED_HOLD, PacketStamps, Timeline, make_timeline, plain_timeline, timeline_of
from schemas.errors import MediaError

_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
FALLBACK_FPS = 25
# The columns of the videos table that a decoder needs.
TRACK_COLUMNS = ("stream", "scan", "field_order", "frame_interval", "segments")


@dataclass(frozen=True, slots=True)
class Track:
    """The video stream of a container (`stream`, its index), its timeline and its scan type."""

    stream: int
    timeline: Timeline
    scan: Scan = WHOLE_FRAMES


@dataclass(slots=True)
class Demuxed:
    """The result of one pass over a container's packets: timestamps by stream index, and whether reading broke off."""

    stamps: dict[int, PacketStamps]
    is_damaged: bool = False


def track_of(row: Mapping[str, Any]) -> Track:
    """The track of a row of the videos table (or one with its columns)."""
    return Track(row["stream"], timeline_of(row), Scan(row["scan"], row["field_order"]))


def first_track(container: Any) -> Track:
    """The track of a container of which only the header is known; its timestamps are taken as times."""
    stream = _preferred(video_streams(container))
    return Track(stream.index, plain_timeline(nominal_interval(stream)))


def nominal_interval(stream: VideoStream) -> float:
    """The frame interval that the stream declares, in seconds."""
    return 1 / float(stream.guessed_rate or stream.average_rate or FALLBACK_FPS)


def video_streams(container: Any) -> list[VideoStream]:
    """The streams that may be the main video. Raises `MediaError` if there is none."""
    streams = [stream for stream in container.streams.video if not stream.disposition & _PICTURES]
    if not streams:
        audio = bool(container.streams.audio)
        raise MediaError("audio only: no video stream" if audio else "no video stream: the container holds none")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise MediaError("video stream whose codec this FFmpeg does not know")
    return known


def read_packets(container: Any, streams: list[VideoStream]) -> Demuxed:
    """The timestamps of all packets of these streams."""
    bases = {stream.index: float(stream.time_base or 0) for stream in streams}
    demuxed = Demuxed({stream.index: PacketStamps() for stream in streams})
    try:
        for packet in container.demux(*streams):
            if is_flush(packet):
                continue
            base = bases[packet.stream_index]
            check_frames(len(demuxed.stamps[packet.stream_index]))
            demuxed.stamps[packet.stream_index].add(
                None if packet.pts is None else packet.pts * base,
                None if packet.dts is None else packet.dts * base,
                (packet.duration or 0) * base,
                is_shown=packet.size > 0 and not packet.is_discard,  # discarded: outside the edit list
                is_key=packet.is_keyframe,
            )
    except av.error.FFmpegError:
        demuxed.is_damaged = True
    return demuxed


def is_flush(packet: Any) -> bool:
    """Whether this is PyAV's empty flush packet at the end of a stream."""
    return bool(packet.size == 0 and packet.pts is None and packet.dts is None)


def choose_video_stream(streams: list[VideoStream], demuxed: Demuxed, has_audio: bool) -> VideoStream:
    """The stream that is the main video. Raises `MediaError` if none has more than one frame."""
    frames = {stream.index: demuxed.stamps[stream.index].frames for stream in streams}
    videos = [stream for stream in streams if frames[stream.index] > 1]
    if videos:
        return _preferred(videos)
    if not any(frames.values()):
        raise MediaError("video stream without a single packet: truncated or empty")
    if has_audio:
        raise MediaError("audio only: its video stream is a single image")
    raise MediaError("a single frame, not a video")


def _preferred(streams: list[VideoStream]) -> VideoStream:
    defaults = [stream for stream in streams if stream.disposition & Disposition.default]
    return max(defaults or streams, key=lambda stream: (stream.width * stream.height, -stream.index))


def read_timeline(container: Any, stream: VideoStream, packets: PacketStamps) -> Timeline:
    """The timeline of a stream of which at least one packet is shown."""
    interval = nominal_interval(stream)
    if container.format.name != "avi":
        return make_timeline(packets, interval)
    # AVI numbers frames in coded order; FFmpeg delays presentation by the reordering depth. The first frame is
    # displayed when the stream starts.
    late = np.nanmin(np.array(packets.presented)) - np.nanmin(np.array(packets.decoded))
    return make_timeline(packets, interval, first_shift=-float(np.nan_to_num(late)), hold=COUNTED_HOLD)
