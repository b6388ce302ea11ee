"""The rate limit of one service, shared by all calls of this process to it."""

import asyncio

from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.text import text


class RateLimiter:
    """Spaces calls to one service, and blocks them all while the service's own rate limit lasts.

    A `Retry-After` for one call applies to every call: none is sent before that time is over.
    """

    def __init__(self, service: str, per_second: float = 0) -> None:
        """Allow `per_second` calls a second; 0: no limit."""
        self._service = service
        self._interval = 1 / per_second if per_second else 0.0
        self._next_slot = 0.0
        self._paused_until = 0.0

    async def acquire(self) -> None:
        """Wait until the next call may be sent.

        Raises:
            ServiceUnavailable: calls are paused. `retry_after` is the rest of the pause.

        """
        self._raise_if_paused()
        if self._interval:
            now = asyncio.get_running_loop().time()
            slot = max(self._next_slot, now)
            self._next_slot = slot + self._interval
            await asyncio.sleep(slot - now)
            self._raise_if_paused()

    def pause(self, seconds: float) -> None:
        """Block all calls for this many seconds, as the service requested. A longer pause stays in effect."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    def _raise_if_paused(self) -> None:
        left = self._paused_until - asyncio.get_running_loop().time()
        if left > 0:
            raise ServiceUnavailable(
                text("{service} limits the request rate.", service=self._service), retry_after=left
            )
