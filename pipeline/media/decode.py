"""Decodes a video, or a span of it, into frames in presentation order with their times.

Times come from the video's timeline (`pipeline.media.timeline`), never from index / fps, so variable rates, late starts
and joined recordings are right: each packet is given its time, and the frame decoded from it carries that time.
A packet that cannot be decoded is counted and skipped; the frames around it keep their times.

    with Decoder(uri, track) as decoder:
        for timed in decoder.span(4.0, 6.5): ...
"""

import contextlib
import heapq
import itertools
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time
from types import TracebackType
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags

from pipeline.media.deinterlace import LEAD_FRAMES, deinterlace
from pipeline.media.geometry import pixel_aspect
from pipeline.media.limits import DecodeBudget
from pipeline.media.open import open_media
from pipeline.media.scan import WHOLE_FRAMES
from pipeline.media.timeline import EPSILON, Timeline
from pipeline.media.tracks import Track, first_track, is_flush

# Codecs whose decoders work around known encoder bugs, and the most packets it takes to output a first frame.
_SIGNED_CODECS = ("h264", "mpeg4")
_PRIMING_PACKETS = 20


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame, its presentation time in the video (seconds) and its pixel aspect (width / height)."""

    time: float
    frame: av.VideoFrame
    aspect: float


class PacketSizes:
    """Sums packet sizes over time ranges. Packets arrive in coded order and take 16 bytes of memory each."""

    def __init__(self) -> None:
        self._times, self._sizes = array("d"), array("q")
        self._ordered = np.zeros(0)
        self._totals = np.zeros(1, np.int64)

    def add(self, time: float | None, size: int) -> None:
        """Record a packet of `size` bytes; one without a time takes that of the packet before it."""
        if time is None:
            time = self._times[-1] if self._times else 0.0
        self._times.append(time)
        self._sizes.append(size)

    def between(self, start: float, end: float) -> int:
        """Bytes of the packets with `start` <= time < `end`."""
        if len(self._ordered) != len(self._times):
            order = np.argsort(np.array(self._times), kind="stable")
            self._ordered = np.array(self._times)[order]
            self._totals = np.append(0, np.cumsum(np.array(self._sizes)[order]))
        first, last = np.searchsorted(self._ordered, (start - EPSILON, end - EPSILON))
        return int(self._totals[last] - self._totals[first])


class Decoder:
    """An open video. `decoded_frames`, `damaged_packets` and `packets` accumulate over its whole lifetime.

    `track` is the probe's result; without it the header chooses the stream and timestamps are taken as times.
    Interlaced video is deinterlaced; `watch` sees the frames as decoded, before that. Raises `MediaError` for a file
    that cannot be opened, exceeds a limit, or takes too much CPU time to decode.
    """

    def __init__(
        self,
        uri: str,
        track: Track | None = None,
        threads: int = 1,
        watch: Callable[[Iterator[TimedFrame]], Iterator[TimedFrame]] = iter,
    ) -> None:
        self._uri = uri
        self._watch = watch
        self._threads = threads
        self._track = track
        self.decoded_frames = 0
        self.damaged_packets = 0
        self.packets = PacketSizes()
        self._budget = DecodeBudget()
        self._open()

    def _open(self) -> None:
        self._container = cast(Any, open_media(self._uri))
        self._track = self._track or first_track(self._container)
        self._stream = self._container.streams[self._track.stream]
        self._context = self._stream.codec_context
        self._context.thread_count = self._threads
        self._context.flags |= Flags.copy_opaque  # a frame carries what its packet was given
        self._base = float(self._stream.time_base)
        self._is_fresh = True
        self._declared_aspect = self._context.sample_aspect_ratio
        self._aspect = pixel_aspect(self._stream)

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def timeline(self) -> Timeline:
        """The video's timeline."""
        assert self._track is not None
        return self._track.timeline

    def frames(self) -> Iterator[TimedFrame]:
        """All frames of the video; times are strictly increasing."""
        if not self._is_fresh:
            self._reopen()
        return self._whole_frames(self._numbered())

    def _whole_frames(self, packets: Iterator[Any]) -> Iterator[TimedFrame]:
        assert self._track is not None
        return deinterlace(self._watch(self._decode(packets)), self._track.scan)

    def span(self, start: float, end: float, floor: float | None = None) -> Iterator[TimedFrame]:
        """The frames with `start` <= time < `end` (seconds), reached by seeking to the key frame before `start`.

        With `floor`, also the frame before them - the one displayed at `start` - unless it is earlier than `floor`.
        If a seek lands past `start`, or on nothing, the video is decoded from its beginning instead.
        """
        assert self._track is not None
        begin = start
        if self._track.scan != WHOLE_FRAMES:  # deinterlacing the first frame needs the frames before it
            begin = max(self.timeline.start, start - (LEAD_FRAMES + 0.5) * self.timeline.interval)
        frames = self._whole_frames(self._from_key_frame(begin))
        first = next(frames, None)
        if first is None or first.time > begin + EPSILON:
            yield from self.span_from_beginning(start, end, floor)
        else:
            yield from _cut(itertools.chain([first], frames), start, end, floor)

    def span_from_beginning(self, start: float, end: float, floor: float | None = None) -> Iterator[TimedFrame]:
        """The same frames, reached by decoding everything before them: slow, but correct for every file."""
        self._reopen()
        yield from _cut(self.frames(), start, end, floor)

    def _numbered(self) -> Iterator[Any]:
        """All packets from the beginning, each with its time in the video as `opaque`."""
        self._is_fresh = False
        number = 0
        for packet in self._container.demux(self._stream):
            if not is_flush(packet):
                self._mark(packet, self.timeline.shift_of(number))
                number += 1
            yield packet

    def _mark(self, packet: Any, shift: float) -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        packet.opaque = None if stamp is None else stamp * self._base + shift
        self.packets.add(packet.opaque, packet.size)

    def _from_key_frame(self, start: float) -> Iterator[Any]:
        """Packets from a key frame at or before `start` onwards."""
        if not self.timeline.has_one_clock:  # a timestamp occurs several times: read, do not seek
            self._reopen()
            return self._read_to_key_frame(start)
        if self._counts_coded_order:  # frames can only be told apart by counting from the beginning
            self._reopen()
            return self._numbered()
        if self._is_fresh:
            self._prime(self._container.demux(self._stream))
        shift = self.timeline.segments[0].shift
        try:
            self._container.seek(int((start - shift) / self._base), stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._reopen()
            return self._numbered()
        return self._sought(shift)

    def _prime(self, packets: Iterator[Any]) -> list[Any]:
        """Decode the video's first frame, and return the packets that this consumed.

        Some encoders identify themselves in their first packet only (x264 in an SEI message, MPEG-4's in user data),
        and FFmpeg works around the bugs of those it knows. A decoder started in the middle would decode such videos
        wrongly.
        """
        self._is_fresh = False
        packets_read: list[Any] = []
        for packet in itertools.islice(packets, _PRIMING_PACKETS if self._context.name in _SIGNED_CODECS else 0):
            packets_read.append(packet)
            with contextlib.suppress(av.error.FFmpegError):
                frames = packet.decode()
                self.decoded_frames += len(frames)
                if frames:
                    break
        return packets_read

    def _sought(self, shift: float) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            if not is_flush(packet):
                self._mark(packet, shift)
            yield packet

    def _read_to_key_frame(self, start: float) -> Iterator[Any]:
        """Packets from the last key frame before `start` onwards, found without decoding what comes before."""
        pending: list[Any] = []
        packets = self._numbered()
        head = self._prime(packets)
        self._context.flush_buffers()
        packets = itertools.chain(head, packets)
        for packet in packets:
            if packet.opaque is not None and packet.is_keyframe and packet.opaque <= start + EPSILON:
                pending.clear()
            pending.append(packet)
            if packet.opaque is not None and packet.opaque > start + EPSILON:
                break
        return itertools.chain(pending, packets)

    def _decode(self, packets: Iterator[Any]) -> Iterator[TimedFrame]:
        last: float | None = None
        waiting: list[float] = []
        for packet in packets:
            if self._counts_coded_order and packet.opaque is not None:
                heapq.heappush(waiting, packet.opaque)
            started = process_time()
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                self.damaged_packets += 1
                waiting = waiting[1:]
                continue
            finally:
                self._budget.spend(process_time() - started, self.decoded_frames * self.timeline.interval)
            for frame in decoded:
                time = heapq.heappop(waiting) if waiting else frame.opaque
                if time is None:  # without a timestamp the frame follows the last one at the usual interval
                    time = 0.0 if last is None else last + self.timeline.interval
                elif last is not None and time <= last:  # two frames with one timestamp: the second follows at once
                    time = last + 2 * EPSILON
                last = time
                self.decoded_frames += 1
                yield TimedFrame(time, frame, self._aspect_of(frame))

    @property
    def _counts_coded_order(self) -> bool:
        """Whether timestamps merely count packets, so that the smallest pending one is that of the next frame."""
        return bool(self._container.format.name == "avi" and self._context.has_b_frames)

    def _aspect_of(self, frame: av.VideoFrame) -> float:
        """The pixel aspect of a frame: it changes with a sequence header only, so at a key frame."""
        if self._context.sample_aspect_ratio != self._declared_aspect and frame.key_frame:
            self._declared_aspect = self._context.sample_aspect_ratio
            self._aspect = float(self._declared_aspect or 1) or 1.0
        return self._aspect

    def _reopen(self) -> None:
        self._container.close()
        self._open()


def _cut(frames: Iterator[TimedFrame], start: float, end: float, floor: float | None) -> Iterator[TimedFrame]:
    before: TimedFrame | None = None
    for timed in frames:
        if timed.time >= end - EPSILON:
            break
        if timed.time < start - EPSILON:
            before = timed if floor is not None and timed.time >= floor - EPSILON else None
            continue
        if before is not None:
            yield before
            before = None
        yield timed
    if before is not None:
        yield before
