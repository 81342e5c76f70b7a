"""Reads a finished dataset as distillation data: captions written by a teacher model, and their inputs.

Captions that fell back to the joined frame captions are excluded; so are those whose frame captions or stills are
missing.

    teacher = read_teacher_captions(history, most=50_000)
    pairs = summary_pairs(history, teacher)
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from captioning.chat import ImageBytes
from captioning.distill.pairs import ImagePair, Pair, SomePair
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.stage import Row
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS
from schemas.errors import InputError
from schemas.media_tables import STILL_IMAGES

FAILED, FELL_BACK, NO_INPUT = "the caption failed", "the caption is a fallback", "nothing to tell it from"


@dataclass
class Lesson:
    """A dataset's captions that a teacher model wrote, and the number of others left out, by reason.

    `captions`, `sources` (video ids) and `stills` (ids in time order) are keyed by sample id.
    """

    captions: dict[str, Row]
    sources: dict[str, str]
    stills: dict[str, list[str]]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def teachers(self) -> list[str]:
        """Summarisers and models, for the provenance."""
        return sorted({f"{row['summariser']}: {row['model']}" for row in self.captions.values()})


def read_teacher_captions(history: History, most: int) -> Lesson:
    """At most `most` teacher captions, chosen by a hash of the sample id. Raises `InputError` if there are none."""
    spans = history.spans
    captions = history.parts("captions", "summarise", CAPTIONS).to_pylist()
    rows = [row for row in captions if row["sample_id"] in spans]
    clips = history.parts("clips", "split", CLIPS, ["clip_id", "video_id"]).to_pylist()
    video_of = {row["clip_id"]: row["video_id"] for row in clips}
    left_out = Counter(reason for row in rows if (reason := _reason(row)))
    taught = sorted((row for row in rows if not _reason(row)), key=lambda row: _hash_order(row["sample_id"]))
    if not taught:
        reasons = ", ".join(f"{count} x {reason}" for reason, count in left_out.items()) or "no caption at all"
        raise InputError(
            f"{history.dataset.store.uri} has no captions by a teacher model: {reasons}; caption it with a model first"
        )
    return Lesson(
        captions={row["sample_id"]: row for row in taught[:most]},
        sources={key: video_of[span["clip_id"]] for key, span in spans.items()},
        stills={key: [still["still_id"] for still in span["stills"]] for key, span in spans.items()},
        left_out=left_out,
    )


def summary_pairs(history: History, lesson: Lesson) -> list[Pair]:
    """Pairs of frame captions in time order and the dense caption, one per sample."""
    rows = history.parts("frame_captions", "caption", FRAME_CAPTIONS).to_pylist()
    texts = {row["still_id"]: row["caption"] for row in rows if row["status"] == "ok"}
    pairs = [
        Pair(sample_id=key, source=lesson.sources[key], captions=captions, summary=row["dense"])
        for key, row in lesson.captions.items()
        if (captions := tuple(texts[still] for still in lesson.stills[key] if still in texts))
    ]
    return _counted(pairs, lesson)


def image_pairs(history: History, lesson: Lesson, stills: int) -> list[ImagePair]:
    """Pairs of up to `stills` evenly spaced stills in time order and the dense caption, all in memory."""
    still_ids = {still for key in lesson.captions for still in lesson.stills[key]}
    rows = history.parts("still_images", "split", STILL_IMAGES, ["still_id", "image"]).to_pylist()
    images = {
        row["still_id"]: ImageBytes(row["still_id"], row["image"]) for row in rows if row["still_id"] in still_ids
    }
    pairs = [
        ImagePair(sample_id=key, source=lesson.sources[key], images=pictures, caption=row["dense"])
        for key, row in lesson.captions.items()
        if (pictures := tuple(_spread([images[still] for still in lesson.stills[key] if still in images], stills)))
    ]
    return _counted(pairs, lesson)


def _counted(pairs: list[SomePair], lesson: Lesson) -> list[SomePair]:
    if missing := len(lesson.captions) - len(pairs):
        lesson.left_out[NO_INPUT] += missing
    return pairs


def _reason(row: Row) -> str | None:
    if row["status"] != "ok":
        return FAILED
    return FELL_BACK if row["fallback"] is not None else None


def _spread(images: Sequence[ImageBytes], most: int) -> Sequence[ImageBytes]:
    if len(images) <= most:
        return images
    return [images[(2 * index + 1) * len(images) // (2 * most)] for index in range(most)]


def _hash_order(sample_id: str) -> str:
    return hashlib.blake2b(sample_id.encode(), digest_size=8).hexdigest()
