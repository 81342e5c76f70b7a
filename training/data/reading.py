"""One sample out of a shard: its bytes by offset, its members, and as many of its frames as the stage shows, as uint8.

A range of the tar is read, on this machine or in an object store; nothing before or behind it. Frames go from the
decoder through one scaler into the array that the trainer gets: no float copy, and no frame that is not needed.

    python -m pytest tests/training/data/test_reading.py
"""

import io
import json
import tarfile
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.storage.store import Store
from schemas.errors import MediaError
from training.data.batch import PixelSample
from training.data.captions import CaptionChoice
from training.data.frames import FrameWriter
from training.data.planned import PlannedSample
from training.data.shapes import ClipShape

Pixels = NDArray[np.uint8]
# Opening a file, FFmpeg decodes frames to learn what its header says already: a tenth of the whole time of a clip.
_PROBE: Any = [{"skip_frame": "all"}]


@dataclass(frozen=True, slots=True)
class Members:
    """What a shard holds of a sample: the clip's file, its suffix, and its captions."""

    suffix: str
    media: bytes
    captions: dict[str, str]


@dataclass(frozen=True, slots=True)
class PixelReader:
    """Opens samples of the dataset `uri` as pixels; goes to other processes as its fields."""

    uri: str
    captions: CaptionChoice

    def __call__(self, planned: PlannedSample) -> PixelSample:
        """Read and decode a sample. Raises `MediaError` that says what is wrong with it."""
        members = read_members(self.uri, planned)
        return PixelSample(
            sample_id=planned.sample_id,
            clip_id=planned.clip_id,
            shape=planned.shape,
            pixels=decode(members, planned.shape),
            caption=self.captions.choose(members.captions, planned.sample_id, planned.epoch),
        )


@cache
def _store(uri: str) -> Store:
    return Store(f"{uri}/shards")


def read_members(uri: str, planned: PlannedSample) -> Members:
    """The members of a sample. Raises `MediaError` where the shard does not hold it at its place."""
    where = f"{planned.shard} at byte {planned.offset}"
    try:
        data = _store(uri).read_range(planned.shard, planned.offset, planned.offset + planned.size)
    except FileNotFoundError:
        raise MediaError(f"shard {planned.shard} is not there; run `just verify` on the dataset") from None
    return parse_members(data, planned.sample_id, where)


def parse_members(data: bytes, sample_id: str, where: str) -> Members:
    """The members of a sample from its bytes of a tar. Raises `MediaError` naming `where` they were read."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            files = {member.name: cast(Any, tar.extractfile(member)).read() for member in tar if member.isreg()}
    except tarfile.TarError as error:
        raise MediaError(f"{where} is no sample: {error}; run `just verify` on the dataset") from None
    wanted = {suffix: files[f"{sample_id}.{suffix}"] for suffix in ("mp4", "png") if f"{sample_id}.{suffix}" in files}
    text = files.get(f"{sample_id}.json")
    if len(wanted) != 1 or text is None:
        found = ", ".join(sorted(files)) or "nothing"
        raise MediaError(f"{where} holds {found}, the index says {sample_id}; run `just verify` on the dataset")
    ((suffix, media),) = wanted.items()
    return Members(suffix, media, _captions(text, where))


def _captions(text: bytes, where: str) -> dict[str, str]:
    try:
        captions = json.loads(text)["captions"]
        return {str(name): str(caption) for name, caption in captions.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MediaError(f"the description of {where} has no captions: {error!r}") from None


def decode(members: Members, shape: ClipShape) -> Pixels:
    """The first `shape.frames` frames as RGB [frames, height, width, 3]. Raises `MediaError` if there are fewer."""
    pixels = np.empty((shape.frames, shape.height, shape.width, 3), np.uint8)
    if members.suffix == "png":
        pixels[0] = _picture(members.media, shape)
        return pixels
    found = 0
    try:
        with cast(Any, av.open(io.BytesIO(members.media), format="mp4", stream_options=_PROBE)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            writer = FrameWriter(shape)
            for frame in container.decode(stream):
                writer.write(frame, pixels[found])
                found += 1
                if found == shape.frames:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise MediaError(f"its video cannot be decoded: {error}") from None
    if found < shape.frames:
        raise MediaError(f"its video has {found} of {shape.frames} frames")
    return pixels


def _picture(data: bytes, shape: ClipShape) -> Pixels:
    picture = cast(Any, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    if picture is None:
        raise MediaError("its picture cannot be decoded")
    size = (shape.width, shape.height)
    if picture.shape[1::-1] != size:
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
