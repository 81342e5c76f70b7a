"""Films as the head sees them while it learns: what TransNetV2 and the signals know of each frame, and the truth.

To look at a film costs far more than to learn from it, so what was seen is kept in a folder, a file per film.

    python -m pipeline.benchmarks.shots.fit --help
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.shots.draw import write_film
from pipeline.benchmarks.shots.marked import UNSURE, Mark, MarkedFilm
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

SMALL = (256, 144)  # pixels of most made films: the head sees 48x27
_QUALITIES = (14, 20, 24, 28)  # x264's crf
TINY = 96  # pixels; films no larger are thumbnails themselves, and are looked at as they are
# A film has few frames that begin a shot, so each counts for more; those beside one hardly count.
_BEGIN_WEIGHT, _BESIDE_WEIGHT = 4.0, 0.2
# Where people mark a boundary, they mean it within so many frames.
_UNSURE_FRAMES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A film's frames: the network's answers and likeness, signals, motion, times in seconds, thumbnails; its marks."""

    answers: NDArray[np.float32]
    likeness: NDArray[np.float32]
    signals: NDArray[np.float32]
    motion: NDArray[np.float32]
    times: NDArray[np.float64]
    thumbnails: NDArray[np.uint8]
    marks: tuple[Mark, ...]

    def film(self) -> Thumbnails:
        """Its thumbnails as the detector keeps them."""
        kept = Thumbnails()
        for time, thumbnail in zip(self.times, self.thumbnails, strict=True):
            kept.push(float(time), thumbnail)
        return kept

    def features(self) -> NDArray[np.float32]:
        """What the head sees, [frames, FEATURES]."""
        nothing = np.zeros(len(self.answers), np.float32)
        known = Probabilities(self.answers[:, 0], self.answers[:, 1], nothing, self.likeness)
        return make_features(known, self.signals, self.motion)

    def wanted(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the head should say of each frame, and how much that counts, [frames, 2] both."""
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
    """A planned film: made, looked at as it would be in a bucket, and thrown away. Kept in the folder."""

    def see() -> Example:
        with TemporaryDirectory() as temporary:
            path = Path(temporary) / "film.mp4"
            write_film(plan, path, *SMALL, crf=_QUALITIES[plan.seed % len(_QUALITIES)])
            return _look(path, [Mark(one, plan.kind) for one in plan.boundaries()])

    return _kept(folder / f"{plan.name}.npz", see)


def marked_example(film: MarkedFilm, folder: Path) -> Example:
    """A film that people marked. Kept in the folder."""
    return _kept(folder / f"{film.part}-{film.path.stem}.npz", lambda: _look(film.path, film.marks))


def look_frames(path: Path) -> Iterator[tuple[AnalysisFrame, Callable[[], NDArray[np.uint8]]]]:
    """A film's frames as detectors see them, each with a function that gives it as a still."""
    facts = probe(str(path), path.stat().st_size)
    geometry = facts.geometry
    pictures, still = RgbConverter(geometry), geometry.fitted(SplitConfig().still_short_side)
    maker = AnalysisFrameMaker(geometry, pictures)
    with Decoder(str(path), facts.track) as decoder:
        for index, timed in enumerate(decoder.frames()):
            picture = partial(pictures.rgb, timed.frame, *still)
            if max(facts.width, facts.height) > TINY:
                yield maker.make(index, timed, timed.time), picture
            else:
                color = picture()
                luma = color[..., 1]
                yield AnalysisFrame(index, timed.time, timed.time, luma, partial(np.asarray, luma), color), picture


def _look(path: Path, marks: Sequence[Mark]) -> Example:
    network, motion = TransNet(threads=1), MotionStream()
    thumbnails, times = [], []
    for frame, _ in look_frames(path):
        thumbnails.append(make_thumbnail(frame))
        times.append(frame.time)
        network.push(thumbnails[-1])
        motion.push(thumbnails[-1])
    found, pictures = network.finish(), np.stack(thumbnails)
    return Example(
        answers=found.answers,
        likeness=found.likeness,
        signals=Signals().push(pictures, last=True),
        motion=motion.finish(),
        times=np.array(times),
        thumbnails=pictures,
        marks=tuple(marks),
    )


def _kept(path: Path, see: Callable[[], Example]) -> Example:
    if not _holds_all(path):
        example = see()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(
            unfinished,
            **{name: getattr(example, name) for name in Example.__slots__ if name != "marks"},
            places=np.array([[one.boundary.end_of_old, one.boundary.start_of_new] for one in example.marks]),
            kinds=np.array([one.kind for one in example.marks]),
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
    """Whether an example is there, with all that examples have today: else the film is looked at again."""
    if not path.exists():
        return False
    with np.load(path, allow_pickle=False) as kept:
        return {*Example.__slots__} - {"marks"} <= {*kept.files}
