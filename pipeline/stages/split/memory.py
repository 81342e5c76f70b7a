"""Gives memory that was freed back to the system, which the C library keeps between pieces that are still in use.

A long film allocates and frees the network's large arrays thousands of times while small results stay, so that with
glibc a process that uses the same memory all the time holds a little more from minute to minute.

    just bench hour
"""

import ctypes
from collections.abc import Callable


def _find_trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # no library to ask on this system
        return None
    return found


_trim = _find_trim()


def give_back_freed() -> None:
    """Return free pages to the system; does nothing where the C library is not glibc. Takes some milliseconds."""
    if _trim is not None:
        _trim(0)
