"""A still by reference to its row, read only in the process that needs the image.

StoredImage(dataset_uri, part="still_images/<fingerprint>/part-<hash>.parquet", still_id=still_id).read()
"""

from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.references import PartReader


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The still `still_id` in the part file `part` of the dataset at `dataset_uri`; meets `captioning.chat.Picture`."""

    dataset_uri: str
    part: str
    still_id: str

    @property
    def key(self) -> str:
        """Fingerprint and id: both decide its pixels, while the file that holds it may become another."""
        return f"{self.part.rpartition('/')[0]}#{self.still_id}"

    def read(self) -> bytes:
        """The still as JPEG. Raises `KeyError` if the part has no such still, `OSError` if it cannot be read."""
        image: bytes = _reader(self.dataset_uri).get(self.part, self.still_id)
        return image


def with_images(stills: pa.Table) -> pa.Table:
    """Rows of stills whose part files (`part`) are those of their images: both tables have files of the same names."""
    place = stills.column_names.index(PART_COLUMN)
    images = pc.replace_substring_regex(stills[PART_COLUMN], "^stills/", "still_images/")
    return stills.set_column(place, PART_COLUMN, images)


@lru_cache(maxsize=4)
def _reader(dataset_uri: str) -> PartReader:
    """One reader per process and dataset, so that the stills of a part cost one read."""
    return PartReader(dataset_uri, "still_id", "image")
