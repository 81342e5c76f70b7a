"""The one clip that is learnt: frames of a video file or of a dataset's clip, cut to the shape that the model takes.

clip = read_video("film.mp4", Wanted(width=512, height=512, frames=24, stride=2))

python -m pytest tests/training/editing/test_footage.py
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.media.decode import Decoder
from pipeline.media.picture import PictureMaker, cover
from pipeline.media.probe import MediaInfo, probe
from pipeline.storage.store import Store
from schemas.errors import InputError, MediaError
from schemas.ids import digest
from schemas.nearest import did_you_mean
from training.data.index import SampleIndex
from training.data.planned import PlannedSample
from training.data.reading import decode, read_members
from training.data.shapes import ClipShape

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is taken of a video: every `stride`-th of its frames from `start` seconds on, `frames` of them.

    A frame is scaled until it covers `width` x `height`, and its centre is kept.
    """

    width: int
    height: int
    frames: int
    stride: int = 1
    start: float = 0.0

    def __post_init__(self) -> None:
        if min(self.frames, self.stride) < 1 or self.start < 0:
            raise InputError(
                f"frames {self.frames}, stride {self.stride}, start {self.start:g}: frames and stride are 1 or more, "
                "the start is 0 or later"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """RGB frames uint8 [frames, height, width, 3], and what a person calls them; `caption` is empty for a file."""

    name: str
    pixels: Pixels
    fps: float
    caption: str = ""

    @property
    def shape(self) -> ClipShape:
        """The frames' shape."""
        frames, height, width, _ = self.pixels.shape
        return ClipShape(width, height, frames, self.fps)

    @property
    def identity(self) -> str:
        """Digest of all pixels: equal frames, equal identity."""
        return digest("footage", str(self.shape), self.pixels.tobytes().hex())


def look_at(uri: str) -> MediaInfo:
    """A video file's facts. Raises `InputError` if it is none."""
    folder, _, name = uri.rpartition("/")
    try:
        info = probe(uri, Store(folder or ("/" if uri.startswith("/") else ".")).stat(name).size)
    except (MediaError, OSError) as error:
        raise InputError(f"{uri} cannot be read: {error}") from None
    if info.kind != "video":
        raise InputError(f"{uri} is a picture; Tune-A-Video learns how something moves")
    return info


def read_video(uri: str, wanted: Wanted) -> Footage:
    """Frames of a file. Raises `InputError` if it is no video or too short."""
    info = look_at(uri)
    try:
        found = list(islice(_frames(uri, info, wanted), wanted.frames))
    except MediaError as error:
        raise InputError(f"{uri} cannot be decoded: {error}") from None
    _require(len(found), wanted, uri)
    fps = (info.average_fps or info.nominal_fps or 1.0) / wanted.stride
    return Footage(name=uri, pixels=np.stack(found), fps=fps)


def _frames(uri: str, info: MediaInfo, wanted: Wanted) -> Iterator[Pixels]:
    pictures = PictureMaker(info.geometry)
    scale = max(wanted.width / info.width, wanted.height / info.height)
    size = max(wanted.width, round(info.width * scale)), max(wanted.height, round(info.height * scale))
    with Decoder(uri, info.track) as decoder:
        for number, timed in enumerate(decoder.span(info.start_time + wanted.start, float("inf"))):
            if number % wanted.stride == 0:
                yield cover(pictures.rgb(timed.frame, *size), wanted.width, wanted.height)


def read_clip(dataset: str, clip_id: str, wanted: Wanted | None) -> Footage:
    """Frames of a dataset's clip, by its id or its sample's, as it was packed or as wanted, with its dense caption.

    Raises `InputError` if the dataset has no such film or it is too short.
    """
    sample = _find(dataset, clip_id)
    try:
        members = read_members(dataset, sample)
        pixels = decode(members, sample.shape)
    except MediaError as error:
        raise InputError(f"clip {clip_id} of {dataset}: {error}") from None
    caption = members.captions.get("dense", "")
    found = Footage(name=f"{dataset} {clip_id}", pixels=pixels, fps=sample.shape.fps, caption=caption)
    if wanted is None:
        return found
    first = round(wanted.start * found.fps)
    taken = pixels[first :: wanted.stride][: wanted.frames]
    _require(len(taken), wanted, found.name)
    shown = np.stack([cover(one, wanted.width, wanted.height) for one in taken])
    return replace(found, pixels=shown, fps=found.fps / wanted.stride)


def _find(dataset: str, clip_id: str) -> PlannedSample:
    """The film of a clip; of several in different buckets the one with most pixels."""
    names: list[str] = []
    found: list[PlannedSample] = []
    for split in ("train", "val"):
        index = SampleIndex.open(dataset, split)
        ids = zip(index.clip_ids.to_pylist(), index.sample_ids.to_pylist(), strict=True)
        films = [(row, both) for row, both in enumerate(ids) if not index.buckets[index.bucket[row]].is_image]
        names += [name for _, both in films for name in both]
        found += [_planned(index, row) for row, both in films if clip_id in both]
    if not found:
        raise InputError(f"{dataset} has no film of the clip {clip_id!r}; {did_you_mean(clip_id, names[:20])}")
    return max(found, key=lambda one: one.shape.width * one.shape.height * one.shape.frames)


def _planned(index: SampleIndex, row: int) -> PlannedSample:
    bucket = index.buckets[index.bucket[row]]
    return PlannedSample(
        sample_id=index.sample_ids[row].as_py(),
        clip_id=index.clip_ids[row].as_py(),
        shape=ClipShape(bucket.width, bucket.height, bucket.frames, bucket.fps),
        tokens=0,
        shard=index.shards[int(index.shard[row])].as_py(),
        offset=int(index.offset[row]),
        size=int(index.size[row]),
        epoch=0,
    )


def _require(found: int, wanted: Wanted, name: str) -> None:
    if found < wanted.frames:
        raise InputError(
            f"{name} has {found} frames from {wanted.start:g} s at stride {wanted.stride}, {wanted.frames} are wanted; "
            "ask for fewer, or a smaller stride"
        )
