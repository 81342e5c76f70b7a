"""Reads the clip to tune on: frames of a video file or of a dataset's clip, cropped to the model's shape.

clip = read_video("video.mp4", ClipSpec(width=512, height=512, frames=24, stride=2))
clip = read_clip("datasets/demo", "48634090d882bf6a-0-0", None)
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.media.decode import Decoder
from pipeline.media.probe import MediaInfo, probe
from pipeline.media.rgb import RgbConverter, cover
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
class ClipSpec:
    """The frames to take from a video: `frames` of them, every `stride`-th one from `start` seconds on.

    A frame is scaled to cover `width` x `height` and center-cropped. Raises `InputError` for values out of range.
    """

    width: int
    height: int
    frames: int
    stride: int = 1
    start: float = 0.0

    def __post_init__(self) -> None:
        if min(self.frames, self.stride) < 1 or self.start < 0:
            raise InputError(
                f"frames {self.frames}, stride {self.stride}, start {self.start:g}: frames and stride must be 1 or "
                "more, start 0 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClip:
    """RGB frames `pixels` uint8 [F, H, W, 3], with a name for messages; `caption` is empty for a file."""

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
        """Digest of all pixels: equal frames have equal identities."""
        return digest("footage", str(self.shape), self.pixels.tobytes().hex())


def probe_video(uri: str) -> MediaInfo:
    """Properties of a video file. Raises `InputError` if it is not a readable video."""
    folder, _, name = uri.rpartition("/")
    try:
        info = probe(uri, Store(folder or ("/" if uri.startswith("/") else ".")).stat(name).size)
    except (MediaError, OSError) as error:
        raise InputError(f"{uri} cannot be read: {error}") from None
    if info.kind != "video":
        raise InputError(f"{uri} is an image; Tune-A-Video needs a video")
    return info


def read_video(uri: str, spec: ClipSpec) -> SourceClip:
    """Frames of a file. Raises `InputError` if it is not a readable video or too short."""
    info = probe_video(uri)
    try:
        frames = list(islice(_frames(uri, info, spec), spec.frames))
    except MediaError as error:
        raise InputError(f"{uri} cannot be decoded: {error}") from None
    _require(len(frames), spec, uri)
    fps = (info.average_fps or info.nominal_fps or 1.0) / spec.stride
    return SourceClip(name=uri, pixels=np.stack(frames), fps=fps)


def _frames(uri: str, info: MediaInfo, spec: ClipSpec) -> Iterator[Pixels]:
    images = RgbConverter(info.geometry)
    scale = max(spec.width / info.width, spec.height / info.height)
    size = max(spec.width, round(info.width * scale)), max(spec.height, round(info.height * scale))
    with Decoder(uri, info.track) as decoder:
        for number, timed in enumerate(decoder.span(info.start_time + spec.start, float("inf"))):
            if number % spec.stride == 0:
                yield cover(images.rgb(timed.frame, *size), spec.width, spec.height)


def read_clip(dataset: str, clip_id: str, spec: ClipSpec | None) -> SourceClip:
    """Frames of a dataset's clip, by clip or sample id, with its dense caption; `spec` None takes it as it was packed.

    Raises `InputError` if the dataset has no such video clip or it is too short.
    """
    sample = _find(dataset, clip_id)
    try:
        members = read_members(dataset, sample)
        pixels = decode(members, sample.shape)
    except MediaError as error:
        raise InputError(f"clip {clip_id} of {dataset}: {error}") from None
    caption = members.captions.get("dense", "")
    clip = SourceClip(name=f"{dataset} {clip_id}", pixels=pixels, fps=sample.shape.fps, caption=caption)
    if spec is None:
        return clip
    first = round(spec.start * clip.fps)
    taken = pixels[first :: spec.stride][: spec.frames]
    _require(len(taken), spec, clip.name)
    covered = np.stack([cover(frame, spec.width, spec.height) for frame in taken])
    return replace(clip, pixels=covered, fps=clip.fps / spec.stride)


def _find(dataset: str, clip_id: str) -> PlannedSample:
    """The sample of a clip; of several in different buckets the one with the most pixels."""
    names: list[str] = []
    samples: list[PlannedSample] = []
    for split in ("train", "val"):
        index = SampleIndex.open(dataset, split)
        ids = zip(index.clip_ids.to_pylist(), index.sample_ids.to_pylist(), strict=True)
        videos = [(row, both) for row, both in enumerate(ids) if not index.buckets[index.bucket[row]].is_image]
        names += [name for _, both in videos for name in both]
        samples += [_planned(index, row) for row, both in videos if clip_id in both]
    if not samples:
        raise InputError(f"{dataset} has no video of the clip {clip_id!r}; {did_you_mean(clip_id, names[:20])}")
    return max(samples, key=lambda sample: sample.shape.width * sample.shape.height * sample.shape.frames)


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


def _require(count: int, spec: ClipSpec, name: str) -> None:
    if count < spec.frames:
        raise InputError(
            f"{name} has {count} frames from {spec.start:g} s at stride {spec.stride}, {spec.frames} are needed; "
            "set fewer --frames or a smaller --stride"
        )
