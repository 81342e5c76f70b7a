"""Reads a finished dataset as caption records and makes its caption-quality report; the measures are in `captioning`.

Every planned sample counts, with the stills inside its span as its evidence; a sample without a caption is a record
with the error. Columns and tables that a dataset lacks (labels, embeddings, overviews) leave their part of the record
empty.

    report = report_of(Dataset("datasets/demo"), Settings())
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2

from captioning.captioners.colours import measure_appearance
from captioning.quality.evidence import TextVectors
from captioning.quality.judge import Settings, make_report
from captioning.quality.records import CaptionRecord, FrameCaption, FunnelStep, Report
from pipeline.dataset.folder import Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.stage import Row
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS, OVERVIEWS
from schemas.contract import TableContract
from schemas.dataset_files import LEDGER_FILE
from schemas.errors import DatasetError, MediaError
from schemas.media_tables import STILL_IMAGES, VIDEOS
from schemas.named_values import dict_of
from schemas.outcome_tables import LEDGER

# Reasons of the same kind differ in their numbers; the funnel shows the most frequent ones of each state.
REASONS_SHOWN = 5
# Only the columns needed, so that datasets of an older contract can be reported on too.
_CLIP_COLUMNS = [
    "clip_id", "video_id", "camera", "motion", "camera_motion", "subject_motion",
]  # fmt: skip


def report_of(dataset: Dataset, settings: Settings) -> Report:
    """Read a dataset and report on its captions; name, funnel, models and budget come from the dataset.

    Raises `DatasetError` if the folder is not a dataset or has no captions.
    """
    record = dataset.read_record()
    summarise = record.get("config", {}).get("summarise", {})
    settings = replace(
        settings,
        dataset=settings.dataset or dataset.store.uri.rstrip("/").rsplit("/", 1)[-1],
        funnel=settings.funnel or read_funnel(dataset),
        token_budget=summarise.get("token_budget", settings.token_budget),
    )
    return make_report(read_records(dataset), settings)


def image_text_of(dataset: Dataset) -> TextVectors | None:
    """The text encoder that matches the dataset's image vectors, loaded when first called; None if there is none."""
    from pipeline.stages.score.scorers.clip_text import ClipText

    score = dataset.read_record().get("config", {}).get("score", {})
    return ClipText.of(score.get("embedder", ""), score.get("embedder_weights", "") or None)


def read_records(dataset: Dataset) -> list[CaptionRecord]:
    """One record per planned sample, sorted by id."""
    history = History(dataset)
    stages: Mapping[str, Any] = history.record.get("stages", {})
    if "summarise" not in stages:
        raise DatasetError(f"{dataset.store.uri} holds no captions; `just curate` makes them")

    def table(folder: str, stage: str, contract: TableContract, columns: list[str] | None = None) -> list[Row]:
        if stage not in stages:
            return []
        rows: list[Row] = history.parts(folder, stage, contract, columns).to_pylist()
        return rows

    captions = {row["sample_id"]: row for row in table("captions", "summarise", CAPTIONS)}
    overviews = {row["sample_id"]: row for row in table("overviews", "overview", OVERVIEWS)}
    clips = {row["clip_id"]: row for row in table("clips", "split", CLIPS, _CLIP_COLUMNS)}
    sources: dict[str, str] = {
        row["video_id"]: row["key"] for row in table("videos", "ingest", VIDEOS, ["object_id", "video_id", "key"])
    }
    frame_captions = {row["still_id"]: row for row in table("frame_captions", "caption", FRAME_CAPTIONS)}
    frames = _frames(table, frame_captions)
    reasons = {row["id"]: row["reason"] for row in dataset.read_table(LEDGER_FILE, LEDGER).to_pylist()}
    records = []
    for key, span in sorted(history.spans.items()):
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
    return records


def read_funnel(dataset: Dataset) -> tuple[FunnelStep, ...]:
    """The number of videos, clips and samples in each state, with the most frequent reasons."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in dataset.read_table(LEDGER_FILE, LEDGER).to_pylist():
        counts[row["kind"], row["state"]][row["reason"] or ""] += 1
    steps = []
    for (kind, state), reasons in sorted(counts.items()):
        top = reasons.most_common(REASONS_SHOWN)
        rest = reasons.total() - sum(count for _, count in top)
        steps += [FunnelStep(kind=kind, state=state, reason=reason, count=count) for reason, count in top]
        steps += [FunnelStep(kind=kind, state=state, reason="other reasons", count=rest)] if rest else []
    return tuple(steps)


def _frames(table: Any, frame_captions: Mapping[str, Row]) -> dict[str, FrameCaption]:
    """Frame captions by still id, with the facts of their stills; `time` is set later, relative to the sample."""
    labels = {row["still_id"]: row for row in table("labels", "label", LABELS)}
    vectors = {row["still_id"]: row["vector"] for row in table("embeddings", "embed", EMBEDDINGS)}
    image_facts = {}
    for row in table("still_images", "split", STILL_IMAGES, ["still_id", "image"]):
        if row["still_id"] in frame_captions:
            image_facts[row["still_id"]] = _image_facts(row["image"])
    frames = {}
    for still, row in frame_captions.items():
        named = labels.get(still, {})
        colours, brightness = image_facts.get(still, ((), None))
        frames[still] = FrameCaption(
            still_id=still,
            time=0.0,
            text=row["caption"] or "",
            labels=tuple(zip(named.get("names") or (), named.get("probabilities") or (), strict=True)),
            vector=tuple(vectors.get(still) or ()),
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
