"""Reads a finished dataset as caption records and makes its caption-quality report; the measures are in `captioning`.

Only clips that were to be captioned (kept by selection) count; one whose captioning failed is a record with the error.
Columns and tables that a dataset lacks (labels, embeddings, overviews) leave their part of the record empty.

    just report <dataset>
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2

from captioning.captioners.colours import look
from captioning.quality.evidence import TextVectors
from captioning.quality.judge import Settings, make_report
from captioning.quality.records import CaptionRecord, FrameCaption, FunnelStep, Report
from pipeline.dataset import Dataset
from pipeline.history import SELECTION_FILE, History
from pipeline.stage import Row
from pipeline.verify import INDEX, LEDGER_FILE
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS, OVERVIEWS
from schemas.contract import TableContract
from schemas.errors import DatasetError, MediaError
from schemas.media_tables import CLIPS, STILLS, VIDEOS
from schemas.outcome_tables import LEDGER, SAMPLES, SELECTION

# Reasons of the same kind differ in their numbers; a funnel shows the most frequent ones of each state.
REASONS_SHOWN = 5
# Only what is read is asked for, so that datasets of an older contract can be reported on too.
_CLIP_COLUMNS = [
    "clip_id", "video_id", "start_time", "duration", "camera", "motion", "camera_motion", "subject_motion",
]  # fmt: skip


def report_of(dataset: Dataset, settings: Settings) -> Report:
    """Read a dataset and report on its captions; name, funnel, models and budget of `settings` come from the dataset.

    Raises `DatasetError` if the folder is no dataset or holds no captions.
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
    """The text tower that belongs to the dataset's image vectors, loaded when first called; None if there is none."""
    from pipeline.scorers.clip_text import ClipText

    score = dataset.read_record().get("config", {}).get("score", {})
    return ClipText.of(score.get("embedder", ""), score.get("embedder_weights", "") or None)


def read_records(dataset: Dataset) -> list[CaptionRecord]:
    """One record per clip that was to be captioned, sorted by id."""
    history = History(dataset)
    stages: Mapping[str, Any] = history.record.get("stages", {})
    if "summarise" not in stages:
        raise DatasetError(f"{dataset.store.uri} holds no captions; `just curate` makes them")

    def table(folder: str, stage: str, contract: TableContract, columns: list[str] | None = None) -> list[Row]:
        if stage not in stages:
            return []
        rows: list[Row] = history.parts(folder, stage, contract, columns).to_pylist()
        return rows

    captions = {row["clip_id"]: row for row in table("captions", "summarise", CAPTIONS)}
    states = {row["clip_id"]: row["state"] for row in dataset.read_table(SELECTION_FILE, SELECTION).to_pylist()}
    wanted = [clip for clip, state in states.items() if clip in captions or state == "kept"]
    clips = {row["clip_id"]: row for row in table("clips", "split", CLIPS, _CLIP_COLUMNS)}
    sources: dict[str, str] = {
        row["video_id"]: row["key"] for row in table("videos", "ingest", VIDEOS, ["object_id", "video_id", "key"])
    }
    frames = _frames(table, clips)
    said = _by_clip(table("frame_captions", "caption", FRAME_CAPTIONS))
    buckets: dict[str, set[str]] = defaultdict(set)
    for sample in dataset.read_table(INDEX, SAMPLES).to_pylist():
        buckets[sample["clip_id"]].add(sample["bucket"])
    overviews = _overviews(history, stages)
    reasons = {row["id"]: row["reason"] for row in dataset.read_table(LEDGER_FILE, LEDGER).to_pylist()}
    return [
        _record(
            clips[clip],
            sources[clips[clip]["video_id"]],
            sorted(buckets[clip]),
            # A clip none of whose stills got a caption never came to the summariser.
            captions.get(clip, {"error": reasons.get(clip)}),
            frames.get(clip, []),
            next(iter(said.get(clip, [])), {}),
            overviews.get(clip, {}),
        )
        for clip in sorted(wanted)
        if clip in clips
    ]


