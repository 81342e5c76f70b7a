"""Split: one sequential decode of a video gives its shots, clips, stills and cheap measures.

Every frame is scaled down once (`pipeline.media.analysis_frame`), and detectors and measures share the result. Stills
are taken on a half-second grid (and of every frame that is shown that long) before the clips are known. They wait in a
temporary file, not in memory, and those nearest to the wanted times are kept. Where a video's timestamps jump or its
geometry changes, a part ends (`pipeline.media.parts`); each part is split like a video of its own. An image file
becomes a clip of one frame with one still.

    just curate <bucket>
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.measures.clips_table import CLIPS
from pipeline.measures.combing import CombMeter
from pipeline.measures.measurer import Measurer
from pipeline.media.analysis_frame import AnalysisFrameMaker, analyse_image
from pipeline.media.decode import Decoder, PacketSizes
from pipeline.media.geometry import Geometry
from pipeline.media.image_file import read_image
from pipeline.media.parts import Part, ShownFrame, parts_of
from pipeline.media.rgb import RgbConverter
from pipeline.media.tracks import track_of
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.installed import check_installed
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.specification import make_spec, versions_of
from pipeline.stages.split.detectors import DETECTORS, make_detector
from pipeline.stages.split.detectors.base import Boundary, Detector
from pipeline.stages.split.memory import give_back_freed
from pipeline.stages.split.repair import rejoin
from pipeline.stages.split.spans import Span, find_confidences, find_shots, make_spans
from pipeline.stages.split.stills import Candidates, Still, choose_stills, make_candidate, make_still
from pipeline.stages.weights import content_of
from pipeline.storage.store import unchanged_source
from schemas.config import RunConfig, SplitConfig
from schemas.errors import ConfigError, MediaError
from schemas.ids import clip_id
from schemas.media_tables import SPLITS, STILL_IMAGES, STILLS
from schemas.nearest import did_you_mean

VERSION = 8
OUTPUTS = (
    Output(folder="splits", contract=SPLITS, parent="video_id"),
    Output(folder="clips", contract=CLIPS, parent="video_id"),
    Output(folder="stills", contract=STILLS, parent="video_id"),
    # Before there was this table, the image was the last column of the one above.
    Output(
        folder="still_images",
        contract=STILL_IMAGES,
        parent="video_id",
        media=True,
        rows_per_group=32,
        hashed=("image",),
    ),
)
STILL_GRID_SECONDS = 0.5
_TRIM_FRAMES = 1000


def spec(config: RunConfig, ingest: StageSpec) -> StageSpec:
    """Rows: readable sources."""
    detector = DETECTORS[config.split.detector]
    return make_spec(
        "split",
        Split,
        VERSION,
        OUTPUTS,
        settings=config.split.model_dump(exclude={"videos_per_part"})
        | {"head": content_of(str(detector.weights or ""))},
        arguments={"config": config.split, "threads": 1},
        upstream=[ingest],
        model=versions_of(detector.packages),
        identity=("identity",),
        rows_per_part=config.split.videos_per_part,
    )


def check(config: RunConfig) -> None:
    """Raise `ConfigError` if there is no such detector, or its package is missing, before any work is done."""
    name = config.split.detector
    if name not in DETECTORS:
        raise ConfigError(f"split.detector = {name!r}; {did_you_mean(name, DETECTORS)}")
    check_installed("split.detector", name, DETECTORS[name].packages)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartSplit:
    """The result for one part of a video. Frame i is shown from `edges[i]` to `edges[i + 1]`, in seconds."""

    part: Part
    edges: list[float]
    shots: list[tuple[int, int]]
    confidences: list[float]
    clips: list[Row]
    stills: list[Still]


class Split:
    """Rows: the ok rows of the videos table. Builds its detector (and loads the network) once unless one is passed."""

    def __init__(self, config: SplitConfig, threads: int, detector: Detector | None = None) -> None:
        self._config = config
        self._detector = detector or make_detector(config, threads)
        self._embedder: EfficientNetLite0 | None = None
        self._threads = threads

    def process(self, row: Row) -> Result:
        """Split a source. Raises `MediaError` if no frame can be decoded, or if the file changed meanwhile."""
        with unchanged_source(row):
            if row["kind"] == "image":
                return _split_image(row, self._config)
            parts: list[_PartSplit] = []
            combing = CombMeter()
            with Decoder(row["uri"], track_of(row), self._threads, combing.watch) as decoder:
                for part, frames in parts_of(decoder):
                    shots_before = sum(len(done.shots) for done in parts)
                    parts.append(self._split_part(row, part, frames, decoder.packets, shots_before))
        if not parts:
            raise MediaError("no frame can be decoded")
        for part_split in parts:
            for clip in part_split.clips:
                clip["interlaced"] = combing.share(clip["start_time"], clip["end_time"])
        return _result(row, parts, decoder, self._config.min_seconds)

    def _split_part(
        self, row: Row, part: Part, frames: Iterator[ShownFrame], packets: PacketSizes, shots_before: int
    ) -> _PartSplit:
        with Candidates() as candidates:
            first, edges, boundaries, measurer = self._analyse(part, frames, packets, candidates)
            boundaries = self._rejoin(boundaries, edges, candidates)
            shots = find_shots(boundaries, len(edges) - 1, self._config.trim_frames)
            spans = make_spans(shots, edges, self._config.min_seconds, self._config.max_seconds)
            clips = [_clip_row(row, part, span, measurer, first, shots_before) for span in spans]
            stills = [
                still
                for clip, span in zip(clips, spans, strict=True)
                for still in choose_stills(clip, span, candidates, self._config.still_seconds)
            ]
        confidences = find_confidences(boundaries, shots)
        return _PartSplit(part=part, edges=edges, shots=shots, confidences=confidences, clips=clips, stills=stills)

    def _rejoin(self, boundaries: list[Boundary], edges: list[float], candidates: Candidates) -> list[Boundary]:
        """Drop doubtful boundaries inside a scene. The embedder is loaded when the first doubtful boundary appears."""
        config = self._config
        if all(boundary.probability >= config.sure_probability for boundary in boundaries):
            return boundaries
        if self._embedder is None:
            self._embedder = EfficientNetLite0(threads=self._threads)
        return rejoin(
            boundaries, candidates, edges, self._embedder.embed, config.sure_probability, config.rejoin_similarity
        )

    def _analyse(
        self, part: Part, frames: Iterator[ShownFrame], packets: PacketSizes, candidates: Candidates
    ) -> tuple[int, list[float], list[Boundary], Measurer]:
        """Process every frame of a part. Returns the index of its first frame, its edges, boundaries and measurer."""
        edges: list[float] = []
        first, end = 0, 0.0
        maker = RgbConverter(part.geometry)
        analysis_frames, still = (
            AnalysisFrameMaker(part.geometry, maker),
            part.geometry.fitted(self._config.still_short_side),
        )
        measurer = Measurer(part.geometry.width, part.geometry.height, packets)
        # Fine enough for three stills of the shortest clip, and for a still at every wanted time.
        grid = min(STILL_GRID_SECONDS, self._config.min_seconds / 4, self._config.still_seconds)
        try:
            for index, shown in enumerate(frames):
                timed, first, end = shown.timed, shown.index - index, shown.end
                frame = analysis_frames.make(index, timed, end)
                self._detector.push(frame)
                measurer.push(frame)
                if candidates.last is None or timed.time - candidates.last >= grid or end - timed.time >= grid:
                    candidates.add(make_candidate(timed.time, index, maker.rgb(timed.frame, *still)))
                edges.append(timed.time)
                if len(edges) % _TRIM_FRAMES == 0:
                    give_back_freed()
        finally:
            boundaries = self._detector.finish()  # also after an error: the detector serves the next video
        return first, [*edges, end], boundaries, measurer


def _result(row: Row, parts: list[_PartSplit], decoder: Decoder, min_seconds: float) -> Result:
    clips = [clip for part in parts for clip in part.clips]
    shots = [(part.edges[start], part.edges[end]) for part in parts for start, end in part.shots]
    frames = sum(len(part.edges) - 1 for part in parts)
    values = {
        "video_id": row["video_id"],
        "decoded_frames": frames,
        "shots": len(shots),
        "clips": len(clips),
        "boundaries": [start for start, _ in shots[1:]],
        "boundary_probabilities": [
            probability for part in parts for probability in (1.0, *part.confidences)[: len(part.shots)]
        ][1:],
        "parts": [
            {
                "start_time": part.edges[0],
                "end_time": part.edges[-1],
                "width": part.part.geometry.width,
                "height": part.part.geometry.height,
                "cause": part.part.cause,
            }
            for part in parts
        ],
        "reason": None if clips else _why_empty(shots, min_seconds),
    }
    counters = {"decoded_frames": frames, "damaged_packets": decoder.damaged_packets, "videos_decoded": 1}
    others = {"clips": clips, **_tables_of([still for part in parts for still in part.stills])}
    return Result(key=row["video_id"], values=values, others=others, counters=counters)


def _tables_of(stills: Sequence[Still]) -> dict[str, list[Row]]:
    return {"stills": [still.row for still in stills], "still_images": [still.image_row for still in stills]}


def _why_empty(shots: list[tuple[float, float]], minimum: float) -> str:
    longest = max((end - start for start, end in shots), default=0.0)
    which = "its only shot" if len(shots) == 1 else f"the longest of its {len(shots)} shots"
    return f"{which} lasts {longest:.2f} s, less than split.min_seconds = {minimum:g}"


def _clip_row(row: Row, part: Part, span: Span, measurer: Measurer, first_frame: int, shots_before: int) -> Row:
    return {
        "clip_id": clip_id(row["video_id"], span.start_time, span.end_time),
        "video_id": row["video_id"],
        "kind": "video",
        "shot": shots_before + span.shot,
        "start_time": span.start_time,
        "end_time": span.end_time,
        "start_frame": first_frame + span.start_frame,
        "end_frame": first_frame + span.end_frame,
        "duration": span.duration,
        "fps": (span.end_frame - span.start_frame) / span.duration,
        **_geometry_columns(part.geometry),
        **measurer.summarise(span.start_frame, span.end_frame),
    }


def _geometry_columns(geometry: Geometry) -> Row:
    return {
        "width": geometry.width,
        "height": geometry.height,
        "rotation": geometry.rotation,
        "mirrored": geometry.mirrored,
    }


def _split_image(row: Row, config: SplitConfig) -> Result:
    geometry = Geometry(0, row["width"], row["height"])
    image = read_image(row["uri"])
    packets = PacketSizes()
    packets.add(0.0, row["bytes"])
    measurer = Measurer(row["width"], row["height"], packets)
    measurer.push(analyse_image(image))
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
        **_geometry_columns(geometry),
        "interlaced": None,
        **measurer.summarise(0, 1),
    }
    size = geometry.fitted(config.still_short_side)
    candidate = make_candidate(0.0, 0, np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))
    values = {
        "video_id": row["video_id"],
        "decoded_frames": 1,
        "shots": 1,
        "clips": 1,
        "boundaries": [],
        "boundary_probabilities": [],
        "parts": [],
        "reason": None,
    }
    others = {"clips": [clip], **_tables_of([make_still(clip, 0, candidate)])}
    counters = {"decoded_frames": 1, "pictures_decoded": 1}
    return Result(key=row["video_id"], values=values, others=others, counters=counters)
