"""Reads bytes of an object store completely: what arrives is counted, and asked for again if it is less.

Clients take a short answer for the object where the answer's own length says so, or where it ends with the connection:
a proxy that lost its source. A film would end early, a table be damaged. So the number of bytes is held against the
object's size, and errors that pass (too many requests, a cut connection) are tried again, after the client's own tries.

    data = read_whole(filesystem, "bucket/set/run.json")
"""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

Value = TypeVar("Value")
TRIES = 5
_FIRST_PAUSE = 0.2  # seconds, doubled from try to try
# Blocks of a large object are read at once; the client's own way leaves zeros where an answer was short.
_BLOCK_BYTES = 32 << 20
_PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def patiently(call: Callable[[], Value]) -> Value:
    """The value of a call that may be repeated; failures that may pass are tried again, then raised."""
    for tries in range(1, TRIES):
        try:
            return call()
        except _PERMANENT:
            raise
        except Exception:  # every store's client has its own exceptions
            time.sleep(_FIRST_PAUSE * 2**tries * random.uniform(0.5, 1))  # noqa: S311
    return call()


def read_whole(filesystem: Any, path: str) -> bytes:
    """The bytes of an object. Raises `FileNotFoundError` if there is none, `ConnectionError` if it stays incomplete."""
    return patiently(lambda: _read_whole(filesystem, path))


def _read_whole(filesystem: Any, path: str) -> bytes:
    filesystem.invalidate_cache(path)  # another process may have written it since it was listed
    size = filesystem.info(path)["size"]
    if size is None:  # a server that does not say
        return cast(bytes, filesystem.cat_file(path))
    starts = range(0, size, _BLOCK_BYTES)
    stops = [min(start + _BLOCK_BYTES, size) for start in starts]
    blocks = filesystem.cat_ranges([path] * len(stops), list(starts), stops)
    for start, stop, block in zip(starts, stops, blocks, strict=True):
        _check(path, start, stop, block)
    return b"".join(blocks)


def read_range(filesystem: Any, path: str, start: int, stop: int) -> bytes:
    """The bytes `start` to `stop` (exclusive), or up to the object's end."""

    def read() -> bytes:
        block = cast(bytes, filesystem.cat_file(path, start=start, end=stop))
        if len(block) < stop - start:
            filesystem.invalidate_cache(path)
            size = filesystem.info(path)["size"]
            _check(path, start, stop if size is None else max(start, min(stop, size)), block)
        return block

    return patiently(read)


def open_checked(filesystem: Any, path: str, **options: Any) -> Any:
    """An object as a file that is read in blocks, each as long as it was asked for."""
    file = patiently(lambda: filesystem.open(path, "rb", **options))
    cache, size = getattr(file, "cache", None), getattr(file, "size", None)
    fetch = getattr(cache, "fetcher", None)
    if cache is None or fetch is None or size is None:
        return file

    def fetch_checked(start: int, stop: int) -> bytes:
        def read() -> bytes:
            block = cast(bytes, fetch(start, stop))
            _check(path, start, max(start, min(stop, size)), block)
            return block

        return patiently(read)

    cache.fetcher = fetch_checked
    return file


def _check(path: str, start: int, stop: int, block: bytes) -> None:
    if len(block) != stop - start:
        raise ConnectionError(f"{path}: {len(block)} bytes arrived of {stop - start} from {start} on")
