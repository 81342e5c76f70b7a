"""Files in a folder or an object store behind one small class: list, read, write atomically.

fsspec supports the stores, but does not guarantee that a file is either complete or absent. Local writes go to a
temporary name, are flushed to disk and renamed; an object store's single put is atomic by itself. Errors that end a
run (no space, no permission) become `DatasetError` with the path and the fix. Keys are plain names: only the scheme and
the server of an address are interpreted, so `::`, `#`, `?` and `%` in a key have no meaning.

    Store("s3://bucket/set").write("run.json", data)
"""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from pipeline.storage.addresses import address_of, clean, grant
from pipeline.storage.reading import open_checked, patiently, read_range, read_whole
from pipeline.storage.upload import BLOCK_BYTES, uploading
from schemas.errors import DatasetError, InputError, MediaError

TEMPORARY = ".tmp-"
MISSING = "missing"
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
    """A listed file: path relative to the store's root, size in bytes, version (etag or mtime), full URI."""

    key: str
    size: int
    version: str
    etag: str | None
    uri: str


class Store:
    """A local folder or one in an object store (`s3://bucket/prefix`, `gs://...`, anything that fsspec supports).

    Pickles as its address, so it can be sent to workers; `uri` is the address without secrets. Credentials of object
    stores come from the environment only.
    """

    def __init__(self, address: str | Path) -> None:
        text = str(address)
        self.is_local = _is_local(text)
        self.address = _absolute(text) if self.is_local else text.rstrip("/")
        self.uri = clean(self.address)
        grant(self.uri, self.address)
        self._filesystem, self._root = (LocalFileSystem(), self.uri) if self.is_local else _resolve(self.address)
        self._scheme = "" if self.is_local else f"{self.address.partition('://')[0]}://"

    def __reduce__(self) -> tuple[type["Store"], tuple[str]]:
        return (Store, (self.address,))

    def path(self, key: str) -> str:
        """The full URI of a file, without a password."""
        return f"{self.uri}/{key}" if key else self.uri

    @property
    def filesystem(self) -> Any:
        """The fsspec file system that it is in, for libraries that read files by themselves."""
        return self._filesystem

    @property
    def query_root(self) -> str:
        """The root as `filesystem` writes it, without a scheme: every path that it gives contains it."""
        return self._root

    def query_path(self, key: str) -> str:
        """The path of a file for libraries that read by `filesystem`: with its scheme in an object store."""
        return f"{self._scheme}{self._root}/{key}"

    def exists(self, key: str = "") -> bool:
        """Whether the file or folder exists."""
        path = f"{self._root}/{key}" if key else self._root
        return bool(patiently(lambda: self._filesystem.exists(path)))

    def is_folder(self) -> bool:
        """Whether the root is a folder (in an object store: a prefix with at least one object)."""
        return bool(self._filesystem.isdir(self._root))

    def list(self, folder: str = "") -> list[StoredFile]:
        """All files below a folder, recursively, sorted by key; empty if the folder does not exist.

        In a local folder links are followed (a broken link is listed, so that it does not go unnoticed), and a folder
        without read permission raises `PermissionError`.
        """
        base = f"{self._root}/{folder}" if folder else self._root
        if self.is_local:
            return sorted((self._stored(path, {}) for path in _walk(base)), key=lambda file: file.key)
        if not patiently(lambda: self._filesystem.exists(base)):
            return []
        self._filesystem.invalidate_cache()
        entries = patiently(lambda: self._filesystem.find(base, detail=True))
        files = [self._stored(path, detail) for path, detail in entries.items() if detail.get("type") == "file"]
        return sorted(files, key=lambda file: file.key)

    def _stored(self, path: str, detail: dict[str, Any]) -> StoredFile:
        key = path.removeprefix(self._root).removeprefix("/")
        if self.is_local:
            key = os.fsencode(key).decode("utf-8", "backslashreplace")  # tables cannot hold names that are not UTF-8
            return _local_file(key, path, self.path(key))
        return _remote_file(key, detail, self.path(key))

    def stat(self, key: str) -> StoredFile:
        """The listing entry of one file. Raises `FileNotFoundError` if it does not exist."""
        path = f"{self._root}/{key}"
        return self._stored(path, patiently(lambda: self._filesystem.info(path)))

    def read(self, key: str) -> bytes:
        """The bytes of a file. Raises `FileNotFoundError` if it does not exist."""
        path = f"{self._root}/{key}"
        return cast(bytes, self._filesystem.cat_file(path)) if self.is_local else read_whole(self._filesystem, path)

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """The bytes `start` to `stop` (exclusive) of a file. Raises `FileNotFoundError` if it does not exist."""
        path = f"{self._root}/{key}"
        if self.is_local:
            return cast(bytes, self._filesystem.cat_file(path, start=start, end=stop))
        return read_range(self._filesystem, path, start, stop)

    def open(self, key: str) -> IO[bytes]:
        """A file for readers that jump to what they want: nothing is read ahead. Raises `FileNotFoundError`."""
        options = {} if self.is_local else {"cache_type": "none"}
        return cast(IO[bytes], self._filesystem.open(f"{self._root}/{key}", "rb", **options))

    def names(self, folder: str = "") -> tuple[str, ...]:
        """The keys of the files in a folder itself, sorted; empty if the folder does not exist."""
        base = f"{self._root}/{folder}" if folder else self._root
        if self.is_local:
            inside = sorted(os.listdir(base)) if os.path.isdir(base) else []
            files = [name for name in inside if os.path.isfile(os.path.join(base, name))]
            return tuple(f"{folder}/{name}" if folder else name for name in files)
        if not self._filesystem.exists(base):
            return ()
        self._filesystem.invalidate_cache()
        entries = self._filesystem.ls(base, detail=True)
        paths = [entry["name"] for entry in entries if entry["type"] == "file"]
        return tuple(sorted(path.removeprefix(self._root).removeprefix("/") for path in paths))

    def write(self, key: str, data: bytes) -> None:
        """Write a file atomically. Raises `DatasetError` if it cannot be written."""
        with self.writing(key) as file:
            file.write(data)

    def write_changed(self, key: str, data: bytes) -> bool:
        """`write`, unless the file holds exactly `data` already; returns whether it did not."""
        if self.exists(key) and self.read(key) == data:
            return False
        self.write(key, data)
        return True

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """A file object whose content appears under `key` if, and only if, the block ends without an error."""
        if not self.is_local:
            with uploading(self._filesystem, f"{self._root}/{key}", self.path(key)) as spool:
                yield spool
            return
        with dataset_errors(self.path(key)):
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
        """Remove a file if it exists."""
        path = f"{self._root}/{key}"
        if patiently(lambda: self._filesystem.exists(path)):
            with contextlib.suppress(FileNotFoundError):  # a removal whose answer was lost, and which was tried again
                patiently(lambda: self._filesystem.rm_file(path))

    def remove_temporary(self) -> int:
        """Remove temporary files of killed writers; returns their number."""
        if not self.is_local:
            return 0
        left = list(Path(self._root).rglob(f"{TEMPORARY}*"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def _local_file(key: str, path: str, uri: str) -> StoredFile:
    status = os.stat(path) if os.path.exists(path) else None
    if status is None:
        return StoredFile(key=key, size=0, version=MISSING, etag=None, uri=uri)
    # Special files use their type as the version, so that a regular file that replaces one counts as new.
    is_file = stat.S_ISREG(status.st_mode)
    version = str(status.st_mtime_ns) if is_file else kind_of_file(status.st_mode)
    return StoredFile(key=key, size=status.st_size if is_file else 0, version=version, etag=None, uri=uri)


def _remote_file(key: str, detail: Mapping[str, Any], uri: str) -> StoredFile:
    etag = detail.get("ETag") or detail.get("etag")
    changed = detail.get("LastModified") or detail.get("Last-Modified") or detail.get("updated")
    text = str(etag).strip('"') if etag else None
    return StoredFile(
        key=key, size=detail.get("size") or 0, version=str(text or changed or "").strip('"'), etag=text, uri=uri
    )


def _walk(base: str) -> Iterator[str]:
    """Paths of all files below a folder. A link to a folder that contains it is not followed."""

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
    """Turn write errors of the operating system into a `DatasetError` that names the path and the fix."""
    try:
        yield
    except OSError as error:
        fix = _WRITE_FIXES.get(error.errno or 0)
        if fix is None:
            raise
        raise DatasetError(f"cannot write {path}: {fix}") from error


def open_source(uri: str) -> IO[bytes]:
    """A source as a seekable file object. Raises `MediaError` if it is missing, not a file, or not readable.

    Locally only regular files are opened: a pipe would block for ever, a device may do anything.
    """
    try:
        if _is_local(uri):
            return _open_regular(uri.removeprefix("file://"))
        filesystem, path = _resolve(address_of(uri))
        return cast(IO[bytes], open_checked(filesystem, path, block_size=BLOCK_BYTES, cache_type="readahead"))
    except FileNotFoundError:
        reasons = "removed, a broken link, an address that has expired, or a name that is not UTF-8"
        raise MediaError(f"listed, but not found: {reasons}") from None
    except PermissionError:
        raise MediaError("no permission to read it") from None
    except InputError as error:
        raise MediaError(str(error)) from None


def stat_address(address: str) -> StoredFile:
    """The listing entry of the object at an address. Raises `FileNotFoundError` if it does not exist.

    Its key is its clean URI, which this process can open from then on.
    """
    uri = clean(address)
    grant(uri, address)
    if _is_local(address):
        path = _absolute(address)
        os.stat(path)
        return _local_file(uri, path, path)
    filesystem, path = _resolve(address)
    return _remote_file(uri, patiently(lambda: filesystem.info(path)), uri)


def _is_local(address: str) -> bool:
    return "://" not in address or address.startswith("file://")


def _absolute(address: str) -> str:
    return str(Path(address.removeprefix("file://")).absolute())


def _resolve(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    scheme, _, rest = address.partition("://")
    try:
        kind = fsspec.get_filesystem_class(scheme)
    except (ValueError, ImportError) as error:
        raise InputError(f"{clean(address)}: {error}") from None
    server, slash, path = rest.partition("/")
    root = str(kind._strip_protocol(f"{scheme}://{server}")).rstrip("/")
    return kind(**kind._get_kwargs_from_urls(address)), f"{root}{slash}{path}"


class _LocalFile(io.FileIO):
    """An unbuffered file for readers of large blocks; closed when the last reference is dropped."""

    def __del__(self) -> None:
        self.close()


def _open_regular(path: str) -> IO[bytes]:
    _refuse_special(os.stat(path).st_mode)
    # The path may have been replaced meanwhile: open without blocking, and check what was opened.
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
    """The type of a file in plain words, from its `os.stat` mode."""
    return _KINDS.get(stat.S_IFMT(mode), "no file")


@contextmanager
def unchanged_source(row: Mapping[str, Any]) -> Iterator[None]:
    """Check that a source is as listed (`uri`, `bytes`, `version`), before its bytes are used and after.

    Raises `MediaError` if it was replaced, written to or removed meanwhile.
    """
    _require_unchanged(row)
    yield
    _require_unchanged(row)


def _require_unchanged(row: Mapping[str, Any]) -> None:
    try:
        now = stat_address(address_of(row["uri"]))
    except FileNotFoundError:
        raise MediaError("removed since it was listed; run the same command again") from None
    if (now.size, now.version) != (row["bytes"], row["version"]):
        raise MediaError(
            f"changed since it was listed ({row['bytes']} bytes then, {now.size} now): run the same command again"
        )
