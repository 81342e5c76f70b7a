"""The header of a file of tuned weights, read without torch, so that the command line can be checked at once.

facts = read_facts(Path("runs/video-tune-a-video/tuned.safetensors"))
facts["model"], facts["norm"]
"""

import json
from pathlib import Path

from schemas.errors import ConfigError

TUNED_FILE = "tuned.safetensors"
"""The file of tuned weights in a run's folder."""
HEADER = "cutroom"
_LARGEST_HEADER = 100_000_000  # bytes, the limit of safetensors


def read_facts(file: Path) -> dict[str, str]:
    """The facts in a tuned file's header: `model`, `caption`, `clip`, `step` and `norm`, the kind of group norm.

    Raises `ConfigError` for a file that `just tune` did not write.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(min(length, _LARGEST_HEADER)))
        facts: dict[str, str] = json.loads(header["__metadata__"][HEADER])
        facts["norm"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file} is not a file of tuned weights ({error!r}); `just tune` writes them") from None
    return facts
