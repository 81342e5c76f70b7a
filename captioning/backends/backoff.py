"""Exponential backoff with jitter before a request is sent again; a server's `Retry-After` takes precedence.

await asyncio.sleep(Backoff().pause(attempt=2, asked=read_retry_after(header)))
"""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waiting times in seconds: `first` doubles up to `longest`; a server's own wish is capped at `longest_asked`.

    A server that asks for an hour would stall the run; it is tried again after `longest_asked` and may ask again.
    """

    first: float = 0.5
    longest: float = 30.0
    longest_asked: float = 120.0

    def pause(self, attempt: int, asked: float | None = None) -> float:
        """Seconds to wait after attempt n (from 1) failed; `asked` is what the server asked for, None for nothing.

        Without `asked` it is a random 50 to 100 % of the doubled time. With it, it is at least `asked` (up to the cap)
        and at most `first` more, so that requests that were rejected together do not return together.
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
