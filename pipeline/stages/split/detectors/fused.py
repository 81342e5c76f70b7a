"""The default detector: TransNetV2 and cheap change signals, combined by a head trained on videos with ground truth.

TransNetV2 alone finds hard cuts, but misses long dissolves, takes some flashes for cuts, and does not say which frames
are mixed. The head (`head.py`) gets the network's outputs and signals that distinguish a dissolve from motion, and
classifies every frame. A cut that the network is sure of is always kept. Where the head marks mixed frames, the ends
of the transition come from a ramp fitted to the frames (`extents.py`), because its faint ends are visible in no single
frame.

    detector = FusedDetector.of(SplitConfig(), threads=1)
    just bench split          # accuracy compared with five other detectors
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

# A transition extends from a frame that is surely mixed to where the probability falls below this.
_FAINT = 0.05
# If the other members stay below this, the member for synthetic transitions mistook a camera move for one.
_DENIED = 0.1
# A cut above this TransNetV2 probability is kept whatever the head says. Below `split.sure_probability` the comparison
# of stills may still remove it.
_WITNESS = 0.6
# A cut that only TransNetV2 reports is often a transition of two or three frames: leave out so many on each side.
_SHORT = 2
# Marks at most so many seconds apart belong to one transition: no kept shot is as short.
_GAP = 0.2
# Next to a cut above _SURE_CUT, marks count from _BESIDE_CUT on: the cut itself explains weaker ones.
_SURE_CUT, _BESIDE_CUT = 0.95, 0.85
# If no ramp fits, the camera or a subject may have moved: the odds must be so many times as high.
_UNFITTED_ODDS = 4
# Or TransNetV2's probability that frames are mixed must reach this.
_SECONDED = 0.8
# Black or white frames belong to a transition whose marks end at most so many frames away.
_AWAY = 3


@dataclass(frozen=True, slots=True)
class Marks:
    """Probabilities: TransNetV2's `answers` [frames, 2] and the head's `decisions` [frames, 3] (`head.decide`)."""

    answers: NDArray[np.float32]
    decisions: NDArray[np.float32]


class FusedDetector:
    """Runs TransNetV2, the signals and the head on the same frames."""

    def __init__(
        self, cut_probability: float, mixed_probability: float, threads: int, precision: Precision = "auto"
    ) -> None:
        self._head = load_head()
        self._network = TransNet(threads, precision)
        self._cut, self._mixed = cut_probability, mixed_probability
        self._signals, self._motion = SignalStream(), MotionStream()
        self._thumbnails = Thumbnails()

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> "FusedDetector":
        """The detector with the thresholds of the configured preset."""
        return cls(*config.thresholds(), threads, config.network_precision)

    def push(self, frame: AnalysisFrame) -> None:
        """Process the next frame."""
        thumbnail = make_thumbnail(frame)
        self._network.push(thumbnail)
        self._signals.push(thumbnail)
        self._motion.push(thumbnail)
        self._thumbnails.push(frame.time, thumbnail)

    def measure(self) -> Marks:
        """The probabilities of the frames pushed since the last call, before thresholds are applied."""
        probabilities = self._network.finish()
        features = make_features(probabilities, self._signals.finish(), self._motion.finish())
        return Marks(probabilities.answers, decide(self._head, features))

    def find(self, marks: Marks) -> list[Boundary]:
        """The boundaries of the video that was just measured. Discards its thumbnails."""
        boundaries = find_boundaries(marks, self._thumbnails, self._cut, self._mixed)
        self._thumbnails.clear()
        return boundaries

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call."""
        return self.find(self.measure())


def find_boundaries(marks: Marks, thumbnails: Thumbnails, cut: float, mixed: float) -> list[Boundary]:
    """Boundaries of a video from the probabilities of its frames and the thresholds for cuts and for mixed frames."""
    begins = marks.decisions[:, 0]
    cuts = []
    for first, last in runs(begins >= cut):
        peak = first + int(np.argmax(begins[first : last + 1]))
        if peak > 0:
            cuts.append(Boundary(peak, peak, float(begins[peak])))
    sure = [boundary for boundary in cuts if boundary.probability > _SURE_CUT]
    seen = _find_transitions(marks.decisions[:, 1], thumbnails, cuts, mixed)
    drawn = _find_transitions(_backed(marks.decisions), thumbnails, sure, mixed)
    stands = _settle(_seconded(seen, marks.answers[:, 1]), drawn, _raised(mixed))
    return _with_witness(join_overlapping(cuts + stands), marks.answers[:, 0])


def _backed(decisions: NDArray[np.float32]) -> NDArray[np.float32]:
    """The synthetic-transition member's probabilities [frames], 0 in runs that the other members reject."""
    probabilities = decisions[:, 2].copy()
    for first, last in runs(probabilities > _FAINT):
        if decisions[first : last + 1, 1].max() < _DENIED:
            probabilities[first : last + 1] = 0
    return probabilities


def _raised(mixed: float) -> float:
    return mixed * _UNFITTED_ODDS / (1 - mixed + mixed * _UNFITTED_ODDS)


