"""Stable ids: the same bytes under the same key have the same id in every run, also after the bucket moved.

    video_id   16 hex digits: hash of the key relative to the bucket and the content's identity
    clip_id    <video_id>-<start ms>-<end ms>
    still_id   <clip_id>-s<ordinal>
    sample_id  <clip_id>-<bucket slug>-<ordinal>

Ids have no dots or slashes, so they are valid WebDataset keys and file names.
"""

import hashlib
import json
import re
from collections.abc import Mapping

# Times may be below 0: then two dashes follow each other.
_CLIP = re.compile(r"[^-]+--?\d+--?\d+(?=-|$)")


def digest(*parts: object) -> str:
    """16 hex digits (64 bits) of a BLAKE2b hash over the parts; different lists of parts have different encodings."""
    encoded = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_encode)
    return hashlib.blake2b(encoded.encode(), digest_size=8).hexdigest()


def _encode(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return {"bytes": value.hex()}  # so that bytes differ from a text with the same hex digits
    raise TypeError(f"cannot hash a {type(value).__name__} into an id: {value!r}")


def object_id(key: str, size: int, version: str) -> str:
    """Id of a listed object that is not opened yet: from its key, size in bytes, and etag or modification time."""
    return digest("object", key, size, version)


def video_id(key: str, size: int, identity: str) -> str:
    """Id of a source: from its key relative to the bucket, its size in bytes, and its etag or content hash."""
    return digest("video", key, size, identity)


def clip_id(video: str, start_time: float, end_time: float) -> str:
    """Id of a clip: from its source and its span in seconds (rounded to the millisecond; end exclusive)."""
    return f"{video}-{round(start_time * 1000)}-{round(end_time * 1000)}"


def still_id(clip: str, ordinal: int) -> str:
    """Id of a still: from its clip and its index in time order, from 0."""
    return f"{clip}-s{ordinal:03d}"


def sample_id(clip: str, bucket_slug: str, ordinal: int) -> str:
    """Id of a training sample: from its clip, its bucket's slug, and its index within the clip, from 0."""
    return f"{clip}-{bucket_slug}-{ordinal}"


def video_of(key: str) -> str:
    """The id of the source that a clip's, still's or sample's id belongs to; a source's id itself."""
    return key.partition("-")[0]


def clip_of(key: str) -> str | None:
    """The id of the clip that a still's or sample's id belongs to; a clip's id itself; None for a source's."""
    match = _CLIP.match(key)
    return match[0] if match else None
