"""A still by reference to its row, read only in the process that needs the image.

StoredImage(dataset_uri, part="stills/<fingerprint>/part-<hash>.parquet", still_id=still_id).read()
"""

from dataclasses import dataclass
from functools import lru_cache

from pipeline.dataset.references import PartReader


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The still `still_id` in the part file `part` of the dataset at `dataset_uri`; meets `captioning.chat.Picture`."""

    dataset_uri: str
    part: str
    still_id: str

    @property
    def key(self) -> str:
        """Part and id: a part file's name covers the identity of its rows, so different pixels have different keys."""
        return f"{self.part}#{self.still_id}"

    def read(self) -> bytes:
        """The still as JPEG. Raises `KeyError` if the part has no such still, `OSError` if it cannot be read."""
        image: bytes = _reader(self.dataset_uri).get(self.part, self.still_id)
        return image


@lru_cache(maxsize=4)
def _reader(dataset_uri: str) -> PartReader:
    """One reader per process and dataset, so that the stills of a part cost one read."""
    return PartReader(dataset_uri, "still_id", "image")
