"""Reads stills (JPEG) and packed samples (video or image) of a dataset by id, for viewing.

Ids are looked up in the dataset's tables, which say where the bytes are; an id never becomes part of a path.

    jpeg = Stills(dataset)(still_id)
    media = Samples(dataset)(sample_id)
"""

import io
import tarfile
from dataclasses import dataclass
from functools import cached_property, lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.readers.history import History
from pipeline.stage import Output
from schemas.dataset_files import INDEX
from schemas.media_tables import STILL_IMAGES
from schemas.outcome_tables import SAMPLES

_IMAGES = Output(folder="still_images", contract=STILL_IMAGES, parent="still_id")
_FORMER_IMAGES = Output(folder="stills", contract=STILL_IMAGES, parent="still_id")
MEDIA_TYPES = {".mp4": "video/mp4", ".png": "image/png"}
_PARTS_KEPT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Content with its MIME type."""

    content: bytes
    type: str


class Stills:
    """The stills of a dataset by id. Keeps the ids in memory and a few part files with their images."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._fingerprint = str(History(dataset).record["stages"]["split"]["fingerprint"])
        # An earlier version kept the images with the stills' columns; the next run takes them out.
        former = not dataset.store.exists(f"{_IMAGES.folder}/{self._fingerprint}")
        self._output = _FORMER_IMAGES if former else _IMAGES
        self._part = lru_cache(maxsize=_PARTS_KEPT)(self._read_part)

    @cached_property
    def _parts_of_stills(self) -> pa.Table:
        parts = dict.fromkeys(self._dataset.committed(self._output, self._fingerprint))
        return self._dataset.read_parts(self._output, self._fingerprint, parts, ["still_id"])

    def _read_part(self, part: str) -> pa.Table:
        return self._dataset.read_parts(self._output, self._fingerprint, {part: None}, ["still_id", "image"])

    def __call__(self, still_id: str) -> bytes | None:
        """The still as JPEG; None if the dataset has no such still."""
        place = pc.index(self._parts_of_stills["still_id"], still_id).as_py()
        if place < 0:
            return None
        path: str = self._parts_of_stills[PART_COLUMN][place].as_py()
        rows = self._part(path.rsplit("/", 1)[1].removesuffix(".parquet")).filter(pc.field("still_id") == still_id)
        image: bytes | None = rows["image"][0].as_py()
        return image


class Samples:
    """The packed samples of a dataset by id, read from their shards by the index's offset and size."""

    def __init__(self, dataset: Dataset) -> None:
        from pipeline.dataset.query import querying

        self._dataset = dataset
        columns = ["sample_id", "status", "shard", "offset", "size"]
        with querying(dataset.store) as connection:
            packed = dataset.relation(connection, INDEX, SAMPLES, columns).filter("status = 'ok'")
            self._places = packed.project('sample_id, shard, "offset", size').to_arrow_table()

    def __call__(self, sample_id: str) -> Media | None:
        """The video or image of a sample; None if there is no such sample or its shard does not contain it."""
        members = self.members(sample_id) or {}
        return next(
            (Media(content=members[end], type=kind) for end, kind in MEDIA_TYPES.items() if end in members), None
        )

    def members(self, sample_id: str) -> dict[str, bytes] | None:
        """What the shard holds of a sample, by suffix (`.mp4`, `.json`); None where there is no such sample."""
        place = pc.index(self._places["sample_id"], sample_id).as_py()
        if place < 0:
            return None
        shard, offset, size = (self._places[name][place].as_py() for name in ("shard", "offset", "size"))
        data = self._dataset.store.read_range(f"shards/{shard}", offset, offset + size)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            files = ((member.name, tar.extractfile(member)) for member in tar if member.name.startswith(sample_id))
            return {name.removeprefix(sample_id): file.read() for name, file in files if file}
