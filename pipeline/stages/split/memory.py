"""Return freed memory to the operating system: glibc keeps freed pages that lie between allocations still in use.

While a long video is processed, the network's large arrays are allocated and freed thousands of times and small
results stay. With glibc the resident memory of such a process grows a little every minute although its use is constant.

    give_back_freed()        # every thousand frames or so
    just bench hour          # measures it
"""

import ctypes
from collections.abc import Callable


def _find_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # this system has no such library
        return None
    return trim


_trim = _find_trim()


def give_back_freed() -> None:
    """Return free pages to the system, in a few milliseconds. Does nothing if the C library is not glibc."""
    if _trim is not None:
        _trim(0)
