"""The default detector: TransNetV2 and cheap signals of change, weighed by a head tuned on films of known truth.

TransNetV2 alone finds hard cuts but misses long dissolves, takes some flashes for cuts, and does not say which frames
are mixed. The head (`head.py`) sees what the network knows beside signals that tell a dissolve from
motion, and marks every frame; but where the network is sure of a cut, there is one. Where the head marks mixed frames,
a ramp fitted to the pictures says where the transition begins and ends (`extents.py`): its faint ends
are seen in no single frame.

    just bench split          # accuracy beside five other detectors
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.media.analysis_frame import AnalysisFrame
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.extents import find_extents
from pipeline.stages.split.detectors.head import decide, load_head, make_features
from pipeline.stages.split.detectors.motion import MotionStream
from pipeline.stages.split.detectors.signals import SignalStream
from pipeline.stages.split.detectors.thumbnails import Thumbnails
from pipeline.stages.split.detectors.transnet import TransNet, join_overlapping, make_thumbnail, runs
from pipeline.stages.split.detectors.transnet_stream import Precision
from schemas.config import SplitConfig

# A transition reaches from a frame that is surely mixed to where the probability sinks below this.
_FAINT = 0.05
# Where the other members' probability stays below this, the one for drawn transitions took a camera move for one.
_DENIED = 0.1
# Where TransNetV2 is surer of a cut than this, the head has no veto. Comparing the stills may have one, below
# `split.sure_probability`.
_WITNESS = 0.6
# What only TransNetV2 takes for a cut is often a transition of two or three frames: so many are left out on each side.
_SHORT = 2
# Marks so few seconds apart are one transition's: no kept shot is as short.
_GAP = 0.2
# Beside a cut that is so sure, marks count from this probability on: the cut itself explains fainter ones.
_SURE_CUT, _BESIDE_CUT = 0.95, 0.85
# Where no straight line in time fits, the camera or a subject may have moved: the odds must be so many times as high.
_UNFITTED_ODDS = 4
# Or TransNetV2 must be so sure that frames are mixed.
_SECONDED = 0.8
# Black or white frames belong to a transition whose marks end so few frames away.
_AWAY = 3


@dataclass(frozen=True, slots=True)
class Marks:
    """Per frame: TransNetV2's answers [frames, 2], and the head's [frames, 3] (`head.decide`)."""

    answers: NDArray[np.float32]
    decisions: NDArray[np.float32]


class FusedDetector:
    """TransNetV2, signals and head over the same frames."""

    def __init__(
        self, cut_probability: float, mixed_probability: float, threads: int, precision: Precision = "auto"
    ) -> None:
        self._head = load_head()
        self._network = TransNet(threads, precision)
        self._cut, self._mixed = cut_probability, mixed_probability
        self._signals, self._motion = SignalStream(), MotionStream()
        self._film = Thumbnails()

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> "FusedDetector":
        """With both thresholds as the preset changes them."""
        return cls(*config.thresholds(), threads, config.network_precision)

    def push(self, frame: AnalysisFrame) -> None:
        """See the next frame."""
        thumbnail = make_thumbnail(frame)
        self._network.push(thumbnail)
        self._signals.push(thumbnail)
        self._motion.push(thumbnail)
        self._film.push(frame.time, thumbnail)

    def measure(self) -> Marks:
        """What is known of the frames pushed since the last call, before anything is decided."""
        found = self._network.finish()
        features = make_features(found, self._signals.finish(), self._motion.finish())
        return Marks(found.answers, decide(self._head, features))

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
    begins = marks.decisions[:, 0]
    cuts = []
    for first, last in runs(begins >= cut):
        peak = first + int(np.argmax(begins[first : last + 1]))
        if peak > 0:
            cuts.append(Boundary(peak, peak, float(begins[peak])))
    sure = [one for one in cuts if one.probability > _SURE_CUT]
    seen = _find_transitions(marks.decisions[:, 1], film, cuts, mixed)
    drawn = _find_transitions(_backed(marks.decisions), film, sure, mixed)
    stands = _settle(_seconded(seen, marks.answers[:, 1]), drawn, _raised(mixed))
    return _with_witness(join_overlapping(cuts + stands), marks.answers[:, 0])


def _backed(decisions: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the member for drawn transitions says, [frames], without the runs of marks that the other members deny."""
    said = decisions[:, 2].copy()
    for first, last in runs(said > _FAINT):
        if decisions[first : last + 1, 1].max() < _DENIED:
            said[first : last + 1] = 0
    return said


def _raised(mixed: float) -> float:
    return mixed * _UNFITTED_ODDS / (1 - mixed + mixed * _UNFITTED_ODDS)


@dataclass(frozen=True, slots=True)
class _Transition:
    boundary: Boundary
    fitted: bool


def _seconded(seen: Sequence[_Transition], answers: NDArray[np.float32]) -> list[_Transition]:
    """The transitions, those that TransNetV2 is sure of as good as fitted."""
    return [
        replace(one, fitted=True)
        if answers[one.boundary.end_of_old : one.boundary.start_of_new + 1].max(initial=0) >= _SECONDED
        else one
        for one in seen
    ]


def _settle(seen: Sequence[_Transition], drawn: Sequence[_Transition], doubtful: float) -> list[Boundary]:
    """Of the head's transitions and those of its member for drawn ones, what stands.

    The member finds the ends best, so what both see is where it says. What it alone sees counts where a straight line
    in time fits and it is not `doubtful`.
    """
    seen = [one for one in seen if one.fitted or one.boundary.probability >= doubtful]
    taken = [
        one.boundary
        for one in drawn
        if (one.fitted and one.boundary.probability >= doubtful)
        or any(_is_near(one.boundary, other.boundary.end_of_old, other.boundary.start_of_new) for other in seen)
    ]
    others = [
        one.boundary
        for one in seen
        if not any(_is_near(two, one.boundary.end_of_old, one.boundary.start_of_new) for two in taken)
    ]
    return others + taken


def _find_transitions(
    blends: NDArray[np.float32], film: Thumbnails, begun: Sequence[Boundary], mixed: float
) -> list[_Transition]:
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
            certain = extents.fitted or bool(between[first : last + 1].any())
            found.append(_Transition(Boundary(old, new, surest), certain))
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


def _with_witness(found: Sequence[Boundary], answers: NDArray[np.float32]) -> list[Boundary]:
    """The boundaries as sure as TransNetV2 is of them, and those that it alone is sure of."""
    known = list(found)
    for first, last in runs(answers > _WITNESS):
        # It marks the last frame of the old shot.
        begin, sure = first + 1 + int(np.argmax(answers[first : last + 1])), float(answers[first : last + 1].max())
        near = [place for place, one in enumerate(known) if _is_near(one, first + 1, last + 1)]
        for place in near:
            known[place] = replace(known[place], probability=max(known[place].probability, sure))
        if not near and begin < len(answers):
            known.append(Boundary(max(0, begin - _SHORT), min(len(answers), begin + _SHORT), sure))
    return join_overlapping(known)


def _is_near(one: Boundary, first: int, last: int) -> bool:
    return one.end_of_old - _SHORT <= last and first <= one.start_of_new + _SHORT
