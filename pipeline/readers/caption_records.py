"""Reads the captions of a finished dataset as records for a report: a sample, its words, and their evidence.

Every planned sample is a record, with the stills inside its span as its evidence; a sample without a caption is one
with the error. Columns and tables that a dataset lacks (labels, embeddings, overviews) leave their part of the record
empty. Only the rows of the chosen samples become Python objects; DuckDB finds them.

    records, planned = read_records(Dataset("datasets/demo"), most=20_000)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from captioning.captioners.colours import measure_appearance
from captioning.quality.records import CaptionRecord, FrameCaption
from pipeline.dataset.folder import Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.stage import Row
from pipeline.stages.pack.rounds import count_of
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS, OVERVIEWS
from schemas.contract import TableContract
from schemas.dataset_files import LEDGER_FILE, SPANS_FILE
from schemas.errors import DatasetError, MediaError
from schemas.media_tables import STILL_IMAGES, VIDEOS
from schemas.named_values import dict_of
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

# Only the columns needed, so that datasets of an older contract can be reported on too.
_CLIP_COLUMNS = [
    "clip_id", "video_id", "camera", "motion", "camera_motion", "subject_motion",
]  # fmt: skip


def read_records(dataset: Dataset, most: int = 0) -> tuple[list[CaptionRecord], int]:
    """A record for each of `most` planned samples (0: all), sorted by id; and how many are planned."""
    from pipeline.dataset.query import querying

    history = History(dataset)
    if "summarise" not in history.record.get("stages", {}):
        raise DatasetError(f"{dataset.store.uri} holds no captions; `just curate` makes them")
    with querying(dataset.store) as connection:
        # First: captions of clips, as earlier versions made them, are refused with what helps.
        history.relation(connection, "captions", "summarise", CAPTIONS, CAPTIONS.names)
        tables = _Tables(history, connection, most)
        captions = tables.of_samples("captions", "summarise", CAPTIONS)
        overviews = tables.of_samples("overviews", "overview", OVERVIEWS)
        clips = tables.of_clips()
        frame_captions = tables.of_stills("frame_captions", "caption", FRAME_CAPTIONS)
        frames = _frames(tables, frame_captions)
        reasons, sources, spans = tables.reasons(), tables.sources(), tables.spans()
    records = []
    for key, span in spans.items():
        captioned = [still["still_id"] for still in span["stills"] if still["still_id"] in frame_captions]
        clip = clips[span["clip_id"]]
        records.append(
            _record(
                span,
                clip,
                sources[clip["video_id"]],
                # A sample none of whose stills has a caption never reached the summariser.
                captions.get(key, {"error": reasons.get(key)}),
                [
                    replace(frames[still], time=frame_captions[still]["time"] - span["start_time"])
                    for still in captioned
                ],
                frame_captions[captioned[0]] if captioned else {},
                overviews.get(key, {}),
            )
        )
    return records, tables.planned


class _Tables:
    """The rows of a dataset's tables that belong to the samples of a report, by their key."""

    def __init__(self, history: History, connection: "Connection", most: int) -> None:
        from pipeline.dataset.query import stored

        self._history, self._connection = history, connection
        spans = history.dataset.relation(connection, SPANS_FILE, SAMPLE_SPANS)
        self.planned = count_of(spans)
        chosen = spans.order("md5(sample_id)").limit(most) if most else spans
        self._spans = stored(connection, chosen)
        self._samples = self._spans.project("sample_id")
        self._clips = stored(connection, self._spans.project("clip_id").distinct())
        stills = self._spans.project("unnest(list_transform(stills, lambda still: still.still_id)) AS still_id")
        self._stills = stored(connection, stills.distinct())

    def spans(self) -> dict[str, Row]:
        """The samples, sorted by id."""
        return _by("sample_id", self._spans.order("sample_id"))

    def of_samples(self, folder: str, stage: str, contract: TableContract) -> dict[str, Row]:
        """The rows of the samples in a stage's table."""
        return self._of(folder, stage, contract, contract.names, self._samples)

    def of_stills(
        self, folder: str, stage: str, contract: TableContract, columns: Sequence[str] = ()
    ) -> dict[str, Row]:
        """The rows of their stills."""
        return self._of(folder, stage, contract, columns or contract.names, self._stills)

    def of_clips(self) -> dict[str, Row]:
        """The rows of their clips."""
        return self._of("clips", "split", CLIPS, _CLIP_COLUMNS, self._clips)

    def sources(self) -> dict[str, str]:
        """The keys of their sources, by video id."""
        videos = self._clips.project("split_part(clip_id, '-', 1) AS video_id").distinct()
        rows = self._history.relation(self._connection, "videos", "ingest", VIDEOS, ["object_id", "video_id", "key"])
        return dict(rows.join(videos, "video_id", how="semi").project("video_id, key").fetchall())

    def reasons(self) -> dict[str, str]:
        """Why they are in the state in which they are."""
        ledger = self._history.dataset.relation(self._connection, LEDGER_FILE, LEDGER, ["id", "reason"])
        return dict(ledger.join(self._samples.project("sample_id AS id"), "id", how="semi").fetchall())

    def _of(
        self, folder: str, stage: str, contract: TableContract, columns: Sequence[str], keys: "Relation"
    ) -> dict[str, Row]:
        if stage not in self._history.record["stages"]:
            return {}
        rows = self._history.relation(self._connection, folder, stage, contract, columns)
        return _by(contract.key, rows.join(keys, contract.key, how="semi"))


