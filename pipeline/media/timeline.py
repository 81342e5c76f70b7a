"""The timeline of a video: maps a packet's number and timestamp in the file to its time in the video.

Timestamps alone do not say when a frame is displayed. Two recordings that were concatenated byte by byte both begin at
the same timestamp; a recording that paused continues half an hour later; AVI has no timestamps for reordered frames. So
the timestamps of all packets are read once, and cut into segments where they jump: back (another clock begins; its
times follow the end of the last one) or forward by more than a few frames (nothing was recorded in between). The result
is stored, and everyone who needs a frame by its time uses the same timeline.

    timeline = make_timeline(packets, nominal_interval=1 / 25)
    time = stamp + timeline.shift_of(packet_number)
"""

import bisect
import itertools
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Half a millisecond: below any real frame interval, above the rounding of any container's time base.
EPSILON = 0.0005
# A gap of more than this many frames is a jump: 3:2 pulldown or a dropped frame makes gaps of 3 at most.
_FEW_FRAMES = 5
# H.264 and HEVC reorder a frame by up to 16 frames (ITU-T H.264, A.3.1, MaxDpbFrames).
_REORDERED_FRAMES = 16
# With a variable rate frames are stored only when something changes, so only a full second without one is a pause.
_VARIABLE_HOLD = 1.0
# AVI counts frames and has no timestamps, so a jump there means empty chunks: the last frame is held on purpose, for up
# to this long (seconds).
COUNTED_HOLD = 10.0
# A rate counts as variable when intervals between frames stray this far from their median (rounding of 1/1000 s
# time bases alone makes 3 % at 30 frames/s), more than one in twenty of them: one late frame is a glitch.
_INTERVAL_TOLERANCE = 0.10
_STRAY_SHARE = 1 / 20


@dataclass(slots=True)
class PacketStamps:
    """A stream's packets in file order: presentation and decoding timestamps and durations in seconds (NaN: none)."""

    presented: "array[float]" = field(default_factory=lambda: array("d"))
    decoded: "array[float]" = field(default_factory=lambda: array("d"))
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    shown: bytearray = field(default_factory=bytearray)
    keys: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self.presented)

    def add(
        self, presented: float | None, decoded: float | None, seconds: float, *, is_shown: bool, is_key: bool
    ) -> None:
        """Record one packet. It is not shown if it is empty or lies outside the edit list."""
        stamp = presented if presented is not None else decoded
        self.presented.append(math.nan if stamp is None else stamp)
        self.decoded.append(math.nan if decoded is None else decoded)
        self.seconds.append(seconds)
        self.shown.append(is_shown)
        self.keys.append(is_key)

    @property
    def frames(self) -> int:
        """The number of packets that are shown."""
        return sum(self.shown)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of packets without a jump, from `start` to `end` seconds; `shift` is time minus timestamp, in seconds.

    `first_packet` is the number (from 0, in file order) of the packet at which the segment's clock begins.
    """

    first_packet: int
    shift: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The segments of a video in order, and its usual frame interval (`interval`, seconds)."""

    segments: tuple[Segment, ...]
    interval: float
    is_variable: bool = False

    @property
    def start(self) -> float:
        """The time of the first frame, in seconds."""
        return self.segments[0].start

    @property
    def seconds(self) -> float:
        """The duration: the sum of the segments, without the gaps between them."""
        return sum(segment.end - segment.start for segment in self.segments)

    @property
    def has_one_clock(self) -> bool:
        """Whether timestamps are unique, so that the file can be seeked by timestamp."""
        return self.segments[0].first_packet == self.segments[-1].first_packet

    def shift_of(self, packet: int) -> float:
        """Seconds to add to the timestamp of packet number `packet`."""
        index = bisect.bisect_right(self.segments, packet, key=lambda segment: segment.first_packet) - 1
        return self.segments[max(0, index)].shift

    def segment_at(self, time: float) -> int:
        """The index of the segment that a frame of this time (seconds) belongs to."""
        return max(0, bisect.bisect_right(self.segments, time + EPSILON, key=lambda segment: segment.start) - 1)

    def columns(self) -> dict[str, Any]:
        """As columns of the videos table."""
        rows = [
            {"first_packet": segment.first_packet, "shift": segment.shift, "start": segment.start, "end": segment.end}
            for segment in self.segments
        ]
        return {"segments": rows, "frame_interval": self.interval, "variable_rate": self.is_variable}


