"""Training examples of the head: the features of each frame of a video, and its ground truth.

Computing a video's features takes far longer than training on them, so they are cached in a folder, a file per video.

    python -m pipeline.benchmarks.shots.fit --help
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.shots.draw import write_video
from pipeline.benchmarks.shots.marked import UNSURE, Mark, MarkedVideo
from pipeline.benchmarks.shots.plan import FilmPlan
from pipeline.media.analysis_frame import AnalysisFrame, AnalysisFrameMaker
from pipeline.media.decode import Decoder
from pipeline.media.probe import probe
from pipeline.media.rgb import RgbConverter
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.head import make_features
from pipeline.stages.split.detectors.motion import MotionStream
from pipeline.stages.split.detectors.signals import Signals
from pipeline.stages.split.detectors.thumbnails import Thumbnails
from pipeline.stages.split.detectors.transnet import Probabilities, TransNet, make_thumbnail
from schemas.config import SplitConfig

SMALL = (256, 144)  # size in pixels of most synthetic videos: the head sees 48x27
_QUALITIES = (14, 20, 24, 28)  # x264's crf
TINY = 96  # pixels; videos no larger are thumbnails themselves, and are used unscaled
# Few frames begin a shot, so each has a higher weight; frames next to one have a low weight.
_BEGIN_WEIGHT, _BESIDE_WEIGHT = 4.0, 0.2
# Boundaries marked by people are accurate to so many frames.
_UNSURE_FRAMES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A video's features and marks.

    Per frame: the network's `answers` [T, 2] and `likeness`, `signals` [T, 39], `motion` [T, 12], `times` in seconds,
    and `thumbnails` [T, 27, 48, 3], uint8.
    """

    answers: NDArray[np.float32]
    likeness: NDArray[np.float32]
    signals: NDArray[np.float32]
    motion: NDArray[np.float32]
    times: NDArray[np.float64]
    thumbnails: NDArray[np.uint8]
    marks: tuple[Mark, ...]

    def thumbnail_file(self) -> Thumbnails:
        """The thumbnails as the detector stores them."""
        kept = Thumbnails()
        for time, thumbnail in zip(self.times, self.thumbnails, strict=True):
            kept.push(float(time), thumbnail)
        return kept

    def features(self) -> NDArray[np.float32]:
        """The head's input, [T, FEATURES], float32."""
        nothing = np.zeros(len(self.answers), np.float32)
        known = Probabilities(self.answers[:, 0], self.answers[:, 1], nothing, self.likeness)
        return make_features(known, self.signals, self.motion)

    def wanted(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The head's targets and their loss weights, both [T, 2], float32."""
        wanted, weights = np.zeros((2, len(self.answers), 2), np.float32)
        weights += (_BEGIN_WEIGHT, 1.0)
        for mark in self.marks:
            old, new = mark.boundary.end_of_old, mark.boundary.start_of_new
            if mark.kind == UNSURE:
                weights[max(0, old - _UNSURE_FRAMES) : new + _UNSURE_FRAMES] = 0
            elif mark.boundary.is_cut:
                weights[max(0, old - 1) : old + 2, 0] *= _BESIDE_WEIGHT
                weights[old : old + 1, 0] = _BEGIN_WEIGHT
                wanted[old : old + 1, 0] = 1
            else:
                wanted[old:new, 1] = 1
                if new - old <= _UNSURE_FRAMES:  # nearly a cut
                    weights[max(0, old - 1) : new + 1, 0] *= _BESIDE_WEIGHT
        return wanted, weights


def made_example(plan: FilmPlan, folder: Path) -> Example:
    """The example of a planned video, which is rendered, processed and deleted. Cached in the folder."""

    def make() -> Example:
        with TemporaryDirectory() as temporary:
            path = Path(temporary) / "film.mp4"
            write_video(plan, path, *SMALL, crf=_QUALITIES[plan.seed % len(_QUALITIES)])
            return _analyse(path, [Mark(boundary, plan.kind) for boundary in plan.boundaries()])

    return _kept(folder / f"{plan.name}.npz", make)


def marked_example(video: MarkedVideo, folder: Path) -> Example:
    """The example of a video marked by people. Cached in the folder."""
    return _kept(folder / f"{video.part}-{video.path.stem}.npz", lambda: _analyse(video.path, video.marks))


def analyse_frames(path: Path) -> Iterator[tuple[AnalysisFrame, Callable[[], NDArray[np.uint8]]]]:
    """A video's analysis frames, each with a function that returns the frame as a still, RGB [H, W, 3]."""
    facts = probe(str(path), path.stat().st_size)
    geometry = facts.geometry
    converter, still = RgbConverter(geometry), geometry.fitted(SplitConfig().still_short_side)
    maker = AnalysisFrameMaker(geometry, converter)
    with Decoder(str(path), facts.track) as decoder:
        for index, timed in enumerate(decoder.frames()):
            still_image = partial(converter.rgb, timed.frame, *still)
            if max(facts.width, facts.height) > TINY:
                yield maker.make(index, timed, timed.time), still_image
            else:
                color = still_image()
                luma = color[..., 1]
                yield AnalysisFrame(index, timed.time, timed.time, luma, partial(np.asarray, luma), color), still_image


def _analyse(path: Path, marks: Sequence[Mark]) -> Example:
    network, motion = TransNet(threads=1), MotionStream()
    thumbnails, times = [], []
    for frame, _ in analyse_frames(path):
        thumbnails.append(make_thumbnail(frame))
        times.append(frame.time)
        network.push(thumbnails[-1])
        motion.push(thumbnails[-1])
    probabilities, images = network.finish(), np.stack(thumbnails)
    return Example(
        answers=probabilities.answers,
        likeness=probabilities.likeness,
        signals=Signals().push(images, last=True),
        motion=motion.finish(),
        times=np.array(times),
        thumbnails=images,
        marks=tuple(marks),
    )


def _kept(path: Path, make: Callable[[], Example]) -> Example:
    if not _holds_all(path):
        example = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(
            unfinished,
            **{name: getattr(example, name) for name in Example.__slots__ if name != "marks"},
            places=np.array([[mark.boundary.end_of_old, mark.boundary.start_of_new] for mark in example.marks]),
            kinds=np.array([mark.kind for mark in example.marks]),
        )
        unfinished.rename(path)
    with np.load(path, allow_pickle=False) as kept:
        marks = [
            Mark(Boundary(int(old), int(new)), str(kind))
            for (old, new), kind in zip(kept["places"], kept["kinds"], strict=True)
        ]
        arrays = {name: kept[name] for name in Example.__slots__ if name != "marks"}
        return Example(**arrays, marks=tuple(marks))


def _holds_all(path: Path) -> bool:
    """Whether a cached example exists and has all current fields; otherwise the video is processed again."""
    if not path.exists():
        return False
    with np.load(path, allow_pickle=False) as kept:
        return {*Example.__slots__} - {"marks"} <= {*kept.files}
