"""`just bench split [folder]`: accuracy of shot detection on videos with ground truth, with five other detectors.

The videos are made from real clips by `pipeline.benchmarks.shots`; one half of the files was used for tuning, the other
half is reported. Every detector gets the same decoded frames. Videos are kept, so a second run only measures.

    just bench split                                              videos from the demo's clips
    just bench split <folder> --single-shots docs/benchmark-shots.txt --record
    just bench split <folder> --marked <folder>                   also videos with boundaries marked by people
"""

import math
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
from rich.progress import track

from pipeline.benchmarks.record import markdown_table, record
from pipeline.benchmarks.shots.draw import write_video
from pipeline.benchmarks.shots.footage import Footage, demo_footage, halves, listed_footage
from pipeline.benchmarks.shots.judge import Counts, interval, judge
from pipeline.benchmarks.shots.marked import read_marked
from pipeline.benchmarks.shots.marked_films import OURS, UNREPAIRED, report_marked, run_marked
from pipeline.benchmarks.shots.plan import FilmPlan, plan_videos
from pipeline.benchmarks.shots.rivals import NAMES, WIDTH, ClassicRivals, transnet_rivals
from pipeline.demo.build import build_demo_bucket
from pipeline.media.analysis_frame import AnalysisFrameMaker
from pipeline.media.decode import Decoder
from pipeline.media.probe import probe
from pipeline.media.rgb import RgbConverter
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.fused import FusedDetector
from pipeline.stages.split.repair import rejoin
from pipeline.stages.split.stage import STILL_GRID_SECONDS
from pipeline.stages.split.stills import Candidates, make_candidate
from schemas.command import make_parser
from schemas.config import SplitConfig
from schemas.errors import InputError
from schemas.ids import digest
from schemas.terminal import print_table

CACHE = Path("~/.cache/cutroom/benchmarks").expanduser()
_MEASURES = ("precision", "recall", "f1")
Judged = Mapping[str, Counts]


def main() -> int | None:
    """Entry point."""
    parser = make_parser("bench split", "Measure shot detectors on videos with ground truth.")
    parser.add_argument("folder", nargs="?", type=Path, help="folder of clips (default: the demo's)")
    parser.add_argument(
        "--single-shots", type=Path, metavar="FILE", help="names of its files that contain a single shot"
    )
    parser.add_argument("--half", choices=("report", "tune"), default="report", help="which half of the files")
    parser.add_argument("--share", type=float, default=1.0, help="a smaller or larger suite (default: 1 = 40 videos)")
    parser.add_argument("--films", type=Path, default=CACHE / "films", help="where the videos are kept")
    parser.add_argument("--workers", type=int, default=2, help="videos in parallel")
    parser.add_argument(
        "--marked", type=Path, metavar="FOLDER", help="folder of videos with boundaries marked by people"
    )
    parser.add_argument("--record", action="store_true", help="write the tables to docs/benchmarks.md")
    parsed = parser.parse_args()
    named = read_marked(parsed.marked) if parsed.marked else []
    videos = plan_videos(_clips(parsed.folder, parsed.single_shots, parsed.half), parsed.half, parsed.share)
    with ProcessPoolExecutor(parsed.workers, multiprocessing.get_context("spawn")) as pool:
        work = pool.map(partial(run_video, folder=parsed.films), videos)
        judged = list(track(work, "videos", total=len(videos), transient=True))
        marked = list(track(pool.map(run_marked, named), "marked videos", total=len(named), transient=True))
    parts = [*_report(videos, judged), *report_marked(marked)]
    if parsed.record:
        record("split", "Shots: accuracy on videos of known truth", parts, "just bench split " + " ".join(sys.argv[1:]))
    return None


def _clips(folder: Path | None, listing: Path | None, half: str) -> list[Footage]:
    if folder is None:
        bucket = CACHE / "demo"
        build_demo_bucket(bucket)
        clips = demo_footage(bucket)
    elif folder.is_dir():
        clips = listed_footage(folder, listing)
    else:
        raise InputError(f"{folder} is not a folder; give a folder of clips, or none for the demo's")
    chosen = halves(clips)[half == "report"]
    if len({clip.uri for clip in chosen}) < 2:
        raise InputError(
            f"{folder} has {len(chosen)} usable clips for the half {half!r}; at least two files are needed"
        )
    return chosen


