"""Stills: which frames of a clip are stored as images, and the small hash that finds copies.

Candidates are taken before the clips and their black bars are known, and wait in a temporary file rather than in
memory. The stills of a clip with bars are cropped to the content, so that no scorer, captioner or hash sees a bar.

The hash is a difference hash (dHash, N. Krawetz, "Kind of Like That", 2013): the image as 9x8 grey values, one bit per
horizontal pair of neighbours, so that scaling, recompression and brightness change few bits.

    with Candidates() as candidates:
        candidates.add(make_candidate(time, frame_index, rgb))
        stills = choose_stills(clip, span, candidates, still_seconds=2)
"""

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.encode import encode_jpeg
from pipeline.media.signature import image_signature
from pipeline.stage import Row
from pipeline.stages.split.spans import Span, still_times
from schemas.ids import still_id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that may become a still: time in seconds, frame index, size in pixels, 64-bit hash, and JPEG bytes.

    The signature is that of the whole frame, even if the image was cropped to the area inside the bars.
    """

    time: float
    frame: int
    width: int
    height: int
    hash: int
    signature: bytes
    image: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Where a candidate's JPEG lies in the file: byte offset and size."""

    candidate: Candidate
    start: int
    size: int


class Candidates:
    """The candidates of a source in time order; their images wait in a file that is deleted with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._waiting: list[_Waiting] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def last(self) -> float | None:
        """Time of the last candidate in seconds, or None."""
        return self._waiting[-1].candidate.time if self._waiting else None

    def add(self, candidate: Candidate) -> None:
        """Store a candidate that is later than all others."""
        self._waiting.append(_Waiting(replace(candidate, image=b""), self._file.tell(), len(candidate.image)))
        self._file.write(candidate.image)

    def nearest(self, first: int, end: int, times: Sequence[float]) -> list[Candidate]:
        """The candidates with `first` <= frame < `end` nearest to the given times, each once, in time order."""
        inside = [waiting for waiting in self._waiting if first <= waiting.candidate.frame < end]
        wanted = {min(inside, key=lambda waiting: abs(waiting.candidate.time - time)).start for time in times if inside}
        chosen = [self._read(waiting) for waiting in inside if waiting.start in wanted]
        self._file.seek(0, os.SEEK_END)
        return chosen

    def _read(self, waiting: _Waiting) -> Candidate:
        self._file.seek(waiting.start)
        return replace(waiting.candidate, image=self._file.read(waiting.size))


def make_candidate(time: float, frame: int, image: NDArray[np.uint8]) -> Candidate:
    """A candidate from an RGB image [H, W, 3], uint8."""
    height, width = image.shape[:2]
    signature = image_signature(image)
    return Candidate(time, frame, width, height, difference_hash(image), signature, encode_jpeg(image))


def _without_bars(clip: Row, candidate: Candidate) -> Candidate:
    encoded = np.frombuffer(candidate.image, np.uint8)
    image = cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8), cv2.COLOR_BGR2RGB)
    columns = _inside(clip["crop_left"], clip["crop_width"], clip["width"], candidate.width)
    rows = _inside(clip["crop_top"], clip["crop_height"], clip["height"], candidate.height)
    inside = make_candidate(candidate.time, candidate.frame, np.asarray(image[rows, columns], np.uint8))
    return replace(inside, signature=candidate.signature)


def _inside(start: int, length: int, of: int, size: int) -> slice:
    """The pixels inside the bars of an image scaled from `of` to `size`, without those blended with a bar."""
    if length == of:
        return slice(0, size)
    first, last = math.ceil(start * size / of), math.floor((start + length) * size / of)
    first, last = first + (start > 0), last - (start + length < of)
    return slice(first, last) if first < last else slice(0, size)


def difference_hash(image: NDArray[np.uint8]) -> int:
    """64 bits of an RGB image [H, W, 3]: whether each of 9x8 grey values is darker than the one to its right."""
    gray = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (gray[:, :-1] < gray[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@dataclass(frozen=True, slots=True)
class Still:
    """A still: its row in the stills table, and its JPEG."""

    row: Row
    image: bytes

    @property
    def image_row(self) -> Row:
        """Its row in the table of images."""
        return {**{name: self.row[name] for name in ("still_id", "clip_id", "video_id")}, "image": self.image}


def choose_stills(clip: Row, span: Span, candidates: Candidates, still_seconds: float) -> list[Still]:
    """The stills of a clip: the candidates inside it nearest to the wanted times."""
    chosen = candidates.nearest(span.start_frame, span.end_frame, still_times(span, still_seconds))
    return [make_still(clip, ordinal, candidate) for ordinal, candidate in enumerate(chosen)]


def make_still(clip: Row, ordinal: int, candidate: Candidate) -> Still:
    """A still of a clip that has been measured."""
    if (clip["crop_width"], clip["crop_height"]) != (clip["width"], clip["height"]):
        candidate = _without_bars(clip, candidate)
    row = {
        "still_id": still_id(clip["clip_id"], ordinal),
        "clip_id": clip["clip_id"],
        "video_id": clip["video_id"],
        "ordinal": ordinal,
        "time": candidate.time,
        "width": candidate.width,
        "height": candidate.height,
        "hash": candidate.hash,
        "signature": candidate.signature,
    }
    return Still(row, candidate.image)
