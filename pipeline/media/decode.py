"""Frames of a film in presentation order with their times: the whole film, or a span of it.

Times are those of the film's timeline (`pipeline.media.timeline`), never index / fps, so variable rates, late starts
and joined recordings are right: each packet is marked with its time, and the frame that comes of it carries the mark.
A packet that cannot be decoded is counted and passed over; the frames around it keep their times.
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

# The codecs whose decoders heed who wrote the stream, and how many packets it takes at the most to show a frame.
_SIGNED_CODECS = ("h264", "mpeg4")
_PRIMING_PACKETS = 20


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame, its time in the film in seconds, and the width of its pixels over their height."""

    time: float
    frame: av.VideoFrame
    aspect: float


class PacketSizes:
    """How many bytes the packets of a stretch of time have. Packets come in coded order, 16 bytes of memory each."""

    def __init__(self) -> None:
        self._times, self._sizes = array("d"), array("q")
        self._ordered = np.zeros(0)
        self._totals = np.zeros(1, np.int64)

    def add(self, time: float | None, size: int) -> None:
        """Keep a packet; one without a time belongs to the moment of the packet before it."""
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
    """One open film. `decoded_frames`, `damaged_packets` and `packets` count over all its use.

    `track` is what the probe said of the file; without it the file's header chooses the stream, and stamps are times.
    Frames of interlaced film come out whole; `watch` passes them on as the source has them.
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
        """The film's one clock."""
        assert self._track is not None
        return self._track.timeline

    def frames(self) -> Iterator[TimedFrame]:
        """All frames of the film; times rise strictly."""
        if not self._is_fresh:
            self._reopen()
        return self._whole_frames(self._numbered())

    def _whole_frames(self, packets: Iterator[Any]) -> Iterator[TimedFrame]:
        assert self._track is not None
        return deinterlace(self._watch(self._decode(packets)), self._track.scan)

    def span(self, start: float, end: float, floor: float | None = None) -> Iterator[TimedFrame]:
        """The frames with `start` <= time < `end`, from the key frame before `start` on.

        With `floor`, also the one before them - what is on screen at `start` - unless it is earlier than `floor`.
        Where the container's index leads past `start`, or to nothing, the film is decoded from its beginning instead.
        """
        assert self._track is not None
        begin = start
        if self._track.scan != WHOLE_FRAMES:  # what makes its first frame whole are the frames before it
            begin = max(self.timeline.start, start - (LEAD_FRAMES + 0.5) * self.timeline.interval)
        frames = self._whole_frames(self._from_key_frame(begin))
        first = next(frames, None)
        if first is None or first.time > begin + EPSILON:
            yield from self.span_from_beginning(start, end, floor)
        else:
            yield from _cut(itertools.chain([first], frames), start, end, floor)

    def span_from_beginning(self, start: float, end: float, floor: float | None = None) -> Iterator[TimedFrame]:
        """The same frames, reached by decoding everything before them: slow, and right for every file."""
        self._reopen()
        yield from _cut(self.frames(), start, end, floor)

    def _numbered(self) -> Iterator[Any]:
        """All packets from the beginning on, each marked with its time in the film."""
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
        """Packets from a key frame at or before `start` on."""
        if not self.timeline.has_one_clock:  # one stamp stands for several moments: read, do not seek
            self._reopen()
            return self._read_to_key_frame(start)
        if self._counts_coded_order:  # only from the beginning is it known which frame is which
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
        """Let the decoder see the film's first frame, and return the packets that took.

        Some encoders sign their first packet alone (x264 in an SEI message, MPEG-4's in user data), and FFmpeg works
        around the faults of those it knows. A decoder that begins in the middle would decode such films wrongly.
        """
        self._is_fresh = False
        seen: list[Any] = []
        for packet in itertools.islice(packets, _PRIMING_PACKETS if self._context.name in _SIGNED_CODECS else 0):
            seen.append(packet)
            with contextlib.suppress(av.error.FFmpegError):
                shown = packet.decode()
                self.decoded_frames += len(shown)
                if shown:
                    break
        return seen

    def _sought(self, shift: float) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            if not is_flush(packet):
                self._mark(packet, shift)
            yield packet

    def _read_to_key_frame(self, start: float) -> Iterator[Any]:
        """Packets from the last key frame before `start` on, which is found without decoding what comes before."""
        held: list[Any] = []
        packets = self._numbered()
        head = self._prime(packets)
        self._context.flush_buffers()
        packets = itertools.chain(head, packets)
        for packet in packets:
            if packet.opaque is not None and packet.is_keyframe and packet.opaque <= start + EPSILON:
                held.clear()
            held.append(packet)
            if packet.opaque is not None and packet.opaque > start + EPSILON:
                break
        return itertools.chain(held, packets)

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
                if time is None:  # without a stamp the frame follows the last one at the usual rate
                    time = 0.0 if last is None else last + self.timeline.interval
                elif last is not None and time <= last:  # two frames of one stamp: the second comes at once
                    time = last + 2 * EPSILON
                last = time
                self.decoded_frames += 1
                yield TimedFrame(time, frame, self._aspect_of(frame))

    @property
    def _counts_coded_order(self) -> bool:
        """Whether stamps only count packets, so that the smallest waiting one belongs to the next frame shown."""
        return bool(self._container.format.name == "avi" and self._context.has_b_frames)

    def _aspect_of(self, frame: av.VideoFrame) -> float:
        """The pixel aspect of a frame: a new one comes with a sequence header, so with a key frame."""
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
