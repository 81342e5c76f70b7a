"""Verify: read every shard with the plain webdataset library, as any user would, and check it against the index.

Checks the checksums and offsets of all samples; that every sample decodes to exactly its bucket's frames and size, has
a caption, metadata and a crop inside its source, and shows the stills that its caption was made from; that no shard has
samples beyond or short of the index; that no source is in both splits; and that the ledger adds up. All samples are
checked, and every complaint names the sample.

    just verify <dataset>
"""

import base64
import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import check_sums
from pipeline.media.geometry import Geometry
from pipeline.media.open import open_stream
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import matches_crop
from pipeline.stage import Row
from pipeline.storage.store import Store
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER, SAMPLES


def verify(dataset: Dataset, advance: Callable[[int, int], None] = lambda samples, failed: None) -> list[str]:
    """All complaints about the dataset's shards and ledger; an empty list means that it is valid.

    `advance(samples, failed)` is called for every checked shard; `failed` is always 0, see the returned list.
    """
    samples = dataset.read_table(INDEX, SAMPLES).to_pylist()
    shards: dict[str, list[Row]] = defaultdict(list)
    for sample in samples:
        if sample["status"] == "ok":
            shards[sample["shard"]].append(sample)
    complaints = list(_split_leaks(samples))
    in_folder = {file.key.removeprefix("shards/") for file in dataset.store.list("shards") if file.key.endswith(".tar")}
    complaints += [f"shard {name}: in the folder, but not in the index" for name in sorted(in_folder - set(shards))]
    complaints += [f"shard {name}: in the index, but not in the folder" for name in sorted(set(shards) - in_folder)]
    for name in sorted(set(shards) & in_folder):
        complaints += _check_shard(name, shards[name], dataset.store)
        advance(len(shards[name]), 0)
    complaints += _check_ledger(dataset)
    return complaints


def _split_leaks(samples: Sequence[Row]) -> Iterator[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample["split"]:
            splits[sample["video_id"]].add(sample["split"])
    for source in sorted(source for source, source_splits in splits.items() if len(source_splits) > 1):
        yield f"source {source}: has samples in train and in val"


def _check_shard(name: str, index: Sequence[Row], store: Store) -> Iterator[str]:
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


def _check_ledger(dataset: Dataset) -> list[str]:
    from pipeline.dataset.query import querying

    inputs = dataset.read_record()["inputs"]
    with querying(dataset.store) as connection:
        ledger = dataset.relation(connection, LEDGER_FILE, LEDGER)
        try:
            check_sums(ledger, *(inputs[kind] for kind in ("videos", "clips", "samples")))
        except VerifyError as error:
            return [str(error)]
        shipped = ledger.filter("kind = 'sample' AND state = 'shipped'").project("id")
        packed = dataset.relation(connection, INDEX, SAMPLES, ["sample_id", "status"]).filter("status = 'ok'")
        packed = packed.project("sample_id AS id")
        differing = shipped.join(packed, "id", how="anti").union(packed.join(shipped, "id", how="anti")).order("id")
        return [f"sample {key}: ledger and index disagree on whether it shipped" for (key,) in differing.fetchall()]