def _by(key: str, rows: "Relation") -> dict[str, Row]:
    return {row[key]: row for row in rows.to_arrow_table().to_pylist()}


def _frames(tables: _Tables, frame_captions: Mapping[str, Row]) -> dict[str, FrameCaption]:
    """Frame captions by still id, with the facts of their stills; `time` is set later, relative to the sample."""
    labels = tables.of_stills("labels", "label", LABELS)
    vectors = tables.of_stills("embeddings", "embed", EMBEDDINGS)
    images = tables.of_stills("still_images", "split", STILL_IMAGES, ["still_id", "image"])
    image_facts = {key: _image_facts(row["image"]) for key, row in images.items() if key in frame_captions}
    frames = {}
    for still, row in frame_captions.items():
        named = labels.get(still, {})
        colours, brightness = image_facts.get(still, ((), None))
        frames[still] = FrameCaption(
            still_id=still,
            time=0.0,
            text=row["caption"] or "",
            labels=tuple(zip(named.get("names") or (), named.get("probabilities") or (), strict=True)),
            vector=tuple(vectors.get(still, {}).get("vector") or ()),
            colours=colours,
            brightness=brightness,
        )
    return frames


def _image_facts(image: bytes) -> tuple[tuple[tuple[str, float], ...], float | None]:
    try:
        facts = measure_appearance(image)
    except (MediaError, cv2.error):
        return (), None
    return facts.colours, facts.brightness


def _record(
    span: Row,
    clip: Row,
    source: str,
    caption: Row,
    frames: Sequence[FrameCaption],
    frame_caption: Row,
    overview: Row,
) -> CaptionRecord:
    hashes: Iterable[str | None] = (
        frame_caption.get("prompt_hash"),
        overview.get("prompt_hash"),
        caption.get("prompt_hash"),
    )
    return CaptionRecord(
        sample_id=span["sample_id"],
        source=source,
        bucket=span["bucket"],
        duration=span["end_time"] - span["start_time"],
        short=caption.get("short") or "",
        medium=caption.get("medium") or "",
        dense=caption.get("dense") or "",
        fields=dict_of(caption.get("fields")),
        tokens=caption.get("tokens") or 0,
        token_counter=caption.get("token_counter") or "",
        budget=caption.get("budget"),
        fallback=caption.get("fallback"),
        error=caption.get("error"),
        frames=tuple(frames),
        overview=overview.get("overview") or "",
        camera=clip.get("camera"),
        motion=clip.get("motion"),
        camera_motion=clip.get("camera_motion"),
        subject_motion=clip.get("subject_motion"),
        captioner=frame_caption.get("captioner") or "",
        captioner_model=frame_caption.get("model") or "",
        summariser=caption.get("summariser") or "",
        summariser_model=caption.get("model") or "",
        prompt_hashes=tuple(dict.fromkeys(prompt_hash for prompt_hash in hashes if prompt_hash)),
    )
