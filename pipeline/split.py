"""Split: one sequential decode of a video gives its shots, clips, stills and cheap measures.

Every frame is reduced once for looking (`pipeline.media.look`), and detectors and measures share that. Stills are taken
on a half-second grid (and of every frame that stays that long) while it is not yet known where clips will lie; they
wait in a temporary file, not in memory, and the nearest ones are kept. A picture file becomes a
clip of one frame with one still.

    just curate <bucket>
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.detectors import DETECTORS
from pipeline.detectors.base import Boundary, Detector
from pipeline.measures import Measurer
from pipeline.media.decode import Decoder, PacketSizes, TimedFrame
from pipeline.media.geometry import Geometry
from pipeline.media.look import LookMaker, look_at_picture
from pipeline.media.picture import PictureMaker
from pipeline.media.picture_file import read_picture
from pipeline.memory import give_back_freed
from pipeline.repair import rejoin
from pipeline.scorers.efficientnet import EfficientNetLite0
from pipeline.spans import Span, find_shots, make_spans
from pipeline.stage import Output, Result, Row
from pipeline.stills import Candidates, choose_stills, make_candidate, still_row
from schemas.config import SplitConfig
from schemas.errors import MediaError
from schemas.ids import clip_id
from schemas.media_tables import CLIPS, SPLITS, STILLS

VERSION = 5
OUTPUTS = (
    Output(folder="splits", contract=SPLITS, parent="video_id"),
    Output(folder="clips", contract=CLIPS, parent="video_id"),
    Output(folder="stills", contract=STILLS, parent="video_id"),
)
STILL_GRID_SECONDS = 0.5
_TRIM_FRAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the decode pass leaves: `edges[i]` to `edges[i + 1]` is frame i's time on screen."""

    edges: list[float]
    boundaries: list[Boundary]
    measurer: Measurer
    damaged_packets: int


class Split:
    """Rows: the ok rows of the videos table. Builds its detector (and loads the network) once, unless one is given."""

    def __init__(self, config: SplitConfig, threads: int, detector: Detector | None = None) -> None:
        self._config = config
        self._detector = detector or DETECTORS[config.detector](config, threads)
        self._embedder: EfficientNetLite0 | None = None
        self._threads = threads

    def process(self, row: Row) -> Result:
        """Split one source. Raises `MediaError` if nothing of it can be decoded."""
        geometry = Geometry(row["rotation"], row["width"], row["height"])
        if row["kind"] == "image":
            return _split_picture(row, geometry, self._config)
        with Candidates() as candidates:
            seen = self._look(row, geometry, candidates)
            boundaries = self._rejoin(seen, candidates)
            shots = find_shots(boundaries, len(seen.edges) - 1)
            spans = make_spans(shots, seen.edges, self._config.min_seconds, self._config.max_seconds)
            clips = [_clip_row(row, span, seen.measurer) for span in spans]
            stills = [
                still
                for clip, span in zip(clips, spans, strict=True)
                for still in choose_stills(clip, span, candidates, self._config.still_seconds)
            ]
        values = {
            "video_id": row["video_id"],
            "decoded_frames": len(seen.edges) - 1,
            "shots": len(shots),
            "clips": len(spans),
            "boundaries": [seen.edges[start] for start, _ in shots[1:]],
            "reason": None if spans else _why_empty(shots, seen.edges, self._config.min_seconds),
        }
        counters = {
            "decoded_frames": len(seen.edges) - 1,
            "damaged_packets": seen.damaged_packets,
            "videos_decoded": 1,
        }
        return Result(key=row["video_id"], values=values, others={"clips": clips, "stills": stills}, counters=counters)

    def _rejoin(self, seen: _Seen, candidates: Candidates) -> list[Boundary]:
        """The boundaries without doubtful ones inside one scene. The embedder is loaded when the first doubt arises."""
        config = self._config
        if all(one.probability >= config.sure_probability for one in seen.boundaries):
            return seen.boundaries
        if self._embedder is None:
            self._embedder = EfficientNetLite0(threads=self._threads)
        return rejoin(
            seen.boundaries,
            candidates,
            seen.edges,
            self._embedder.embed,
            config.sure_probability,
            config.rejoin_similarity,
        )

    def _look(self, row: Row, geometry: Geometry, candidates: Candidates) -> _Seen:
        """The one decode pass."""
        times: list[float] = []
        end = 0.0
        maker = PictureMaker(geometry)
        looks, still = LookMaker(geometry, maker), geometry.fitted(self._config.still_short_side)
        # At least three stills of the shortest clip, and one wherever one is wanted.
        grid = min(STILL_GRID_SECONDS, self._config.min_seconds / 4, self._config.still_seconds)
        try:
            with Decoder(row["uri"], self._threads) as decoder:
                measurer = Measurer(geometry.width, geometry.height, decoder.packets)
                for index, (timed, end) in enumerate(_with_ends(decoder.frames(), row["nominal_fps"])):
                    frame = looks.look(index, timed, end)
                    self._detector.push(frame)
                    measurer.push(frame)
                    if candidates.last is None or timed.time - candidates.last >= grid or end - timed.time >= grid:
                        candidates.add(make_candidate(timed.time, index, maker.rgb(timed.frame, *still)))
                    times.append(timed.time)
                    if len(times) % _TRIM_FRAMES == 0:
                        give_back_freed()
        finally:
            boundaries = self._detector.finish()  # also after an error: the detector serves the next video
        if not times:
            raise MediaError("no frame can be decoded")
        return _Seen(
            edges=[*times, end],
            boundaries=boundaries,
            measurer=measurer,
            damaged_packets=decoder.damaged_packets,
        )


