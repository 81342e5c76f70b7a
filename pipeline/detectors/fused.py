"""The default detector: TransNetV2 and cheap signals of change, weighed by a head tuned on films of known truth.

TransNetV2 alone finds hard cuts but misses long dissolves, takes some flashes for cuts, and does not say which frames
are mixed. The head (`pipeline.detectors.head`) sees its answers beside signals that tell a dissolve from motion, and
marks every frame. Where it marks mixed frames, a ramp fitted to the pictures says where the transition begins and ends
(`pipeline.detectors.extents`): its faint ends are seen in no single frame.

    just bench split          # accuracy beside five other detectors
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors.base import Boundary
from pipeline.detectors.extents import find_extents
from pipeline.detectors.head import decide, load_head, make_features
from pipeline.detectors.signals import SignalStream
from pipeline.detectors.thumbnails import Thumbnails
from pipeline.detectors.transnet import TransNet, join_overlapping, make_thumbnail, runs
from pipeline.detectors.transnet_stream import Precision
from pipeline.media.look import LookFrame

# A transition reaches from a frame that is surely mixed to where the probability sinks below this.
_FAINT = 0.05
# Where TransNetV2 alone is this sure of a cut, the head needs to give it no more than a faint chance.
_WITNESS, _WITNESSED = 0.75, 0.01
# What only TransNetV2 takes for a cut is often a transition of two or three frames: so many are left out on each side.
_SHORT = 2
# Marks so few seconds apart are one transition's: no kept shot is as short.
_GAP = 0.2
# Beside a cut that is so sure, marks count from this probability on: the cut itself explains fainter ones.
_SURE_CUT, _BESIDE_CUT = 0.95, 0.85
# Black or white frames belong to a transition whose marks end so few frames away.
_AWAY = 3


@dataclass(frozen=True, slots=True)
class Marks:
    """Per frame: TransNetV2's answers [frames, 2], and the head's: it begins a shot, it shows two shots [frames, 2]."""

    answers: NDArray[np.float32]
    decisions: NDArray[np.float32]


class FusedDetector:
    """TransNetV2, signals and head over the same frames."""

    def __init__(
        self, cut_probability: float, mixed_probability: float, threads: int, precision: Precision = "auto"
    ) -> None:
        self._network = TransNet(threads, precision)
        self._head = load_head()
        self._cut, self._mixed = cut_probability, mixed_probability
        self._signals = SignalStream()
        self._film = Thumbnails()

    def push(self, frame: LookFrame) -> None:
        """See the next frame."""
        thumbnail = make_thumbnail(frame)
        self._network.push(thumbnail)
        self._signals.push(thumbnail)
        self._film.push(frame.time, thumbnail)

    def measure(self) -> Marks:
        """What is known of the frames pushed since the last call, before anything is decided."""
        found = self._network.finish()
        answers = np.stack([found.boundary, found.mixed], axis=1)
        return Marks(answers, decide(self._head, make_features(answers, self._signals.finish())))

    def find(self, marks: Marks) -> list[Boundary]:
        """The boundaries of the film that was just measured; then it is forgotten."""
        found = find_boundaries(marks, self._film, self._cut, self._mixed)
        self._film.clear()
        return found

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call."""
        return self.find(self.measure())


def find_boundaries(marks: Marks, film: Thumbnails, cut: float, mixed: float) -> list[Boundary]:
    """Boundaries of a film from what is known of its frames and the two thresholds."""
    begins = _with_witness(marks, cut)
    found = []
    for first, last in runs(begins >= cut):
        peak = first + int(np.argmax(begins[first : last + 1]))
        aside = _SHORT if marks.decisions[first : last + 1, 0].max() < cut else 0
        if peak > 0:
            found.append(Boundary(max(0, peak - aside), min(len(begins), peak + aside), float(begins[peak])))
    return join_overlapping(found + _find_transitions(marks.decisions[:, 1], film, found, mixed))


def _find_transitions(
    blends: NDArray[np.float32], film: Thumbnails, begun: Sequence[Boundary], mixed: float
) -> list[Boundary]:
    times, found, between = film.times, [], _inner(film.empty)
    cuts, sure = [one.end_of_old for one in begun], [one.end_of_old for one in begun if one.probability > _SURE_CUT]
    # What is black in the middle of a fade, however long, is neither of its shots.
    near = _join_near(runs((blends > _FAINT) | between), times, cuts)
    marked = []
    for first, last in near:
        beside = any(first - 1 <= cut <= last + 1 for cut in sure)
        if blends[first : last + 1].max() > (max(mixed, _BESIDE_CUT) if beside else mixed):
            marked.append((first, last))
    starts = [0, *cuts, *(last + 1 for _, last in marked)]
    ends = [len(blends), *cuts, *(first for first, _ in marked)]
    for first, last in marked:
        room = max(one for one in starts if one <= first), min(one for one in ends if one > last)
        extents = find_extents(film, times, (first, last), room)
        # At the film's ends no two shots meet: what looks mixed there is a fade or a slow move of one shot. But what
        # ends before, if only its margin does not, must not stay in the clip beside it.
        if first > 0 and last + 1 < len(blends):
            surest = float(blends[first : last + 1].max())
            old, new = max(0, extents.end_of_old), min(len(blends), extents.start_of_new)
            found.append(Boundary(old, new, surest))
    return found


def _join_near(
    marked: Sequence[tuple[int, int]], times: NDArray[np.float64], cuts: Sequence[int]
) -> list[tuple[int, int]]:
    """Runs of marks as they are, those that hardly any time and no cut divides made one."""
    joined: list[tuple[int, int]] = []
    for first, last in marked:
        before = joined[-1][1] if joined else 0
        if joined and times[first] - times[before] <= _GAP and not any(before < cut <= first for cut in cuts):
            first = joined.pop()[0]
        joined.append((first, last))
    return joined


def _inner(empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Empty frames and those next to them, but not at the film's ends: what leads into or out of a film is no shot."""
    leading, trailing = np.logical_and.accumulate(empty), np.logical_and.accumulate(empty[::-1])[::-1]
    found = np.zeros(len(empty), np.bool_)
    for place in np.flatnonzero(empty & ~leading & ~trailing):
        found[max(0, place - _AWAY) : place + _AWAY + 1] = True
    return found


def _with_witness(marks: Marks, cut: float) -> NDArray[np.float32]:
    """The head's probability that a frame begins a shot, raised to `cut` where TransNetV2 is sure of a cut."""
    begins, sure = marks.decisions[:, 0], marks.answers[:, 0] > _WITNESS
    # TransNetV2 marks the last frame of the old shot, or the first of the new one.
    seen = sure | np.concatenate([[False], sure[:-1]]) if len(sure) else sure
    return np.where(seen & (begins > _WITNESSED), np.maximum(begins, np.float32(cut)), begins)
