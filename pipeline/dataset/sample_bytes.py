"""Reads the media of a sample from where it is: a part file of `encoded_media`, or a shard that holds it already.

What comes from a shard is compared with its checksum, so damage does not spread into new shards.

    members = read_members(store, "shards/64x64x1/train-000000.tar", sample_id, offset, size, checksum)
    media = MediaReader(dataset.store).read("encoded_media/1f/part-2.parquet", sample_id)
"""

import hashlib
import io
import tarfile
from functools import lru_cache

import pyarrow.parquet as pq

from pipeline.storage.store import Store
from schemas.errors import DatasetError

_FILES_KEPT = 64


def read_members(store: Store, key: str, sample_id: str, offset: int, size: int, checksum: str) -> dict[str, bytes]:
    """The members of a sample of the shard `key`, by suffix.

    Raises `DatasetError` if the shard does not hold what was packed.
    """
    try:
        data = store.read_range(key, offset, offset + size)
    except FileNotFoundError:
        data = b""
    if hashlib.sha256(data).hexdigest() != checksum:
        raise DatasetError(
            f"{store.path(key)} is damaged: its bytes of sample {sample_id} are not those that were packed; remove the "
            "file and run the same command again, which packs its samples anew"
        )
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        files = ((member.name.removeprefix(f"{sample_id}."), tar.extractfile(member)) for member in tar)
        return {suffix: file.read() for suffix, file in files if file}


class MediaReader:
    """Reads media from part files, whose rows can be read one by one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = lru_cache(maxsize=_FILES_KEPT)(self._opened)

    def _opened(self, part: str) -> tuple[pq.ParquetFile, dict[str, int]]:
        file = pq.ParquetFile(self._store.open(part))
        # Which row is which stands in the footer: every row group has one row, and the least of its ids.
        groups = range(file.metadata.num_row_groups)
        return file, {file.metadata.row_group(group).column(0).statistics.min: group for group in groups}

    def read(self, part: str, sample_id: str) -> bytes:
        """The media of a sample. Raises `KeyError` if the part file has no such row."""
        file, places = self._open(part)
        media: bytes = file.read_row_group(places[sample_id], columns=["media"])["media"][0].as_py()
        return media
