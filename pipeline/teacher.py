"""Reads a finished dataset as what a student learns from: a teacher's words, and nothing that only fills their place.

A caption that fell back to the joined frame captions, or that no model was asked for, is not a teacher's and is left
out; so is one whose frame captions or stills are missing.

    just distill summariser <dataset>
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from captioning.chat import PictureBytes
from captioning.distill.pairs import Pair, PicturePair, SomePair
from pipeline.history import History
from pipeline.stage import Row
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS
from schemas.errors import InputError
from schemas.media_tables import CLIPS, STILLS

FAILED, FELL_BACK, NO_INPUT = "the caption failed", "the caption is a fallback", "nothing to tell it from"


@dataclass
class Lesson:
    """A dataset's captions that a teacher wrote, who wrote them, and how many others are left out for which reason."""

    captions: dict[str, Row]
    sources: dict[str, str]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def teachers(self) -> list[str]:
        """Summariser and model, for the provenance."""
        return sorted({f"{row['summariser']}: {row['model']}" for row in self.captions.values()})


def read_lesson(history: History, most: int) -> Lesson:
    """At most `most` captions of a teacher, chosen by a hash of the clip. Raises `InputError` if there are none."""
    rows = history.parts("captions", "summarise", CAPTIONS).to_pylist()
    clips = history.parts("clips", "split", CLIPS, ["clip_id", "video_id"]).to_pylist()
    sources = {row["clip_id"]: row["video_id"] for row in clips}
    left_out = Counter(reason for row in rows if (reason := _reason(row)))
    taught = sorted((row for row in rows if not _reason(row)), key=lambda row: _draw(row["clip_id"]))
    if not taught:
        found = ", ".join(f"{count} x {reason}" for reason, count in left_out.items()) or "no caption at all"
        raise InputError(
            f"{history.dataset.store.uri} holds no teacher's words: {found}; caption it with a model first"
        )
    return Lesson({row["clip_id"]: row for row in taught[:most]}, sources, left_out)


def summary_pairs(history: History, lesson: Lesson) -> list[Pair]:
    """Frame captions in time order and the dense caption of each clip."""
    rows = history.parts("frame_captions", "caption", FRAME_CAPTIONS).to_pylist()
    told = _by_clip(row for row in rows if row["status"] == "ok")
    pairs = [
        Pair(clip_id=key, source=lesson.sources[key], captions=tuple(one["caption"] for one in told[key]),
             summary=row["dense"])
        for key, row in lesson.captions.items()
        if key in told
    ]  # fmt: skip
    return _counted(pairs, lesson)


def picture_pairs(history: History, lesson: Lesson, stills: int) -> list[PicturePair]:
    """Up to `stills` stills in time order, evenly spaced, and the dense caption of each clip, all in memory."""
    rows = history.parts("stills", "split", STILLS, ["still_id", "clip_id", "time", "image"]).to_pylist()
    shown = _by_clip(row for row in rows if row["clip_id"] in lesson.captions)
    pairs = [
        PicturePair(
            clip_id=key,
            source=lesson.sources[key],
            pictures=tuple(PictureBytes(one["still_id"], one["image"]) for one in _spread(shown[key], stills)),
            caption=row["dense"],
        )
        for key, row in lesson.captions.items()
        if key in shown
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


def _by_clip(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["clip_id"], row["time"])):
        found[row["clip_id"]].append(row)
    return found


def _spread(rows: Sequence[Row], most: int) -> list[Row]:
    if len(rows) <= most:
        return list(rows)
    return [rows[(2 * place + 1) * len(rows) // (2 * most)] for place in range(most)]


def _draw(clip_id: str) -> str:
    return hashlib.blake2b(clip_id.encode(), digest_size=8).hexdigest()
