"""Detectors on videos with boundaries marked by people: ours, TransNetV2 alone, and the causes of our errors.

just bench split --marked <folder>
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.benchmarks.record import markdown_table
from pipeline.benchmarks.shots.causes import find_cause
from pipeline.benchmarks.shots.examples import TINY, analyse_frames
from pipeline.benchmarks.shots.marked import UNSURE, MarkedVideo
from pipeline.benchmarks.shots.marked_judge import Tally, judge_marked
from pipeline.benchmarks.shots.rivals import TRANSNET, transnet_rivals
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.fused import FusedDetector, find_boundaries
from pipeline.stages.split.detectors.thumbnails import Thumbnails
from pipeline.stages.split.detectors.transnet import make_thumbnail
from pipeline.stages.split.repair import rejoin
from pipeline.stages.split.stage import STILL_GRID_SECONDS
from pipeline.stages.split.stills import Candidates, make_candidate
from schemas.config import SplitConfig
from schemas.terminal import print_table

OURS, UNREPAIRED = "cutroom (fused)", "the same before repair"
_HEADINGS = (
    "detector", "precision", "recall", "F1", "F1 of cuts", "F1 of transitions", "clips", "pure", "covered", "kept",
    "pieces per shot",
)  # fmt: skip

_LEARNED = (
    "The packaged head learned from 40 marked social-media films (SHOT's test films). Where they are measured, its "
    "figures say what it remembers; docs/stages.md has those of heads that did not see them."
)
NAMES = (OURS, UNREPAIRED, *(f"{OURS}, {preset}" for preset in ("strict", "lenient")), *TRANSNET)


@dataclass(frozen=True, slots=True)
class MarkedResult:
    """The tally of every detector on a video, and the causes of our false boundaries."""

    part: str
    tallies: Mapping[str, Tally]
    causes: Mapping[str, int]


def run_marked(video: MarkedVideo) -> MarkedResult:
    """Run the detectors on the video and evaluate the boundaries they detect."""
    cv2.setNumThreads(1)
    config = SplitConfig()
    detector, kept, thumbnails = FusedDetector(0.5, 0.5, threads=1), Thumbnails(), []
    size = 0
    with Candidates() as candidates:
        for frame, still in analyse_frames(video.path):
            detector.push(frame)
            thumbnails.append(make_thumbnail(frame))
            kept.push(frame.time, thumbnails[-1])
            if candidates.last is None or frame.time - candidates.last >= STILL_GRID_SECONDS:
                image = still()
                size = max(image.shape)
                candidates.add(make_candidate(frame.time, frame.index, image))
        marks, times = detector.measure(), [*kept.times, kept.times[-1]]
        detected = dict(transnet_rivals(marks.answers))
        for name, settings in _settings(config).items():
            answers = find_boundaries(marks, kept, *settings.thresholds())
            # A video as small as a thumbnail is too small to compare scenes.
            detected[name] = (
                _repaired(answers, candidates, times, settings) if size > TINY and name != UNREPAIRED else answers
            )
    kept.clear()
    fps = (len(thumbnails) - 1) / max(1e-6, times[-1] - times[0])
    tallies = {
        name: judge_marked(video.marks, boundaries, len(thumbnails), fps, config.min_seconds)
        for name, boundaries in detected.items()
    }
    true = [mark.boundary for mark in video.marks if mark.kind != UNSURE]
    images = np.stack(thumbnails)
    causes = Counter(find_cause(boundary, images, true, video.no_boundaries) for boundary in tallies[OURS].false)
    return MarkedResult(video.part, tallies, causes)


def _settings(config: SplitConfig) -> Mapping[str, SplitConfig]:
    presets = {f"{OURS}, {preset}": SplitConfig(preset=preset) for preset in ("strict", "lenient")}
    return {OURS: config, UNREPAIRED: config, **presets}


def _repaired(
    boundaries: Sequence[Boundary], candidates: Candidates, times: Sequence[float], config: SplitConfig
) -> list[Boundary]:
    embed = EfficientNetLite0(threads=1).embed
    return rejoin(boundaries, candidates, times, embed, config.sure_probability, config.rejoin_similarity)


def report_marked(results: Sequence[MarkedResult]) -> list[str]:
    """Print the tables and return them in Markdown: the detectors on every part, and the causes of our errors."""
    if not results:
        return []
    print(f"{_LEARNED}\n")
    tables = [_LEARNED]
    for part in sorted({result.part for result in results}):
        mine = [result for result in results if result.part == part]
        rows = [_row(name, sum((result.tallies[name] for result in mine), Tally())) for name in NAMES]
        boundaries = sum(result.tallies[OURS].marked for result in mine)
        title = f"marked by people, {part}: {len(mine)} films, {boundaries} boundaries"
        tables.append(_table(title, _HEADINGS, rows))
        causes = sum((Counter(result.causes) for result in mine), Counter())
        shown = [(cause, str(count)) for cause, count in causes.most_common()]
        tables.append(_table(f"{part}: what our false answers are", ("cause", "answers"), shown))
    return tables


def _row(name: str, total: Tally) -> tuple[str, ...]:
    values = (
        total.precision, total.recall, total.f1, total.f1_of_cuts, total.f1_of_gradual, total.purity, total.coverage,
        total.kept_share,
    )  # fmt: skip
    shown = [f"{value:.3f}" for value in values]
    return (name, *shown[:5], f"{total.clips}", *shown[5:], f"{total.pieces_per_shot:.2f}")


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    print_table(title, headings, rows)
    return f"### {title}\n\n{markdown_table(headings, rows)}"
