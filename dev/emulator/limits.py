"""Rate limits on order: so many calls with one key in so much time, and the rest is answered with 429."""

import re
import time
from collections import deque

from pydantic import Field

from dev.emulator.seed import Body


class Limit(Body):
    """What one API key may ask for; each key has its own count."""

    match: str
    """A regular expression, searched in `METHOD /path?query`."""
    calls: int = Field(ge=1)
    """Calls let through in any time of `seconds`."""
    seconds: float = Field(gt=0)


class Limits:
    """The limits that were ordered, and what came so far; kept in memory."""

    def __init__(self) -> None:
        self._ordered: list[Limit] = []
        self._let_through: dict[tuple[int, str], deque[float]] = {}

    def order(self, limit: Limit) -> None:
        """Limit from now on."""
        self._ordered.append(limit)

    def clear(self) -> None:
        """Limit nothing any more."""
        self._ordered.clear()
        self._let_through.clear()

    def wait(self, target: str, key: str) -> float:
        """Return 0 and count the call, or how many seconds too early it comes."""
        now, waits = time.monotonic(), [0.0]
        counted = list[deque[float]]()
        for number, limit in enumerate(self._ordered):
            if not re.search(limit.match, target):
                continue
            times = self._let_through.setdefault((number, key), deque())
            while times and times[0] <= now - limit.seconds:
                times.popleft()
            if len(times) >= limit.calls:
                waits.append(times[0] + limit.seconds - now)
            counted.append(times)
        wait = max(waits)
        if not wait:
            for times in counted:
                times.append(now)
        return wait
