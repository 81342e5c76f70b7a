"""Finds the clip that a person means by the beginning of its id, or by the id of a sample or still of it.

clip_id = find_clip("3f2a", clip_ids)
"""

from collections.abc import Sequence

from schemas.errors import InputError
from schemas.nearest import did_you_mean


def find_clip(text: str, known: Sequence[str]) -> str:
    """The clip whose id starts with `text`, or whose id is a prefix of `text` (as of a sample's or still's id).

    Raises `InputError` if there is none or more than one.
    """
    matches = [key for key in known if key.startswith(text) or text.startswith(f"{key}-")]
    if text in known or len(matches) == 1:
        return text if text in known else matches[0]
    if not matches:
        near = did_you_mean(text, known) if len(known) < 20 else "see just ledger"
        raise InputError(f"no clip or video {text!r} in this dataset; {near}")
    listed = ", ".join(sorted(matches)[:5])
    raise InputError(f"{len(matches)} clips begin with {text!r}: {listed}{' ...' if len(matches) > 5 else ''}")
