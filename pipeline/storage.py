"""Files in a folder or an object store, behind one small class: list, read, write atomically.

fsspec knows the stores; what it lacks is the promise that a file is either whole or not there. Local writes go to a
temporary name, are flushed to disk and renamed; an object store's single put is atomic by itself. Errors that end a
run (no space, no permission) come out as `DatasetError` with the path and the fix.
"""

import errno
import io
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import fsspec

from schemas.errors import DatasetError, MediaError

TEMPORARY = ".tmp-"
_WRITE_FIXES = {
    errno.ENOSPC: "no space left on the device; free some or choose another --out",
    errno.EDQUOT: "disk quota exceeded; free some or choose another --out",
    errno.EACCES: "no permission; check the owner of the folder or choose another --out",
    errno.EPERM: "not permitted; check the owner of the folder or choose another --out",
    errno.ENOENT: "the folder cannot be made there; choose another --out",
    errno.EROFS: "read-only file system; choose another --out",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another --out",
    errno.EEXIST: "a part of this path is a file, not a folder; choose another --out",
    errno.EISDIR: "there is a folder of this name; choose another --out",
}
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A listed file: path relative to the store's root, size in bytes, etag or modification time, full URI."""

    key: str
    size: int
    version: str
    etag: str | None
    uri: str


class Store:
    """A folder on this machine or in an object store (`s3://bucket/prefix`, `gs://...`, anything fsspec knows).

    Pickles as its URI, so it can travel to workers. Credentials come from the environment alone.
    """

    def __init__(self, uri: str | Path) -> None:
        text = str(uri)
        self.is_local = "://" not in text or text.startswith("file://")
        self.uri = str(Path(text.removeprefix("file://")).absolute()) if self.is_local else text.rstrip("/")
        self._filesystem, self._root = fsspec.core.url_to_fs(self.uri)

    def __reduce__(self) -> tuple[type["Store"], tuple[str]]:
        return (Store, (self.uri,))

    def path(self, key: str) -> str:
        """The full URI of a file."""
        return f"{self.uri}/{key}" if key else self.uri

    def exists(self, key: str = "") -> bool:
        """Whether the file or folder is there."""
        return bool(self._filesystem.exists(f"{self._root}/{key}" if key else self._root))

    def is_folder(self) -> bool:
        """Whether the root is a folder (in an object store: a prefix that holds something)."""
        return bool(self._filesystem.isdir(self._root))

    def list(self, folder: str = "") -> list[StoredFile]:
        """All files below a folder, recursively, sorted by key; none if it is not there.

        On this machine links are followed (a link that leads nowhere is listed, so that it cannot vanish), and a
        folder that may not be read raises `PermissionError`.
        """
        base = f"{self._root}/{folder}" if folder else self._root
        if self.is_local:
            return sorted((self._stored(path, {}) for path in _walk(base)), key=lambda file: file.key)
        if not self._filesystem.exists(base):
            return []
        self._filesystem.invalidate_cache()
        found = self._filesystem.find(base, detail=True)
        files = [self._stored(path, detail) for path, detail in found.items() if detail.get("type") == "file"]
        return sorted(files, key=lambda file: file.key)

    def _stored(self, path: str, detail: dict[str, object]) -> StoredFile:
        key = path[len(self._root) :].lstrip("/")
        etag = detail.get("ETag") or detail.get("etag")
        if self.is_local:
            found = os.stat(path) if os.path.exists(path) else None
            version, size = _version_and_size(found)
            key = os.fsencode(key).decode("utf-8", "backslashreplace")  # no table can hold a name that is not UTF-8
        else:
            version = str(etag or detail.get("LastModified") or detail.get("updated") or "")
            size = cast(int, detail.get("size") or 0)
        text = str(etag).strip('"') if etag else None
        return StoredFile(key=key, size=size, version=version.strip('"'), etag=text, uri=self.path(key))

    def stat(self, key: str) -> StoredFile:
        """What is known of one file. Raises `FileNotFoundError` if it is not there."""
        path = f"{self._root}/{key}"
        return self._stored(path, self._filesystem.info(path))

    def read(self, key: str) -> bytes:
        """The bytes of a file. Raises `FileNotFoundError` if it is not there."""
        return cast(bytes, self._filesystem.cat_file(f"{self._root}/{key}"))

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """The bytes of a file from `start` up to `stop`. Raises `FileNotFoundError` if it is not there."""
        return cast(bytes, self._filesystem.cat_file(f"{self._root}/{key}", start=start, end=stop))

    def write(self, key: str, data: bytes) -> None:
        """Make the file hold exactly `data`, atomically. Raises `DatasetError` where nothing can be written."""
        with self.writing(key) as file:
            file.write(data)

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """A file object whose content appears under `key` when the block ends without an error, and never else."""
        with dataset_errors(self.path(key)):
            if not self.is_local:
                with tempfile.TemporaryFile() as spool:
                    yield spool
                    spool.seek(0)
                    with self._filesystem.open(f"{self._root}/{key}", "wb") as remote:
                        while block := spool.read(1 << 22):
                            remote.write(block)
                return
            target = Path(self._root) / key
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
            try:
                with temporary.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Remove a file if it is there."""
        path = f"{self._root}/{key}"
        if self._filesystem.exists(path):
            self._filesystem.rm_file(path)

    def remove_temporary(self) -> int:
        """Remove what killed writers left behind; returns how many files."""
        if not self.is_local:
            return 0
        left = list(Path(self._root).rglob(f"{TEMPORARY}*"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def _version_and_size(found: os.stat_result | None) -> tuple[str, int]:
    if found is None:
        return "missing", 0
    # The kind stands for the time, so that a pipe which a file replaces is listed as new.
    return (str(found.st_mtime_ns), found.st_size) if stat.S_ISREG(found.st_mode) else (kind_of_file(found.st_mode), 0)


def _walk(base: str) -> Iterator[str]:
    """Paths of all files below a folder. A link back to a folder above itself is not entered again."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    seen: set[str] = set()
    for folder, inner, names in os.walk(base, onerror=refuse, followlinks=True):
        seen.add(os.path.realpath(folder))
        inner[:] = [name for name in inner if os.path.realpath(os.path.join(folder, name)) not in seen]
        yield from (os.path.join(folder, name) for name in names)


