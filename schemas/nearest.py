"""The nearest known name to an unknown one, for error messages.

did_you_mean("asthetic", ["aesthetic", "motion"])      # did you mean 'aesthetic'?
"""

import difflib
from collections.abc import Collection


def closest(name: str, known: Collection[str]) -> str | None:
    """The known name that is most similar to `name`, or None if none is similar."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), None)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`did you mean X?` if a known name is similar, else the list of all known names."""
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(known))}"
