"""Verify: open every shard as a stranger would, with the plain webdataset library, and hold it against the index.

Checks checksums and places of all samples, that every sample decodes to exactly its bucket's frames and size, has a
caption, a description and a crop inside its source, that no shard holds more or less than the index says, that no
source is in both splits, and that the ledger adds up. Every complaint names the sample; there is no sampling.

    just verify <dataset>
"""

import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import av
import webdataset
from PIL import Image

from pipeline.dataset import Dataset
from pipeline.ledger import check_sums
from pipeline.stage import Row
from pipeline.storage import Store
from schemas.bucket import Bucket
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER, SAMPLES

INDEX = "shards/index.parquet"
LEDGER_FILE = "ledger.parquet"


def verify(dataset: Dataset) -> list[str]:
    """Every complaint about the dataset's shards and ledger; an empty list means all is well."""
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
    try:
        shape = _picture_shape(sample["png"]) if bucket.is_image else _video_shape(sample["mp4"])
    except Exception as error:
        yield f"sample {key}: cannot be decoded: {type(error).__name__}: {error}"
        return
    yield from (f"sample {key}: {complaint}" for complaint in _check_crop(described))
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


def _picture_shape(data: bytes) -> tuple[int, int, int]:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        picture.load()
        return (*picture.size, 1)


def _video_shape(data: bytes) -> tuple[int, int, int]:
    with cast(Any, av.open(io.BytesIO(data))) as container:
        sizes = Counter((frame.width, frame.height) for frame in container.decode(video=0))
    if len(sizes) != 1:
        raise VerifyError(f"frames of {len(sizes)} sizes")
    ((width, height), frames) = next(iter(sizes.items()))
    return width, height, frames


def _check_ledger(dataset: Dataset, samples: Sequence[Row]) -> list[str]:
    ledger = dataset.read_table(LEDGER_FILE, LEDGER)
    record = dataset.read_record()
    try:
        check_sums(ledger, record["inputs"]["videos"], record["inputs"]["clips"], len(samples))
    except VerifyError as error:
        return [str(error)]
    shipped = {row["id"] for row in ledger.to_pylist() if row["kind"] == "sample" and row["state"] == "shipped"}
    packed = {row["sample_id"] for row in samples if row["status"] == "ok"}
    return [f"sample {key}: ledger and index disagree on whether it shipped" for key in sorted(shipped ^ packed)]
