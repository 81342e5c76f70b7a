"""Reads a finished dataset as distillation data: captions written by a teacher model, and their inputs.

Captions that fell back to the joined frame captions are excluded; so are those whose frame captions or stills are
missing.

    teacher = read_teacher_captions(history, most=50_000)
    pairs = summary_pairs(history, teacher)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from captioning.chat import ImageBytes
from captioning.distill.pairs import ImagePair, Pair, SomePair
from pipeline.readers.history import History
from pipeline.stage import Row
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS
from schemas.dataset_files import SPANS_FILE
from schemas.errors import InputError
from schemas.media_tables import STILL_IMAGES
from schemas.outcome_tables import SAMPLE_SPANS

FAILED, FELL_BACK, NO_INPUT = "the caption failed", "the caption is a fallback", "nothing to tell it from"
_REASON = f"CASE WHEN status <> 'ok' THEN '{FAILED}' WHEN fallback IS NOT NULL THEN '{FELL_BACK}' END"


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
    from pipeline.dataset.query import querying

    with querying(history.dataset.store) as connection:
        spans = history.dataset.relation(connection, SPANS_FILE, SAMPLE_SPANS, ["sample_id", "clip_id", "stills"])
        captions = history.relation(connection, "captions", "summarise", CAPTIONS, CAPTIONS.names)
        told = captions.join(spans.project("sample_id"), "sample_id", how="semi")
        counted = told.project(f"{_REASON} AS reason").filter("reason IS NOT NULL").aggregate("reason, count(*)")
        left_out = Counter(dict(counted.fetchall()))
        taught = told.filter(f"{_REASON} IS NULL").order("md5(sample_id)").limit(most).to_arrow_table()
        chosen = spans.join(connection.from_arrow(taught.select(["sample_id"])), "sample_id", how="semi").project(
            "sample_id, split_part(clip_id, '-', 1) AS source,"
            " list_transform(stills, lambda still: still.still_id) AS stills"
        )
        samples = chosen.fetchall()
    if not len(taught):
        reasons = ", ".join(f"{count} x {reason}" for reason, count in left_out.items()) or "no caption at all"
        raise InputError(
            f"{history.dataset.store.uri} has no captions by a teacher model: {reasons}; caption it with a model first"
        )
    return Lesson(
        captions={row["sample_id"]: row for row in taught.to_pylist()},
        sources={sample: source for sample, source, _ in samples},
        stills={sample: stills for sample, _, stills in samples},
        left_out=left_out,
    )


def summary_pairs(history: History, lesson: Lesson) -> list[Pair]:
    """Pairs of frame captions in time order and the dense caption, one per sample."""
    columns = ["still_id", "caption", "status"]
    rows = history.parts("frame_captions", "caption", FRAME_CAPTIONS, columns, _of_stills(lesson))
    texts = {row["still_id"]: row["caption"] for row in rows.to_pylist() if row["status"] == "ok"}
    pairs = [
        Pair(sample_id=key, source=lesson.sources[key], captions=captions, summary=row["dense"])
        for key, row in lesson.captions.items()
        if (captions := tuple(texts[still] for still in lesson.stills[key] if still in texts))
    ]
    return _counted(pairs, lesson)


def image_pairs(history: History, lesson: Lesson, stills: int) -> list[ImagePair]:
    """Pairs of up to `stills` evenly spaced stills in time order and the dense caption, all in memory."""
    rows = history.parts("still_images", "split", STILL_IMAGES, ["still_id", "image"], _of_stills(lesson))
    images = {row["still_id"]: ImageBytes(row["still_id"], row["image"]) for row in rows.to_pylist()}
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


def _of_stills(lesson: Lesson) -> str:
    """The stills of the lesson, as SQL says it."""
    from pipeline.dataset.query import texts

    return f"still_id IN {texts({still for key in lesson.captions for still in lesson.stills[key]})}"


def _spread(images: Sequence[ImageBytes], most: int) -> Sequence[ImageBytes]:
    if len(images) <= most:
        return images
    return [images[(2 * index + 1) * len(images) // (2 * most)] for index in range(most)]
