"""Frames of a file in presentation order with their real times: the whole file, or a span after a seek.

Times come from the container, never from index / fps, so variable rates and late starts are right. A packet that
cannot be decoded is counted and passed over; the frames around it keep their times.
"""

import itertools
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast

import av
import numpy as np

from pipeline.storage import open_source
from schemas.errors import MediaError

# Half a millisecond: below any real frame interval, above the rounding of any container's time base.
EPSILON = 0.0005


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame and its presentation time in seconds."""

    time: float
    frame: av.VideoFrame


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
    """One open file. `decoded_frames`, `damaged_packets` and `packets` count over all its use."""

    def __init__(self, uri: str, threads: int = 1) -> None:
        self._uri = uri
        self._threads = threads
        self.decoded_frames = 0
        self.damaged_packets = 0
        self.packets = PacketSizes()
        self._open()

    def _open(self) -> None:
        try:
            self._container = cast(Any, av.open(open_source(self._uri), metadata_errors="ignore"))
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"cannot be opened: {error}") from None
        streams = [stream for stream in self._container.streams.video if not stream.disposition & 0x400]
        if not streams:
            raise MediaError("no video stream")
        self._stream = streams[0]
        self._stream.codec_context.thread_count = self._threads
        self._interval = 1 / float(self._stream.guessed_rate or self._stream.average_rate or 25)

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frames(self) -> Iterator[TimedFrame]:
        """All frames from the present position on; times rise strictly."""
        last: float | None = None
        base = float(self._stream.time_base)
        for packet in self._container.demux(self._stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            self.packets.add(None if stamp is None else stamp * base, packet.size)
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                self.damaged_packets += 1
                continue
            for frame in decoded:
                time = frame.pts * float(frame.time_base) if frame.pts is not None else None
                if time is None or (last is not None and time <= last + EPSILON):
                    # Without a usable stamp the frame follows the last one at the nominal rate.
                    time = 0.0 if last is None else last + self._interval
                last = time
                self.decoded_frames += 1
                yield TimedFrame(time, frame)

    def span(self, start: float, end: float, floor: float | None = None) -> Iterator[TimedFrame]:
        """The frames with `start` <= time < `end`, after a seek to the key frame before `start`.

        With `floor`, also the one before them - what is on screen at `start` - unless it is earlier than `floor`.
        Where the container's index leads past `start`, or to nothing, the file is decoded from its beginning instead.
        """
        frames = self._from_key_frame(start)
        first = next(frames, None)
        if first is None or first.time > start + EPSILON:
            self._reopen()
            yield from _cut(self.frames(), start, end, floor)
        else:
            yield from _cut(itertools.chain([first], frames), start, end, floor)

    def _from_key_frame(self, start: float) -> Iterator[TimedFrame]:
        base = float(self._stream.time_base)
        # AVI stores frames in coded order without times: only from the beginning is it known which frame is which.
        if self._container.format.name == "avi" and self._stream.codec_context.has_b_frames:
            self._reopen()
            return self.frames()
        try:
            self._container.seek(int(start / base), stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._reopen()
        return self.frames()

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
