"""Pixels and captions of one sample of a dataset's shard, at a stage's shape, by one ranged read.

python -m pytest tests/training/latents/test_cache.py
"""

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.storage import Store
from schemas.errors import MediaError
from training.shapes import ClipShape

Pixels = NDArray[np.uint8]


def read_sample(dataset: Store, shard: str, offset: int, size: int, shape: ClipShape) -> tuple[Pixels, dict[str, str]]:
    """RGB uint8 [frames, height, width, 3] and the captions by length. Raises `MediaError` if it cannot be decoded."""
    data = dataset.read_range(f"shards/{shard}", offset, offset + size)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            members = {one.name.rsplit(".", 1)[-1]: cast(io.BufferedReader, tar.extractfile(one)).read() for one in tar}
        captions = {name: text or "" for name, text in json.loads(members["json"])["captions"].items()}
    except (tarfile.TarError, KeyError, ValueError, AttributeError) as error:
        raise MediaError(f"sample at {shard}:{offset} cannot be read: {error}") from None
    media = members.get("mp4") or members.get("png")
    if media is None:
        raise MediaError(f"sample at {shard}:{offset} holds {', '.join(members)}, but no mp4 or png")
    frames = []
    for frame in _decode(media):
        frames.append(_scale(frame, shape))
        if len(frames) == shape.frames:
            return np.stack(frames), captions
    raise MediaError(f"sample at {shard}:{offset} has {len(frames)} frames, {shape} needs {shape.frames}")


def _decode(media: bytes) -> Iterator[Pixels]:
    try:
        with cast(Any, av.open(io.BytesIO(media))) as container:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise MediaError(f"cannot be decoded: {error}") from None


def _scale(picture: Pixels, shape: ClipShape) -> Pixels:
    if picture.shape[:2] == (shape.height, shape.width):
        return picture
    size = (shape.width, shape.height)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
