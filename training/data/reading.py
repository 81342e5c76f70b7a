"""Reads one sample of a shard: its bytes by offset, its members, and the first frames as uint8.

Only the sample's range of the tar is read, from this machine or an object store. Frames go from the decoder through one
scaler into the trainer's array: no float copy, and no frame that is not needed is decoded.

    reader = PixelReader("datasets/demo", captions)
    sample = reader(planned)      # sample.pixels uint8 [F, H, W, 3]
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
# On opening a file FFmpeg decodes frames to learn what the header states already: a tenth of a clip's total time.
_PROBE: Any = [{"skip_frame": "all"}]


@dataclass(frozen=True, slots=True)
class Members:
    """A sample's members in a shard: the clip's file, its suffix (mp4 or png), and its captions by length."""

    suffix: str
    media: bytes
    captions: dict[str, str]


@dataclass(frozen=True, slots=True)
class PixelReader:
    """Opens samples of the dataset `uri` as pixels; is sent to worker processes as its fields."""

    uri: str
    captions: CaptionChoice

    def __call__(self, planned: PlannedSample) -> PixelSample:
        """Read and decode a sample. Raises `MediaError` if it cannot be read or decoded."""
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
    """The members of a sample. Raises `MediaError` if the shard does not hold it at its offset."""
    where = f"{planned.shard} at byte {planned.offset}"
    try:
        data = _store(uri).read_range(planned.shard, planned.offset, planned.offset + planned.size)
    except FileNotFoundError:
        raise MediaError(f"shard {planned.shard} is missing; run `just verify` on the dataset") from None
    return parse_members(data, planned.sample_id, where)


def parse_members(data: bytes, sample_id: str, where: str) -> Members:
    """The members of a sample from its bytes of a tar; `where` names them in the `MediaError` that it raises."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            files = {member.name: cast(Any, tar.extractfile(member)).read() for member in tar if member.isreg()}
    except tarfile.TarError as error:
        raise MediaError(f"{where} is no sample: {error}; run `just verify` on the dataset") from None
    media_files = {
        suffix: files[f"{sample_id}.{suffix}"] for suffix in ("mp4", "png") if f"{sample_id}.{suffix}" in files
    }
    text = files.get(f"{sample_id}.json")
    if len(media_files) != 1 or text is None:
        names = ", ".join(sorted(files)) or "nothing"
        raise MediaError(f"{where} holds {names}, not {sample_id} as in the index; run `just verify` on the dataset")
    ((suffix, media),) = media_files.items()
    return Members(suffix, media, _captions(text, where))


def _captions(text: bytes, where: str) -> dict[str, str]:
    try:
        captions = json.loads(text)["captions"]
        return {str(name): str(caption) for name, caption in captions.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MediaError(f"the JSON member of {where} has no captions: {error!r}") from None


def decode(members: Members, shape: ClipShape) -> Pixels:
    """The first `shape.frames` frames as RGB uint8 [F, H, W, 3]. Raises `MediaError` if there are fewer."""
    pixels = np.empty((shape.frames, shape.height, shape.width, 3), np.uint8)
    if members.suffix == "png":
        pixels[0] = _image(members.media, shape)
        return pixels
    count = 0
    try:
        with cast(Any, av.open(io.BytesIO(members.media), format="mp4", stream_options=_PROBE)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            writer = FrameWriter(shape)
            for frame in container.decode(stream):
                writer.write(frame, pixels[count])
                count += 1
                if count == shape.frames:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise MediaError(f"its video cannot be decoded: {error}") from None
    if count < shape.frames:
        raise MediaError(f"its video has {count} of {shape.frames} frames")
    return pixels


def _image(data: bytes, shape: ClipShape) -> Pixels:
    image = cast(Any, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    if image is None:
        raise MediaError("its image cannot be decoded")
    size = (shape.width, shape.height)
    if image.shape[1::-1] != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
