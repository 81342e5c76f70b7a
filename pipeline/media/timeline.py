"""The one clock of a film: from a packet's number and stamp in the file to its time in the film.

Stamps alone do not say when a frame is shown. Two recordings that were joined byte by byte both begin at the same
stamp; a recording that paused goes on half an hour later; AVI has no stamps for reordered frames. So the stamps of all
packets are read once, and cut where they jump: back (another clock begins: its times follow the end of the last one)
or forward by more than a few frames (nothing was recorded in between: the clock goes on, the film does not). What
results is stored, and everyone who needs a frame by its time asks the same timeline.

    python -m pytest tests/pipeline/media/test_timeline.py
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
# A jump of more than this many frames is no rate: the longest hold of a 3:2 pulldown or of a dropped frame is 3.
_FEW_FRAMES = 5
# H.264 and HEVC let a frame wait for up to 16 later ones (ITU-T H.264, A.3.1, MaxDpbFrames).
_REORDERED_FRAMES = 16
# Where the rate varies frames come only when something changes: a second without one is a pause like any other.
_VARIABLE_HOLD = 1.0
# AVI counts frames instead of stamping them, so there a jump means empty chunks: the last frame stays on purpose. After
# this long nobody would call it a film.
COUNTED_HOLD = 10.0
# A rate counts as variable when intervals between frames stray this far from their median (rounding of 1/1000 s
# time bases alone makes 3 % at 30 frames/s), more than one in twenty of them: one late frame is a glitch.
_INTERVAL_TOLERANCE = 0.10
_STRAY_SHARE = 1 / 20


@dataclass(slots=True)
class PacketStamps:
    """The stamps of a stream's packets in file order, in seconds (NaN: none), and what each packet is."""

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
        """Keep one packet. It is not shown if it is empty or lies outside the edit list."""
        stamp = presented if presented is not None else decoded
        self.presented.append(math.nan if stamp is None else stamp)
        self.decoded.append(math.nan if decoded is None else decoded)
        self.seconds.append(seconds)
        self.shown.append(is_shown)
        self.keys.append(is_key)

    @property
    def frames(self) -> int:
        """How many packets are to be shown."""
        return sum(self.shown)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of film without a jump, from `start` to `end` seconds; its stamps are `shift` seconds earlier.

    `first_packet` is the number of the packet, from 0 in file order, with which the segment's clock begins.
    """

    first_packet: int
    shift: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The segments of a film in order, and how long one of its frames usually stays (`interval`, seconds)."""

    segments: tuple[Segment, ...]
    interval: float
    is_variable: bool = False

    @property
    def start(self) -> float:
        """When the first frame is shown, seconds."""
        return self.segments[0].start

    @property
    def seconds(self) -> float:
        """Seconds of film: the segments without the gaps between them."""
        return sum(segment.end - segment.start for segment in self.segments)

    @property
    def has_one_clock(self) -> bool:
        """Whether every stamp stands for one moment, so that a place can be found by its stamp."""
        return self.segments[0].first_packet == self.segments[-1].first_packet

    def shift_of(self, packet: int) -> float:
        """Seconds to add to the stamp of the packet of this number."""
        place = bisect.bisect_right(self.segments, packet, key=lambda segment: segment.first_packet) - 1
        return self.segments[max(0, place)].shift

    def segment_at(self, time: float) -> int:
        """The number of the segment that a frame of this time belongs to."""
        return max(0, bisect.bisect_right(self.segments, time + EPSILON, key=lambda segment: segment.start) - 1)

    def columns(self) -> dict[str, Any]:
        """As columns of the videos table."""
        rows = [
            {"first_packet": one.first_packet, "shift": one.shift, "start": one.start, "end": one.end}
            for one in self.segments
        ]
        return {"segments": rows, "frame_interval": self.interval, "variable_rate": self.is_variable}


def timeline_of(row: Mapping[str, Any]) -> Timeline:
    """The timeline that a row of the videos table (or one with its columns) holds."""
    segments = tuple(Segment(**segment) for segment in row["segments"])
    return Timeline(segments, row["frame_interval"], bool(row.get("variable_rate")))


def plain_timeline(interval: float) -> Timeline:
    """The timeline of a file whose stamps are taken as they come."""
    return Timeline((Segment(0, 0.0, -math.inf, math.inf),), interval)


def make_timeline(
    packets: PacketStamps, nominal_interval: float, first_shift: float = 0.0, hold: float = 0.0
) -> Timeline:
    """The timeline of a stream, of which at least one packet is shown. All arguments but the first are seconds.

    `nominal_interval` is used where the stamps do not tell; `first_shift` moves the first clock; a frame may stay for
    `hold` if that is longer than what the stamps suggest.
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
            for start, end in _stretches(presented[run], seconds[run], shown[run], interval, longest)
        ]
    return Timeline(tuple(segments), interval, is_variable)


def _clock_starts(presented: NDArray[np.float64], packets: PacketStamps, interval: float) -> list[int]:
    """Numbers of the packets at which the stamps jump back, and 0.

    Decoding stamps never fall within a recording, presentation stamps do where frames are reordered. So the latter
    count only where the former are missing, and only if they fall further than reordering explains.
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


def _stretches(
    presented: NDArray[np.float64],
    seconds: NDArray[np.float64],
    shown: NDArray[np.bool_],
    interval: float,
    longest: float,
) -> Iterable[tuple[float, float]]:
    """Start and end of each stretch of one clock in which no frame stays longer than it may."""
    order = np.argsort(presented[shown], kind="stable")
    times, lengths = presented[shown][order], seconds[shown][order]
    start = 0
    for place in range(1, len(times) + 1):
        if place < len(times) and times[place] - times[place - 1] <= longest + EPSILON:
            continue
        last = lengths[place - 1]
        yield float(times[start]), float(times[place - 1] + (last if 0 < last <= longest else interval))
        start = place


def _intervals(runs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    differences = np.concatenate([np.diff(np.sort(run)) for run in runs])
    return differences[differences > EPSILON]


def _median_interval(runs: Sequence[NDArray[np.float64]], nominal: float) -> float:
    intervals = _intervals(runs)
    return float(np.median(intervals)) if len(intervals) else nominal


def _is_variable(intervals: NDArray[np.float64]) -> bool:
    if len(intervals) < 2:
        return False
    middle = float(np.median(intervals))
    return bool(np.mean(np.abs(intervals - middle) > _INTERVAL_TOLERANCE * middle) > _STRAY_SHARE)
