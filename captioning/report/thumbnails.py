"""Small pictures for the page: re-encoded stills under one total, the most suspicious samples always with theirs.

python -m pytest tests/captioning/report/test_thumbnails.py
"""

import base64
import random
from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from captioning.quality.records import SampleView
from schemas.spacing import evenly_spaced

Pictures = Callable[[str], bytes | None]
"""Gives the JPEG bytes of a still by its id, None where there is none."""

SHORT_SIDE = 200
QUALITY = 70
MOST_PER_SAMPLE = 6
MOST_BYTES = 30_000_000


def thumbnail(image: bytes) -> str | None:
    """A JPEG of at most 200 pixels on its short side, in base64; None for bytes that are no picture."""
    picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR) if image else None
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, SHORT_SIDE / min(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return base64.b64encode(data.tobytes()).decode() if done else None


def shown_stills(view: SampleView) -> list[str]:
    """The stills of a sample that the page shows: all, or six spread evenly over it."""
    return evenly_spaced([frame.still_id for frame in view.record.frames], MOST_PER_SAMPLE)


def choose_thumbnails(
    samples: Sequence[SampleView],
    always: Iterable[str],
    pictures: Pictures,
    most_bytes: int = MOST_BYTES,
    seed: int = 0,
) -> tuple[dict[str, str], int]:
    """Thumbnails by still id, and how many samples had to go without.

    The samples in `always` have theirs whatever they take; of the others a seeded sample does, until `most_bytes` of
    base64 text are used. A sample has all of its thumbnails or none.
    """
    first = set(always)
    others = [view for view in samples if view.record.sample_id not in first]
    random.Random(seed).shuffle(others)  # noqa: S311 - which samples show a picture is no secret
    chosen: dict[str, str] = {}
    used = 0
    for view in (view for view in samples if view.record.sample_id in first):
        thumbnails = _thumbnails_of(view, pictures)
        chosen.update(thumbnails)
        used += sum(map(len, thumbnails.values()))
    for index, view in enumerate(others):
        thumbnails = _thumbnails_of(view, pictures)
        used += sum(map(len, thumbnails.values()))
        if used > most_bytes:
            return chosen, len(others) - index
        chosen.update(thumbnails)
    return chosen, 0


def _thumbnails_of(view: SampleView, pictures: Pictures) -> dict[str, str]:
    thumbnails = {}
    for still in shown_stills(view):
        image = pictures(still)
        made = thumbnail(image) if image else None
        if made:
            thumbnails[still] = made
    return thumbnails