@dataclass(frozen=True, slots=True)
class _Transition:
    boundary: Boundary
    fitted: bool


def _seconded(seen: Sequence[_Transition], answers: NDArray[np.float32]) -> list[_Transition]:
    """The transitions; those that TransNetV2 is sure of count as fitted."""
    return [
        replace(transition, fitted=True)
        if answers[transition.boundary.end_of_old : transition.boundary.start_of_new + 1].max(initial=0) >= _SECONDED
        else transition
        for transition in seen
    ]


def _settle(seen: Sequence[_Transition], drawn: Sequence[_Transition], doubtful: float) -> list[Boundary]:
    """Merge the transitions of the head's ensemble (`seen`) and of its member for synthetic transitions (`drawn`).

    The member locates the ends best, so where both report a transition, its ends are used. A transition that only the
    member reports counts if a ramp fits and its probability is at least `doubtful`.
    """
    seen = [transition for transition in seen if transition.fitted or transition.boundary.probability >= doubtful]
    taken = [
        transition.boundary
        for transition in drawn
        if (transition.fitted and transition.boundary.probability >= doubtful)
        or any(_is_near(transition.boundary, other.boundary.end_of_old, other.boundary.start_of_new) for other in seen)
    ]
    others = [
        transition.boundary
        for transition in seen
        if not any(
            _is_near(boundary, transition.boundary.end_of_old, transition.boundary.start_of_new) for boundary in taken
        )
    ]
    return others + taken


def _find_transitions(
    blends: NDArray[np.float32], thumbnails: Thumbnails, begun: Sequence[Boundary], mixed: float
) -> list[_Transition]:
    times, transitions, between = thumbnails.times, [], _inner(thumbnails.empty)
    cuts = [boundary.end_of_old for boundary in begun]
    sure = [boundary.end_of_old for boundary in begun if boundary.probability > _SURE_CUT]
    # Black frames in the middle of a fade, however long, belong to neither of its shots.
    near = _join_near(runs((blends > _FAINT) | between), times, cuts)
    marked = []
    for first, last in near:
        beside = any(first - 1 <= cut <= last + 1 for cut in sure)
        if blends[first : last + 1].max() > (max(mixed, _BESIDE_CUT) if beside else mixed):
            marked.append((first, last))
    starts = [0, *cuts, *(last + 1 for _, last in marked)]
    ends = [len(blends), *cuts, *(first for first, _ in marked)]
    for first, last in marked:
        room = max(start for start in starts if start <= first), min(end for end in ends if end > last)
        extents = find_extents(thumbnails, times, (first, last), room)
        # No two shots meet at the ends of a video: frames that look mixed there are a fade or slow motion in one shot.
        # But a transition whose marks end before the video does counts even if its margin reaches beyond.
        if first > 0 and last + 1 < len(blends):
            surest = float(blends[first : last + 1].max())
            old, new = max(0, extents.end_of_old), min(len(blends), extents.start_of_new)
            certain = extents.fitted or bool(between[first : last + 1].any())
            transitions.append(_Transition(Boundary(old, new, surest), certain))
    return transitions


def _join_near(
    marked: Sequence[tuple[int, int]], times: NDArray[np.float64], cuts: Sequence[int]
) -> list[tuple[int, int]]:
    """Runs of marks; neighbours at most `_GAP` seconds apart, with no cut between them, are merged."""
    joined: list[tuple[int, int]] = []
    for first, last in marked:
        before = joined[-1][1] if joined else 0
        if joined and times[first] - times[before] <= _GAP and not any(before < cut <= first for cut in cuts):
            first = joined.pop()[0]
        joined.append((first, last))
    return joined


def _inner(empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Empty frames and those next to them, except at the video's ends: a fade in or out there joins no two shots."""
    leading, trailing = np.logical_and.accumulate(empty), np.logical_and.accumulate(empty[::-1])[::-1]
    inner = np.zeros(len(empty), np.bool_)
    for index in np.flatnonzero(empty & ~leading & ~trailing):
        inner[max(0, index - _AWAY) : index + _AWAY + 1] = True
    return inner


def _with_witness(boundaries: Sequence[Boundary], answers: NDArray[np.float32]) -> list[Boundary]:
    """Raise the boundaries to TransNetV2's probability, and add those that only it is sure of."""
    known = list(boundaries)
    for first, last in runs(answers > _WITNESS):
        # TransNetV2 marks the last frame of the old shot.
        begin, sure = first + 1 + int(np.argmax(answers[first : last + 1])), float(answers[first : last + 1].max())
        near = [index for index, boundary in enumerate(known) if _is_near(boundary, first + 1, last + 1)]
        for index in near:
            known[index] = replace(known[index], probability=max(known[index].probability, sure))
        if not near and begin < len(answers):
            known.append(Boundary(max(0, begin - _SHORT), min(len(answers), begin + _SHORT), sure))
    return join_overlapping(known)


def _is_near(boundary: Boundary, first: int, last: int) -> bool:
    return boundary.end_of_old - _SHORT <= last and first <= boundary.start_of_new + _SHORT