def timeline_of(row: Mapping[str, Any]) -> Timeline:
    """The timeline stored in a row of the videos table (or one with its columns)."""
    segments = tuple(Segment(**segment) for segment in row["segments"])
    return Timeline(segments, row["frame_interval"], bool(row.get("variable_rate")))


def plain_timeline(interval: float) -> Timeline:
    """The timeline of a file whose timestamps are taken as times; `interval` is the frame interval in seconds."""
    return Timeline((Segment(0, 0.0, -math.inf, math.inf),), interval)


def make_timeline(
    packets: PacketStamps, nominal_interval: float, first_shift: float = 0.0, hold: float = 0.0
) -> Timeline:
    """The timeline of a stream, of which at least one packet is shown. All arguments but the first are in seconds.

    `nominal_interval` is used where there are no timestamps; `first_shift` shifts the first clock; a frame may be held
    for `hold` if that is longer than what the timestamps suggest.
    """
    presented = np.array(packets.presented)
    shown = np.frombuffer(bytes(packets.shown), bool)
    assert shown.any(), "a stream without a frame has no timeline"
    nowhere = np.isnan(presented)
    presented[nowhere] = np.arange(len(presented))[nowhere] * nominal_interval
    guess = _median_interval([presented[shown]], nominal_interval)
    starts = [*_clock_starts(presented, packets, guess), len(presented)]
    runs = [slice(first, last) for first, last in itertools.pairwise(starts) if shown[first:last].any()]
    interval = _median_interval([presented[run][shown[run]] for run in runs], nominal_interval)
    is_variable = _is_variable(_intervals([presented[run][shown[run]] for run in runs]))
    longest = max(_FEW_FRAMES * interval, _VARIABLE_HOLD if is_variable else 0.0, hold)
    segments: list[Segment] = []
    seconds = np.array(packets.seconds)
    for run in runs:
        first = float(presented[run][shown[run]].min())
        shift = segments[-1].end - first if segments else first_shift
        segments += [
            Segment(run.start if segments else 0, shift, start + shift, end + shift)
            for start, end in _runs_without_gaps(presented[run], seconds[run], shown[run], interval, longest)
        ]
    return Timeline(tuple(segments), interval, is_variable)


def _clock_starts(presented: NDArray[np.float64], packets: PacketStamps, interval: float) -> list[int]:
    """0 and the numbers of the packets at which the timestamps jump back.

    Decoding timestamps never decrease within a recording; presentation timestamps do where frames are reordered. So the
    latter count only where the former are missing, and only if they drop further than reordering explains.
    """
    few, deep = _FEW_FRAMES * interval, (_FEW_FRAMES + _REORDERED_FRAMES) * interval
    starts, highest, before = [0], -math.inf, -math.inf
    for number, (stamp, decoded, is_key) in enumerate(zip(presented, packets.decoded, packets.keys, strict=True)):
        is_decoded_known = decoded == decoded
        fall, allowed = (before - decoded, EPSILON) if is_decoded_known else (highest - stamp, few if is_key else deep)
        if fall > allowed:
            starts.append(number)
            highest, before = -math.inf, -math.inf
        highest = max(highest, stamp)
        before = decoded if is_decoded_known else before
    return starts


def _runs_without_gaps(
    presented: NDArray[np.float64],
    seconds: NDArray[np.float64],
    shown: NDArray[np.bool_],
    interval: float,
    longest: float,
) -> Iterable[tuple[float, float]]:
    """(start, end) of each run of one clock in which no frame is held longer than `longest` seconds."""
    order = np.argsort(presented[shown], kind="stable")
    times, lengths = presented[shown][order], seconds[shown][order]
    start = 0
    for index in range(1, len(times) + 1):
        if index < len(times) and times[index] - times[index - 1] <= longest + EPSILON:
            continue
        last = lengths[index - 1]
        yield float(times[start]), float(times[index - 1] + (last if 0 < last <= longest else interval))
        start = index


def _intervals(runs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    differences = np.concatenate([np.diff(np.sort(run)) for run in runs])
    return differences[differences > EPSILON]


def _median_interval(runs: Sequence[NDArray[np.float64]], nominal: float) -> float:
    intervals = _intervals(runs)
    return float(np.median(intervals)) if len(intervals) else nominal


def _is_variable(intervals: NDArray[np.float64]) -> bool:
    if len(intervals) < 2:
        return False
    median = float(np.median(intervals))
    return bool(np.mean(np.abs(intervals - median) > _INTERVAL_TOLERANCE * median) > _STRAY_SHARE)
