"""Finds the browser that the tests drive: the CHROMIUM variable, or Chromium or Chrome on the path.

python -m tests.browser.chromium
"""

import os
import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
ADVICE = (
    "no Chromium found: the CHROMIUM variable names none, and none of "
    f"{', '.join(NAMES)} is on the path; install one (Debian: apt-get install chromium)"
)


def find_chromium() -> str | None:
    """Path of the browser; None where there is none. A CHROMIUM variable that names nothing is not passed over."""
    named = os.environ.get("CHROMIUM")
    paths = (shutil.which(name) for name in ([named] if named else NAMES))
    return next((path for path in paths if path), None)


if __name__ == "__main__":
    if find_chromium() is None:
        print(f"error: {ADVICE}", file=sys.stderr)
        sys.exit(2)
