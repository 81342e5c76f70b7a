"""How long to wait before a request is sent again: longer each time, never in step, and as the server asks if it does.

python -m pytest tests/captioning/backends/test_backoff.py
"""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waiting times in seconds: `first` doubles up to `longest`; a server's own wish counts up to `longest_asked`.

    A server that asks for an hour would stop the run; after `longest_asked` it is tried again and may say so again.
    """

    first: float = 0.5
    longest: float = 30.0
    longest_asked: float = 120.0

    def pause(self, attempt: int, asked: float | None = None) -> float:
        """Seconds to wait after attempt n (from 1) failed, where the server asked for `asked` seconds or for none.

        Without a wish it is half to all of the doubled time. With one it is never less than what was asked (within the
        bound), and up to `first` more, so that requests that were turned away together do not come back together.
        """
        chance = random.random()  # noqa: S311 (spreads requests, guards nothing)
        if asked is not None:
            return min(asked, self.longest_asked) + self.first * chance
        return min(self.longest, self.first * 2.0 ** min(attempt - 1, 32)) * (0.5 + 0.5 * chance)


def read_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds from a `Retry-After` header: a number or an HTTP date (RFC 9110, 10.2.3); None if it says neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
