"""An fsspec file system for libraries that read by themselves, with the patience and checks of `reading.py`.

connection.register_filesystem(PatientFileSystem(store.filesystem))
"""

from typing import Any

from fsspec import AbstractFileSystem

from pipeline.storage.reading import open_checked, patiently


class PatientFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Reads from `inner`: failures that may pass are tried again, and what arrives is as long as it was asked for."""

    cachable = False

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner
        self.protocol = inner.protocol

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        """A file for reading. Raises `PermissionError` for other modes, `FileNotFoundError` if there is none."""
        if mode != "rb":
            raise PermissionError(f"{path}: this file system is for reading, not for mode {mode!r}")
        return open_checked(self._inner, self._inner._strip_protocol(path), cache_type="readahead")

    def info(self, path: str, **options: Any) -> Any:
        """Name, size and type of a file."""
        return patiently(lambda: self._inner.info(path, **options))

    def exists(self, path: str, **options: Any) -> bool:
        """Whether there is such a file."""
        return bool(patiently(lambda: self._inner.exists(path, **options)))

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        """What a folder holds."""
        return patiently(lambda: self._inner.ls(path, detail=detail, **options))

    def glob(self, path: str, **options: Any) -> Any:
        """The files that match a pattern."""
        return patiently(lambda: self._inner.glob(path, **options))

    def modified(self, path: str) -> Any:
        """When a file was written."""
        return patiently(lambda: self._inner.modified(path))
