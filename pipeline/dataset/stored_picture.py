"""A still as a reference: where its row lies. It is read in the process that needs it, and never travels before.

python -m pytest tests/pipeline/engine/test_llm_rows.py
"""

from dataclasses import dataclass
from functools import lru_cache

from pipeline.dataset.references import PartReader


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """The still `still_id` in the part file `part` of the dataset at `dataset_uri`; meets `captioning.chat.Picture`."""

    dataset_uri: str
    part: str
    still_id: str

    @property
    def key(self) -> str:
        """Part and id: a part file's name covers the identity of its rows, so other pixels have another key."""
        return f"{self.part}#{self.still_id}"

    def read(self) -> bytes:
        """The still as JPEG. Raises `KeyError` if the part holds no such still, `OSError` if it cannot be read."""
        image: bytes = _reader(self.dataset_uri).get(self.part, self.still_id)
        return image


@lru_cache(maxsize=4)
def _reader(dataset_uri: str) -> PartReader:
    """One reader per process and dataset, so that stills of one part cost one read."""
    return PartReader(dataset_uri, "still_id", "image")
