"""Says which known name somebody meant, for every message about an unknown one."""

import difflib
from collections.abc import Collection


def closest(name: str, known: Collection[str]) -> str | None:
    """The known name that `name` was probably meant to be, if there is one."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), None)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`did you mean X?` if a known name is close, else the list of them."""
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(known))}"
