"""One sample to export, and how its bytes and its caption are read from the shard.

A sample's id becomes a file name, a line of a list and a key of other programs' caches, so it may contain only letters,
digits, `-`, `_` and `.`; ids made by curation always do.

    read_sample(store, row)
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.bucket import Bucket
from schemas.errors import DatasetError

if TYPE_CHECKING:  # layouts are listed without the libraries of tables and stores
    from pipeline.stage import Row
    from pipeline.storage.store import Store

CAPTION_LENGTHS = ("short", "medium", "dense")
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedClip:
    """A sample to lay out: its id, `train` or `val`, its bucket, and its caption (empty while it is not read)."""

    sample_id: str
    split: str
    bucket: Bucket
    caption: str = ""

    @property
    def kind(self) -> str:
        """`image` or `video`."""
        return "image" if self.bucket.is_image else "video"

    @property
    def file_name(self) -> str:
        """The sample id with the suffix of its media."""
        return f"{self.sample_id}.{'png' if self.bucket.is_image else 'mp4'}"


def clip_of(row: "Row") -> ExportedClip:
    """The clip of a row of the shard index. Raises `DatasetError` if its id cannot be a file name everywhere."""
    if not _SAFE.fullmatch(row["sample_id"]):
        raise DatasetError(
            f"sample {row['sample_id']!r}: its id cannot be a file name (letters, digits, '-', '_', '.'; at most 201);"
            " this index was not written by curation: curate again"
        )
    return ExportedClip(sample_id=row["sample_id"], split=row["split"], bucket=Bucket.parse(row["bucket"]))


def read_sample(store: "Store", row: "Row") -> tuple[bytes, Mapping[str, str]]:
    """The bytes of a sample's video or image, and its captions by length.

    Raises `DatasetError` if the shard holds other bytes than were packed, or no such members.
    """
    key, shard = row["sample_id"], row["shard"]
    try:
        data = store.read_range(f"shards/{shard}", row["offset"], row["offset"] + row["size"])
    except FileNotFoundError:
        raise DatasetError(f"shard {shard} is not there; curate again to pack what is lost") from None
    if hashlib.sha256(data).hexdigest() != row["checksum"]:
        raise DatasetError(
            f"sample {key}: its bytes in {shard} are not those that were packed (checksum); `just verify` lists what is"
            " damaged; remove that shard and curate again"
        )
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        members = {
            member.name.removeprefix(f"{key}."): file.read() for member in tar if (file := tar.extractfile(member))
        }
    media = members.get("png" if Bucket.parse(row["bucket"]).is_image else "mp4")
    try:
        captions = json.loads(members["json"])["captions"]
    except (KeyError, ValueError) as error:
        raise DatasetError(f"sample {key}: {shard} holds no captions of it ({error!r}); curate again") from None
    if media is None:
        raise DatasetError(f"sample {key}: {shard} holds no {row['bucket']} of it; curate again")
    return media, captions
