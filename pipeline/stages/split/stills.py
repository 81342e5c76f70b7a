"""Stills: which frames of a clip are kept as pictures, and the small hash by which copies are found.

Candidates are taken before it is known where clips lie and where their bars are, and wait in a temporary file
rather than in memory. Of a clip that has bars the stills are cut to the picture, so that neither a
scorer nor a captioner nor the hash ever sees a bar.

The hash is a difference hash (dHash, N. Krawetz, "Kind of Like That", 2013): the picture in 9x8 grays, one bit per
neighbouring pair, so that scaling, recompression and brightness change few bits.
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
    """A frame that may become a still: its time in seconds, index, size in pixels, hash, and picture as JPEG.

    The signature is that of the whole frame, also where the picture was cut to what lies inside the bars.
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
    """Where a candidate's picture lies in the file."""

    candidate: Candidate
    start: int
    size: int


class Candidates:
    """The candidates of one source in time order; their pictures wait in a file that goes with the object."""

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
        """Time of the last one in seconds."""
        return self._waiting[-1].candidate.time if self._waiting else None

    def add(self, candidate: Candidate) -> None:
        """Keep one that comes after all others."""
        self._waiting.append(_Waiting(replace(candidate, image=b""), self._file.tell(), len(candidate.image)))
        self._file.write(candidate.image)

    def nearest(self, first: int, end: int, times: Sequence[float]) -> list[Candidate]:
        """Of those with `first` <= frame < `end` the ones nearest to the given times, each once, in time order."""
        inside = [one for one in self._waiting if first <= one.candidate.frame < end]
        wanted = {min(inside, key=lambda one: abs(one.candidate.time - time)).start for time in times if inside}
        chosen = [self._read(one) for one in inside if one.start in wanted]
        self._file.seek(0, os.SEEK_END)
        return chosen

    def _read(self, one: _Waiting) -> Candidate:
        self._file.seek(one.start)
        return replace(one.candidate, image=self._file.read(one.size))


def make_candidate(time: float, frame: int, picture: NDArray[np.uint8]) -> Candidate:
    """Keep an RGB picture [height, width, 3] as a candidate."""
    height, width = picture.shape[:2]
    signature = image_signature(picture)
    return Candidate(time, frame, width, height, difference_hash(picture), signature, encode_jpeg(picture))


def _without_bars(clip: Row, candidate: Candidate) -> Candidate:
    encoded = np.frombuffer(candidate.image, np.uint8)
    picture = cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8), cv2.COLOR_BGR2RGB)
    columns = _inside(clip["crop_left"], clip["crop_width"], clip["width"], candidate.width)
    rows = _inside(clip["crop_top"], clip["crop_height"], clip["height"], candidate.height)
    inside = make_candidate(candidate.time, candidate.frame, np.asarray(picture[rows, columns], np.uint8))
    return replace(inside, signature=candidate.signature)


def _inside(start: int, length: int, of: int, size: int) -> slice:
    """The pixels of a picture scaled from `of` to `size` that lie inside; those the scaler mixed with a bar do not."""
    if length == of:
        return slice(0, size)
    first, last = math.ceil(start * size / of), math.floor((start + length) * size / of)
    first, last = first + (start > 0), last - (start + length < of)
    return slice(first, last) if first < last else slice(0, size)


def difference_hash(picture: NDArray[np.uint8]) -> int:
    """64 bits, row by row: whether each of 9x8 gray places is darker than its right neighbour."""
    gray = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (gray[:, :-1] < gray[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def choose_stills(clip: Row, span: Span, candidates: Candidates, still_seconds: float) -> list[Row]:
    """Rows of the stills table: of the candidates inside the clip those nearest to the wanted times."""
    chosen = candidates.nearest(span.start_frame, span.end_frame, still_times(span, still_seconds))
    return [still_row(clip, ordinal, one) for ordinal, one in enumerate(chosen)]


def still_row(clip: Row, ordinal: int, candidate: Candidate) -> Row:
    """A row of the stills table, of a clip that is measured."""
    if (clip["crop_width"], clip["crop_height"]) != (clip["width"], clip["height"]):
        candidate = _without_bars(clip, candidate)
    return {
        "still_id": still_id(clip["clip_id"], ordinal),
        "clip_id": clip["clip_id"],
        "video_id": clip["video_id"],
        "ordinal": ordinal,
        "time": candidate.time,
        "width": candidate.width,
        "height": candidate.height,
        "hash": candidate.hash,
        "signature": candidate.signature,
        "image": candidate.image,
    }
