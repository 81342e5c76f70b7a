"""Ingest: list the bucket, then probe every object. An unusable object becomes a row with the reason.

The bucket is a folder (recursive), `s3://...`, `gs://...` or anything else that fsspec supports, or a text file with
one address per line; secrets in an address (a password, a signature) are used for reading and stored in no table. The
identity of the content is the store's etag, or for local files a BLAKE2b hash of all bytes.

    just curate s3://my-bucket/raw --exclude '*.json' --limit 100
"""

import fnmatch
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.media.limits import check_bytes
from pipeline.media.probe import probe
from pipeline.stage import Output, Result, Row, StageSpec, describe
from pipeline.stages.specification import make_spec
from pipeline.storage.addresses import clean
from pipeline.storage.store import MISSING, Store, StoredFile, open_source, stat_address
from schemas.config import IngestConfig, RunConfig
from schemas.errors import InputError, MediaError
from schemas.ids import object_id, video_id
from schemas.media_tables import OBJECTS, VIDEOS
from schemas.nearest import closest

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

VERSION = 2
OUTPUTS = (Output(folder="videos", contract=VIDEOS, parent="object_id"),)
LIST_SUFFIXES = (".txt", ".list", ".lst")


def spec(config: RunConfig) -> StageSpec:
    """Rows: objects. Looks at every listed object."""
    return make_spec(
        "ingest",
        Probe,
        VERSION,
        OUTPUTS,
        settings={},
        arguments={},
        identity=("version", "uri"),
        rows_per_part=config.ingest.videos_per_part,
    )


def list_bucket(bucket: str, config: IngestConfig) -> pa.Table:
    """The objects of a bucket in key order. Raises `InputError` if it cannot be listed or is empty."""
    name = clean(bucket)
    try:
        files = _list_uris(Path(bucket)) if _is_uri_list(bucket) else _list_store(bucket)
    except InputError:
        raise
    except PermissionError:
        raise InputError(f"bucket {name}: no permission to list it; check its owner or the credentials") from None
    except Exception as error:  # every store's client has its own exceptions
        raise InputError(f"bucket {name} cannot be listed: {describe(error)}") from None
    if not files:
        raise InputError(f"bucket {name} is empty: nothing to curate")
    kept = [file for file in files if not any(fnmatch.fnmatch(file.key, glob) for glob in config.exclude)]
    if not kept:
        raise InputError(f"bucket {name}: ingest.exclude = {config.exclude} leaves none of {len(files)} objects")
    return OBJECTS.table(
        {
            "object_id": object_id(file.key, file.size, file.version),
            "key": file.key,
            "uri": file.uri,
            "bytes": file.size,
            "version": file.version,
            "etag": file.etag,
        }
        for file in kept[: config.limit or None]
    )


def _is_uri_list(bucket: str) -> bool:
    path = Path(bucket)
    return "://" not in bucket and path.is_file() and path.suffix in LIST_SUFFIXES


def _list_store(bucket: str) -> list[StoredFile]:
    store = Store(bucket)
    if not store.exists():
        near = [path.name for path in Path(bucket).parent.glob("*/")] if store.is_local else []
        close = closest(Path(bucket).name, near)
        hint = f"; did you mean {close!r}?" if close else ""
        raise InputError(f"bucket {store.uri} does not exist{hint}")
    if not store.is_folder():
        raise InputError(f"bucket {store.uri} is a single file: give its folder, or a .txt file that lists URIs")
    return [file for file in store.list() if not _is_hidden(file.key)]


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _list_uris(path: Path) -> list[StoredFile]:
    files: dict[str, StoredFile] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        address = line.strip()
        if not address or address.startswith("#"):
            continue
        file = _stat(address)
        earlier = files.setdefault(file.key, file)
        if (earlier.size, earlier.version) != (file.size, file.version):
            raise InputError(
                f"bucket {path}: lines {lines[file.key]} and {number} are two objects of one name, {file.key}: they "
                "differ only in parts that may be secrets and are not kept; give each object a path of its own"
            )
        lines.setdefault(file.key, number)
    return sorted(files.values(), key=lambda file: file.key)


def _stat(address: str) -> StoredFile:
    try:
        return stat_address(address)
    except Exception:  # a dead address becomes a row, which fails when opened; every store's client has its exceptions
        uri = clean(address)
        return StoredFile(key=uri, size=0, version=MISSING, etag=None, uri=Store(uri).uri if "://" not in uri else uri)


class Probe:
    """Rows: the objects table."""

    def process(self, row: Row) -> Result:
        """Probe one object; an unusable file is a failed row that keeps its id, key and size."""
        check_bytes(row["bytes"])
        identity = row["etag"] or _content_hash(row["uri"])
        known = {
            "object_id": row["object_id"],
            "video_id": video_id(row["key"], row["bytes"], identity),
            "key": row["key"],
            "uri": row["uri"],
            "bytes": row["bytes"],
            "version": row["version"],
            "identity": identity,
        }
        try:
            facts = asdict(probe(row["uri"], row["bytes"]))
        except MediaError as error:
            return Result(key=row["object_id"], values=known, error=str(error), counters={"probed": 1})
        return Result(key=row["object_id"], values={**known, **facts}, counters={"probed": 1})


def _content_hash(uri: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open_source(uri) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def find_identical(videos: "Relation") -> "Relation":
    """Sources with the same bytes as an earlier one in key order, as a duplicates table over video ids."""
    first = "first_value(video_id) OVER (PARTITION BY bytes, identity ORDER BY key)"
    known = videos.filter("status = 'ok'").project(f"video_id AS id, {first} AS duplicate_of, key")
    return (
        known.filter("id <> duplicate_of")
        .order("key")
        .project("id, duplicate_of, 1::DOUBLE AS similarity, 0::DOUBLE AS hash_distance")
    )