@contextmanager
def dataset_errors(path: str) -> Iterator[None]:
    """Turn the operating system's refusals to write into a `DatasetError` that names the path and the fix."""
    try:
        yield
    except OSError as error:
        fix = _WRITE_FIXES.get(error.errno or 0)
        if fix is None:
            raise
        raise DatasetError(f"cannot write {path}: {fix}") from error


def open_source(uri: str) -> IO[bytes]:
    """A source as a seekable file object. Raises `MediaError` for what is not there, not a file, or may not be read.

    On this machine only a regular file is opened: a pipe would block for ever, a device may do anything.
    """
    path = uri.removeprefix("file://")
    try:
        if "://" in path:
            filesystem, inner = fsspec.core.url_to_fs(uri)
            return cast(IO[bytes], filesystem.open(inner, "rb", block_size=1 << 22, cache_type="readahead"))
        return _open_regular(path)
    except FileNotFoundError:
        raise MediaError("listed, but not there: gone, a broken link, or a name that is not UTF-8") from None
    except PermissionError:
        raise MediaError("no permission to read it") from None


class _LocalFile(io.FileIO):
    """An unbuffered file for readers that ask for whole blocks; closed when the last of them drops it."""

    def __del__(self) -> None:
        self.close()


def _open_regular(path: str) -> IO[bytes]:
    _refuse_special(os.stat(path).st_mode)
    # What stands there may be another one by now: without blocking, and judged again by what was opened.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_special(os.fstat(file).st_mode)
        return cast(IO[bytes], _LocalFile(file))
    except BaseException:
        os.close(file)
        raise


def _refuse_special(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise MediaError(f"{kind_of_file(mode)}: only regular files are opened")


def kind_of_file(mode: int) -> str:
    """What stands at a path, by its mode as `os.stat` gives it, in a person's words."""
    return _KINDS.get(stat.S_IFMT(mode), "no file")


@contextmanager
def unchanged_source(row: Mapping[str, Any]) -> Iterator[None]:
    """Hold a source to what was listed (`uri`, `bytes`, `version`), before its bytes are used and after.

    Raises `MediaError` where it was replaced, written to or removed meanwhile.
    """
    _require_unchanged(row)
    yield
    _require_unchanged(row)


def _require_unchanged(row: Mapping[str, Any]) -> None:
    folder, _, name = row["uri"].rpartition("/")
    try:
        now = Store(folder).stat(name)
    except FileNotFoundError:
        raise MediaError("gone since it was listed; run the same command again") from None
    if (now.size, now.version) != (row["bytes"], row["version"]):
        raise MediaError(
            f"changed since it was listed ({row['bytes']} bytes then, {now.size} now): run the same command again"
        )