def run_video(plan: FilmPlan, folder: Path) -> Judged:
    """Make the video unless it exists, run every detector on it, and evaluate the results."""
    cv2.setNumThreads(1)
    path = folder / f"{plan.name}-{digest(repr(plan))[:12]}.mp4"
    if not path.exists():
        write_video(plan, path)
    config = SplitConfig()
    with Candidates() as candidates:
        edges, detected = _detect(path, config, candidates)
    assert len(edges) == len(plan.kept_ticks()) + 1, f"{path} has {len(edges) - 1} frames, planned otherwise"
    truth = plan.boundaries()
    return {name: judge(truth, boundaries, edges, config.min_seconds) for name, boundaries in detected.items()}


def _detect(path: Path, config: SplitConfig, candidates: Candidates) -> tuple[list[float], dict[str, list[Boundary]]]:
    facts = probe(str(path), path.stat().st_size)
    geometry = facts.geometry
    converter = RgbConverter(geometry)
    maker, rivals = AnalysisFrameMaker(geometry, converter), ClassicRivals()
    ours = FusedDetector(*config.thresholds(), threads=1)
    height, still = round(WIDTH * facts.height / facts.width), geometry.fitted(config.still_short_side)
    times = []
    with Decoder(str(path), facts.track) as decoder:
        for index, timed in enumerate(decoder.frames()):
            ours.push(maker.make(index, timed, timed.time))
            rivals.push(converter.rgb(timed.frame, WIDTH, height))
            if candidates.last is None or timed.time - candidates.last >= STILL_GRID_SECONDS:
                candidates.add(make_candidate(timed.time, index, converter.rgb(timed.frame, *still)))
            times.append(timed.time)
    edges = [*times, facts.start_time + facts.duration]
    marks = ours.measure()
    boundaries = ours.find(marks)
    embed = EfficientNetLite0(threads=1).embed
    detected = {
        OURS: rejoin(boundaries, candidates, edges, embed, config.sure_probability, config.rejoin_similarity),
        UNREPAIRED: boundaries,
        **rivals.finish(),
        **transnet_rivals(marks.answers),
    }
    return edges, detected


def _report(videos: Sequence[FilmPlan], judged: Sequence[Judged]) -> list[str]:
    """Print the tables; return them in Markdown."""
    groups = {
        kind: [result for video, result in zip(videos, judged, strict=True) if video.kind == kind]
        for kind in _kinds(videos)
    }
    gradual = [result for kind, part in groups.items() if kind != "cut" for result in part]
    tables = []
    for title, part in {**groups, "all gradual": gradual, "all": list(judged)}.items():
        if not part:
            continue
        rows = [_row(name, [result[name] for result in part]) for name in (OURS, UNREPAIRED, *NAMES)]
        true = sum(result[OURS].true for result in part)
        tables.append(_table(f"{title}: {len(part)} videos, {true} boundaries", rows))
    troubles = sorted({video.trouble for video in videos})
    rows = [
        _row(trouble, [result[OURS] for video, result in zip(videos, judged, strict=True) if video.trouble == trouble])
        for trouble in troubles
    ]
    tables.append(_table(f"{OURS}, by trouble", rows))
    return tables


def _kinds(videos: Sequence[FilmPlan]) -> list[str]:
    return list(dict.fromkeys(video.kind for video in videos))


def _row(name: str, videos: Sequence[Counts]) -> tuple[str, ...]:
    total = sum(videos, Counts())
    errors = sorted(total.errors)
    median, late = (errors[math.floor(share * (len(errors) - 1))] for share in (0.5, 0.95)) if errors else ("", "")
    values = [f"{getattr(total, measure):.3f}" for measure in ("precision", "recall")]
    spans = [
        f"{getattr(total, measure):.3f} ({low:.3f}-{high:.3f})"
        for measure in ("f1", "purity")
        for low, high in [interval(videos, measure)]
    ]
    return (
        name, *values, spans[0], f"{median}/{late}", f"{total.clips}", spans[1], f"{total.coverage:.3f}",
    )  # fmt: skip


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    headings = (
        "detector",
        "precision",
        "recall",
        "F1 (95 %)",
        "off by, median/95 %",
        "clips",
        "pure (95 %)",
        "covered",
    )
    print_table(title, headings, rows)
    return f"### {title}\n\n{markdown_table(headings, rows)}"
