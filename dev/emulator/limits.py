"""Rate limits for each API key; excess calls are answered with 429."""

import re
import time
from collections import deque

from pydantic import Field

from dev.emulator.seed import Body


class Limit(Body):
    """A sliding-window rate limit. Each API key is counted separately."""

    match: str
    """A regular expression, searched in `METHOD /path?query`."""
    calls: int = Field(ge=1)
    """Calls that are allowed within `seconds`."""
    seconds: float = Field(gt=0)


class Limits:
    """The active limits and their counts, in memory."""

    def __init__(self) -> None:
        self._limits: list[Limit] = []
        self._calls: dict[tuple[int, str], deque[float]] = {}

    def add(self, limit: Limit) -> None:
        """Add a limit."""
        self._limits.append(limit)

    def clear(self) -> None:
        """Delete all limits and counts."""
        self._limits.clear()
        self._calls.clear()

    def wait(self, target: str, key: str) -> float:
        """Return 0 and count the call, or return the seconds until the call is allowed."""
        now, waits = time.monotonic(), [0.0]
        windows = list[deque[float]]()
        for number, limit in enumerate(self._limits):
            if not re.search(limit.match, target):
                continue
            times = self._calls.setdefault((number, key), deque())
            while times and times[0] <= now - limit.seconds:
                times.popleft()
            if len(times) >= limit.calls:
                waits.append(times[0] + limit.seconds - now)
            windows.append(times)
        wait = max(waits)
        if not wait:
            for times in windows:
                times.append(now)
        return wait