def read_funnel(dataset: Dataset) -> tuple[FunnelStep, ...]:
    """How many videos, clips and samples ended in which state, with the most frequent reasons of each."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in dataset.read_table(LEDGER_FILE, LEDGER).to_pylist():
        counts[row["kind"], row["state"]][row["reason"] or ""] += 1
    steps = []
    for (kind, state), reasons in sorted(counts.items()):
        shown = reasons.most_common(REASONS_SHOWN)
        rest = reasons.total() - sum(count for _, count in shown)
        steps += [FunnelStep(kind=kind, state=state, reason=reason, count=count) for reason, count in shown]
        steps += [FunnelStep(kind=kind, state=state, reason="other reasons", count=rest)] if rest else []
    return tuple(steps)


def _frames(table: Any, clips: Mapping[str, Row]) -> dict[str, list[FrameCaption]]:
    """Frame captions by clip in time order, with what was seen in their stills."""
    labels = {row["still_id"]: row for row in table("labels", "label", LABELS)}
    vectors = {row["still_id"]: row["vector"] for row in table("embeddings", "embed", EMBEDDINGS)}
    captioned = table("frame_captions", "caption", FRAME_CAPTIONS)
    wanted = {row["still_id"] for row in captioned}
    looks = {}
    for row in table("stills", "split", STILLS, ["still_id", "image"]):
        if row["still_id"] in wanted:
            looks[row["still_id"]] = _look(row["image"])
    found: dict[str, list[FrameCaption]] = defaultdict(list)
    for row in sorted(captioned, key=lambda row: (row["time"] or 0.0, row["still_id"])):
        still, clip = row["still_id"], clips.get(row["clip_id"], {})
        named = labels.get(still, {})
        colours, brightness = looks.get(still, ((), None))
        found[row["clip_id"]].append(
            FrameCaption(
                still_id=still,
                time=(row["time"] or 0.0) - (clip.get("start_time") or 0.0),
                text=row["caption"] or "",
                labels=tuple(zip(named.get("names") or (), named.get("probabilities") or (), strict=True)),
                vector=tuple(vectors.get(still) or ()),
                colours=colours,
                brightness=brightness,
            )
        )
    return found


def _look(image: bytes) -> tuple[tuple[tuple[str, float], ...], float | None]:
    try:
        seen = look(image)
    except (MediaError, cv2.error):
        return (), None
    return seen.colours, seen.brightness


def _overviews(history: History, stages: Mapping[str, Any]) -> dict[str, Row]:
    """Short captions of whole clips by clip id, where a vision model made any."""
    if "overview" not in stages:
        return {}
    return {row["clip_id"]: row for row in history.parts("overviews", "overview", OVERVIEWS).to_pylist()}


def _record(
    clip: Row,
    source: str,
    buckets: Sequence[str],
    caption: Row,
    frames: Sequence[FrameCaption],
    said: Row,
    overview: Row,
) -> CaptionRecord:
    fields = caption.get("fields") or {}
    hashes: Iterable[str | None] = (said.get("prompt_hash"), overview.get("prompt_hash"), caption.get("prompt_hash"))
    return CaptionRecord(
        clip_id=clip["clip_id"],
        source=source,
        buckets=tuple(buckets),
        duration=clip["duration"] or 0.0,
        short=caption.get("short") or "",
        medium=caption.get("medium") or "",
        dense=caption.get("dense") or "",
        fields=dict(fields),
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
        captioner=said.get("captioner") or "",
        captioner_model=said.get("model") or "",
        summariser=caption.get("summariser") or "",
        summariser_model=caption.get("model") or "",
        prompt_hashes=tuple(dict.fromkeys(one for one in hashes if one)),
    )


def _by_clip(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["clip_id"]].append(row)
    return found
