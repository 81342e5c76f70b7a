"""Verify: open every shard as a stranger would, with the plain webdataset library, and hold it against the index.

Checks checksums and places of all samples, that every sample decodes to exactly its bucket's frames and size, has a
caption, a description and a crop inside its source, and shows the stills that its caption was made of, that no shard
holds more or less than the index says, that no source is in both splits, and that the ledger adds up. Every complaint
names the sample; there is no sampling.

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
from pipeline.media.picture import PictureMaker
from pipeline.media.signature import matches_crop
from pipeline.stage import Row
from pipeline.storage.store import Store
from schemas.bucket import Bucket
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER, SAMPLES

INDEX = "shards/index.parquet"
LEDGER_FILE = "ledger.parquet"


def verify(dataset: Dataset, advance: Callable[[int, int], None] = lambda samples, failed: None) -> list[str]:
    """Every complaint about the dataset's shards and ledger; an empty list means all is well.

    `advance` is told of every shard that was looked at its samples, and how many of them failed (none: see the list).
    """
    samples = dataset.read_table(INDEX, SAMPLES).to_pylist()
    shards: dict[str, list[Row]] = defaultdict(list)
    for sample in samples:
        if sample["status"] == "ok":
            shards[sample["shard"]].append(sample)
    complaints = list(_leaks(samples))
    found = {file.key.removeprefix("shards/") for file in dataset.store.list("shards") if file.key.endswith(".tar")}
    complaints += [f"shard {name}: in the folder, but not in the index" for name in sorted(found - set(shards))]
    complaints += [f"shard {name}: in the index, but not in the folder" for name in sorted(set(shards) - found)]
    for name in sorted(set(shards) & found):
        complaints += _check_shard(name, shards[name], dataset.store)
        advance(len(shards[name]), 0)
    complaints += _check_ledger(dataset, samples)
    return complaints


def _leaks(samples: Sequence[Row]) -> Iterator[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample["split"]:
            splits[sample["video_id"]].add(sample["split"])
    for source in sorted(source for source, found in splits.items() if len(found) > 1):
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
        for sample in _stranger(name, data):
            key = sample["__key__"]
            if key not in expected or key in seen:
                yield f"sample {key}: in {name}, but {'twice' if key in seen else 'not in the index'}"
                continue
            seen.add(key)
            yield from _check_sample(expected[key], sample)
    except Exception as error:  # whatever the library says of a damaged tar is a complaint, not a crash
        yield f"shard {name}: the webdataset library cannot read it: {type(error).__name__}: {error}"
    yield from (f"sample {key}: in the index, but not in {name}" for key in expected if key not in seen)


def _stranger(name: str, data: bytes) -> Iterator[Mapping[str, Any]]:
    import webdataset  # takes torch along, which reading a table does not need

    source = [{"url": name, "stream": io.BytesIO(data)}]
    yield from webdataset.tariterators.group_by_keys(webdataset.tariterators.tar_file_expander(source))


def _check_sample(row: Row, sample: Mapping[str, Any]) -> Iterator[str]:
    key, bucket = row["sample_id"], Bucket.parse(row["bucket"])
    try:
        described = json.loads(sample["json"])
        caption = described["captions"]["dense"]
    except (KeyError, ValueError) as error:
        yield f"sample {key}: no usable description: {error!r}"
        return
    if not caption.strip():
        yield f"sample {key}: has no caption"
    # Shards of earlier versions hold no text, and null as the frame of a still that no frame shows.
    if "txt" in sample and sample["txt"] != caption.encode():
        yield f"sample {key}: its text is not its dense caption"
    stills = described.get("stills", [])
    try:
        places = {still["frame"] for still in stills if still["frame"] is not None and still["frame"] >= 0}
        read = _read_picture if bucket.is_image else _read_video
        shape, pictures = read(sample["png" if bucket.is_image else "mp4"], places)
    except Exception as error:
        yield f"sample {key}: cannot be decoded: {type(error).__name__}: {error}"
        return
    crop_complaints = list(_check_crop(described))
    yield from (f"sample {key}: {complaint}" for complaint in crop_complaints)
    if not crop_complaints:
        yield from (f"sample {key}: {complaint}" for complaint in _check_stills(described, pictures))
    wanted = (bucket.width, bucket.height, bucket.frames)
    if shape != wanted or (described["width"], described["height"], described["frames"]) != wanted:
        yield f"sample {key}: decodes to {'x'.join(map(str, shape))}, its bucket is {bucket}"


def _check_crop(described: Mapping[str, Any]) -> Iterator[str]:
    """The crop must lie in the picture inside the bars, and that in the source."""
    try:
        crop, picture, source = described["crop"], described["picture"], [0, 0, *described["source_size"]]
    except KeyError as error:
        yield f"its description does not say {error}"
        return
    for inner, name, outer, of in ((crop, "crop", picture, "picture"), (picture, "picture", source, "source")):
        if not _lies_in(inner, outer):
            yield f"its {name} {inner} (left, top, width, height) does not lie in its {of} {outer}"


def _lies_in(inner: Sequence[int], outer: Sequence[int]) -> bool:
    ends = [(box[0] + box[2], box[1] + box[3]) for box in (inner, outer)]
    starts_inside = outer[0] <= inner[0] < ends[0][0] and outer[1] <= inner[1] < ends[0][1]
    return starts_inside and ends[0][0] <= ends[1][0] and ends[0][1] <= ends[1][1]


def _check_stills(described: Mapping[str, Any], pictures: Mapping[int, NDArray[np.uint8]]) -> Iterator[str]:
    """The shipped pictures must be those of the stills that its caption was made of."""
    for still in described.get("stills", []):  # shards of earlier versions name none
        picture = pictures.get(still["frame"])
        if picture is None:
            continue
        signature, crop, (width, height) = (
            base64.b64decode(still["signature"]),
            described["crop"],
            described["source_size"],
        )
        if matches_crop(signature, picture, tuple(crop), (width, height)) is False:
            yield f"its frame {still['frame']} is not the still of {still['time']:.2f} s that was captioned"


def _read_picture(data: bytes, places: Collection[int]) -> tuple[tuple[int, int, int], dict[int, NDArray[np.uint8]]]:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        picture.load()
        return (*picture.size, 1), {place: np.asarray(picture.convert("RGB")) for place in places}


def _read_video(data: bytes, places: Collection[int]) -> tuple[tuple[int, int, int], dict[int, NDArray[np.uint8]]]:
    """Width, height and frames, and the frames at these places as RGB [height, width, 3]."""
    sizes: Counter[tuple[int, int]] = Counter()
    pictures: dict[int, NDArray[np.uint8]] = {}
    with open_stream(io.BytesIO(data)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            sizes[frame.width, frame.height] += 1
            if number in places:
                maker = PictureMaker(Geometry(0, frame.width, frame.height))
                pictures[number] = maker.rgb(frame, frame.width, frame.height)
    if len(sizes) != 1:
        raise VerifyError(f"frames of {len(sizes)} sizes")
    ((width, height), frames) = next(iter(sizes.items()))
    return (width, height, frames), pictures


def _check_ledger(dataset: Dataset, samples: Sequence[Row]) -> list[str]:
    ledger = dataset.read_table(LEDGER_FILE, LEDGER)
    record = dataset.read_record()
    try:
        check_sums(ledger, *(record["inputs"][kind] for kind in ("videos", "clips", "samples")))
    except VerifyError as error:
        return [str(error)]
    shipped = {row["id"] for row in ledger.to_pylist() if row["kind"] == "sample" and row["state"] == "shipped"}
    packed = {row["sample_id"] for row in samples if row["status"] == "ok"}
    return [f"sample {key}: ledger and index disagree on whether it shipped" for key in sorted(shipped ^ packed)]
