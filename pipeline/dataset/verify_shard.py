"""Checks one shard: read with the plain webdataset library, as any user would, against its rows of the index.

Checks the checksums and offsets of its samples; that every sample decodes to exactly its bucket's frames and size, has
a caption, metadata and a crop inside its source, and shows the stills that its caption was made from; and that the
shard has no samples beyond or short of the index. Every complaint names the sample.

    complaints = list(check_shard("64x64x1/train-000000.tar", rows, dataset.store))
"""

import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.media.geometry import Geometry
from pipeline.media.open import open_stream
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import matches_crop
from pipeline.stage import Row
from pipeline.storage.store import Store
from schemas.bucket import Bucket
from schemas.errors import VerifyError


def check_shard(name: str, index: Sequence[Row], store: Store, decode: bool = True) -> Iterator[str]:
    """Every complaint about a shard whose rows of the index are `index` (id, bucket, offset, size, checksum).

    Without `decode` only its bytes and its members are checked, which is enough for bytes that were decoded before.
    """
    data = store.read(f"shards/{name}")
    expected = {row["sample_id"]: row for row in index}
    for row in index:
        piece = data[row["offset"] : row["offset"] + row["size"]]
        if hashlib.sha256(piece).hexdigest() != row["checksum"]:
            yield f"sample {row['sample_id']}: its bytes in {name} are not those that were packed (checksum)"
    seen: set[str] = set()
    try:
        for sample in _read_samples(name, data):
            key = sample["__key__"]
            if key not in expected or key in seen:
                yield f"sample {key}: in {name}, but {'twice' if key in seen else 'not in the index'}"
                continue
            seen.add(key)
            if decode:
                yield from _check_sample(expected[key], sample)
    except Exception as error:  # whatever the library raises on a damaged tar is a complaint, not a crash
        yield f"shard {name}: the webdataset library cannot read it: {type(error).__name__}: {error}"
    yield from (f"sample {key}: in the index, but not in {name}" for key in expected if key not in seen)


def _read_samples(name: str, data: bytes) -> Iterator[Mapping[str, Any]]:
    import webdataset  # imports torch, which reading a table does not need

    source = [{"url": name, "stream": io.BytesIO(data)}]
    yield from webdataset.tariterators.group_by_keys(webdataset.tariterators.tar_file_expander(source))


def _check_sample(row: Row, sample: Mapping[str, Any]) -> Iterator[str]:
    key, bucket = row["sample_id"], Bucket.parse(row["bucket"])
    try:
        described = json.loads(sample["json"])
        caption = described["captions"]["dense"]
    except (KeyError, ValueError) as error:
        yield f"sample {key}: no usable metadata: {error!r}"
        return
    if not caption.strip():
        yield f"sample {key}: has no caption"
    # Shards of earlier versions hold no text, and null as the frame of a still that no frame shows.
    if "txt" in sample and sample["txt"] != caption.encode():
        yield f"sample {key}: its text is not its dense caption"
    stills = described.get("stills", [])
    try:
        indices = {still["frame"] for still in stills if still["frame"] is not None and still["frame"] >= 0}
        read = _read_image if bucket.is_image else _read_video
        shape, images = read(sample["png" if bucket.is_image else "mp4"], indices)
    except Exception as error:
        yield f"sample {key}: cannot be decoded: {type(error).__name__}: {error}"
        return
    crop_complaints = list(_check_crop(described))
    yield from (f"sample {key}: {complaint}" for complaint in crop_complaints)
    if not crop_complaints:
        yield from (f"sample {key}: {complaint}" for complaint in _check_stills(described, images))
    expected_shape = (bucket.width, bucket.height, bucket.frames)
    if shape != expected_shape or (described["width"], described["height"], described["frames"]) != expected_shape:
        yield f"sample {key}: decodes to {'x'.join(map(str, shape))}, its bucket is {bucket}"


def _check_crop(described: Mapping[str, Any]) -> Iterator[str]:
    """The crop must lie in the image area inside the bars, and that in the source."""
    try:
        crop, image, source = described["crop"], described["picture"], [0, 0, *described["source_size"]]
    except KeyError as error:
        yield f"its metadata lacks {error}"
        return
    for inner, name, outer, of in ((crop, "crop", image, "picture"), (image, "picture", source, "source")):
        if not _lies_in(inner, outer):
            yield f"its {name} {inner} (left, top, width, height) is not inside its {of} {outer}"


def _lies_in(inner: Sequence[int], outer: Sequence[int]) -> bool:
    ends = [(box[0] + box[2], box[1] + box[3]) for box in (inner, outer)]
    starts_inside = outer[0] <= inner[0] < ends[0][0] and outer[1] <= inner[1] < ends[0][1]
    return starts_inside and ends[0][0] <= ends[1][0] and ends[0][1] <= ends[1][1]


def _check_stills(described: Mapping[str, Any], images: Mapping[int, NDArray[np.uint8]]) -> Iterator[str]:
    """The shipped frames must match the stills that the caption was made from."""
    for still in described.get("stills", []):  # shards of earlier versions list none
        image = images.get(still["frame"])
        if image is None:
            continue
        signature, crop, (width, height) = (
            base64.b64decode(still["signature"]),
            described["crop"],
            described["source_size"],
        )
        if matches_crop(signature, image, tuple(crop), (width, height)) is False:
            yield f"its frame {still['frame']} is not the still of {still['time']:.2f} s that was captioned"


def _read_image(data: bytes, indices: Collection[int]) -> tuple[tuple[int, int, int], dict[int, NDArray[np.uint8]]]:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.load()
        return (*image.size, 1), {index: np.asarray(image.convert("RGB")) for index in indices}


def _read_video(data: bytes, indices: Collection[int]) -> tuple[tuple[int, int, int], dict[int, NDArray[np.uint8]]]:
    """(width, height, frames), and the frames at `indices` as uint8 RGB [H, W, 3]."""
    sizes: Counter[tuple[int, int]] = Counter()
    images: dict[int, NDArray[np.uint8]] = {}
    with open_stream(io.BytesIO(data)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            sizes[frame.width, frame.height] += 1
            if number in indices:
                converter = RgbConverter(Geometry(0, frame.width, frame.height))
                images[number] = converter.rgb(frame, frame.width, frame.height)
    if len(sizes) != 1:
        raise VerifyError(f"frames of {len(sizes)} sizes")
    ((width, height), frames) = next(iter(sizes.items()))
    return (width, height, frames), images
