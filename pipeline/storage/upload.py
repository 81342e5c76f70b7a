"""Writes a file to an object store: buffered in the temporary folder, then uploaded completely or not at all.

Closing a client's file object after an error would upload a partial file, so a failed upload is discarded: the parts
that arrived are removed from the store, and the previous object stays. If the process is killed, its parts stay
invisible in the store until a lifecycle rule of the bucket removes them.

    with uploading(filesystem, path, uri) as file:
        file.write(data)
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from pipeline.storage.addresses import redact
from pipeline.storage.temporary import is_full, temporary_folder_is_full
from schemas.errors import DatasetError

BLOCK_BYTES = 1 << 22


@contextmanager
def uploading(filesystem: Any, path: str, uri: str) -> Iterator[IO[bytes]]:
    """A file object whose content is uploaded to `path` when the block ends without an error.

    Raises `DatasetError` that names `uri` if the upload fails, or the temporary folder if that is full.
    """
    with _temporary_file(uri) as spool:
        yield spool
        spool.seek(0)
        try:
            _upload(filesystem, path, spool)
        except Exception as error:  # every store's client has its own exceptions
            reason = redact(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
            fix = "nothing new is left under that name; run the same command again"
            raise DatasetError(f"cannot write {uri}: the upload failed ({reason}); {fix}") from None


@contextmanager
def _temporary_file(uri: str) -> Iterator[IO[bytes]]:
    try:
        with tempfile.TemporaryFile() as file:
            yield file
    except OSError as error:
        if not is_full(error):
            raise
        raise temporary_folder_is_full(f"{uri} is gathered there before it is uploaded") from error


def _upload(filesystem: Any, path: str, spool: IO[bytes]) -> None:
    remote = filesystem.open(path, "wb")
    try:
        while block := spool.read(BLOCK_BYTES):
            remote.write(block)
        remote.close()
    except BaseException:
        remote.closed = True  # so that nothing closes it later
        remote.discard()
        raise