def _with_ends(frames: Iterable[TimedFrame], nominal_fps: float | None) -> Iterator[tuple[TimedFrame, float]]:
    """Each frame with the time at which it leaves the screen."""
    held: TimedFrame | None = None
    first, count = 0.0, 0
    for timed in frames:
        if held is None:
            first = timed.time
        else:
            yield held, timed.time
        held = timed
        count += 1
    if held is not None:
        seconds = float((held.frame.duration or 0) * (held.frame.time_base or 0))
        average = (held.time - first) / max(1, count - 1)
        yield held, held.time + (seconds or average or 1 / (nominal_fps or 25))


def _why_empty(shots: list[tuple[int, int]], edges: list[float], minimum: float) -> str:
    longest = max((edges[end] - edges[start] for start, end in shots), default=0.0)
    which = "its only shot" if len(shots) == 1 else f"the longest of its {len(shots)} shots"
    return f"{which} lasts {longest:.2f} s, less than split.min_seconds = {minimum:g}"


def _clip_row(row: Row, span: Span, measurer: Measurer) -> Row:
    return {
        "clip_id": clip_id(row["video_id"], span.start_time, span.end_time),
        "video_id": row["video_id"],
        "kind": "video",
        "shot": span.shot,
        "start_time": span.start_time,
        "end_time": span.end_time,
        "start_frame": span.start_frame,
        "end_frame": span.end_frame,
        "duration": span.duration,
        "fps": (span.end_frame - span.start_frame) / span.duration,
        "width": row["width"],
        "height": row["height"],
        **measurer.summarise(span.start_frame, span.end_frame),
    }


def _split_picture(row: Row, geometry: Geometry, config: SplitConfig) -> Result:
    picture = read_picture(row["uri"])
    packets = PacketSizes()
    packets.add(0.0, row["bytes"])
    measurer = Measurer(row["width"], row["height"], packets)
    measurer.push(look_at_picture(picture))
    clip: Row = {
        "clip_id": clip_id(row["video_id"], 0.0, 0.0),
        "video_id": row["video_id"],
        "kind": "image",
        "shot": 0,
        "start_time": 0.0,
        "end_time": 0.0,
        "start_frame": 0,
        "end_frame": 1,
        "duration": 0.0,
        "fps": 0.0,
        "width": row["width"],
        "height": row["height"],
        **measurer.summarise(0, 1),
    }
    size = geometry.fitted(config.still_short_side)
    candidate = make_candidate(0.0, 0, np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
    values = {
        "video_id": row["video_id"],
        "decoded_frames": 1,
        "shots": 1,
        "clips": 1,
        "boundaries": [],
        "reason": None,
    }
    others = {"clips": [clip], "stills": [still_row(clip, 0, candidate)]}
    counters = {"decoded_frames": 1, "pictures_decoded": 1}
    return Result(key=row["video_id"], values=values, others=others, counters=counters)
