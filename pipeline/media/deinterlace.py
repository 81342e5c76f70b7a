"""Deinterlaces frames with FFmpeg's filters: as many frames come out as go in, at the same times.

bwdif interpolates the missing lines of each frame's first field from the fields before and after it. For telecined
video, fieldmatch first pairs the fields that belong together; what is still combed is deinterlaced. Both filters read
a frame's neighbours, so a span equals the same part of the whole video only if decoding starts `LEAD_FRAMES` earlier.

    yield from deinterlace(decoder.frames(), Scan("interlaced", "top"))
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import av.filter

from pipeline.media.scan import INTERLACED, PROGRESSIVE, Scan

if TYPE_CHECKING:  # the decoder imports this module
    from pipeline.media.decode import TimedFrame

# Frames before a span that the filters must see for the span's first frame to be the same as in the whole video.
LEAD_FRAMES = 3
# Pixel formats that fieldmatch accepts without conversion.
_MATCHED_FORMATS = ("yuv420p", "yuv422p", "yuv444p")
_PARITY = {"top": "tff", "bottom": "bff", None: "auto"}


def deinterlace(frames: Iterator["TimedFrame"], scan: Scan) -> Iterator["TimedFrame"]:
    """The frames, deinterlaced. Lags by two or three frames; a change of size or format restarts the filters."""
    if scan.kind == PROGRESSIVE:
        yield from frames
        return
    filters: _Filters | None = None
    for timed in frames:
        if filters is None or not filters.takes(timed.frame):
            yield from filters.finish() if filters is not None else ()
            filters = _Filters(timed.frame, scan)
        yield from filters.push(timed)
    if filters is not None:
        yield from filters.finish()


class _Filters:
    """A filter graph for frames of one size and format; frames come out in order, so their times wait in a queue."""

    def __init__(self, first: av.VideoFrame, scan: Scan) -> None:
        self._kind = self._kind_of(first)
        self._waiting: deque[TimedFrame] = deque()
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        parity = _PARITY[scan.order]
        chain = [
            self._graph.add_buffer(
                width=first.width, height=first.height, format=first.format, time_base=first.time_base
            )
        ]
        if scan.kind == INTERLACED or first.format.name not in _MATCHED_FORMATS:
            chain.append(self._graph.add("bwdif", f"mode=send_frame:parity={parity}:deint=all"))
        else:
            chain.append(self._graph.add("fieldmatch", f"order={parity}"))
            chain.append(self._graph.add("bwdif", f"mode=send_frame:parity={parity}:deint=interlaced"))
        chain.append(self._graph.add("buffersink"))
        self._graph.link_nodes(*chain).configure()

    @staticmethod
    def _kind_of(frame: av.VideoFrame) -> tuple[int, int, str]:
        return frame.width, frame.height, frame.format.name

    def takes(self, frame: av.VideoFrame) -> bool:
        return self._kind_of(frame) == self._kind

    def push(self, timed: "TimedFrame") -> Iterator["TimedFrame"]:
        self._waiting.append(timed)
        self._graph.push(timed.frame)
        yield from self._pull()

    def finish(self) -> Iterator["TimedFrame"]:
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator["TimedFrame"]:
        while self._waiting:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            source = self._waiting.popleft()
            frame.pts, frame.time_base, frame.duration = source.frame.pts, source.frame.time_base, source.frame.duration
            yield replace(source, frame=frame)
