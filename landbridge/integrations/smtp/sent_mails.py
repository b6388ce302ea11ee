"""Deduplicate mails in this process, by Message-ID and recipient.

If a result does not reach Temporal in time, Temporal retries a batch that was already sent. Its mails then have the
same Message-IDs.
"""

import asyncio
from collections.abc import Awaitable, Callable

from landbridge.domain.activity_io import Delivery, MailOutcome

MAX_REMEMBERED = 20_000
"""Number of accepted mails to remember, about 15 MB; the oldest are forgotten first. Only a batch whose result Temporal
did not acknowledge is retried, usually within a minute. A worker runs four batches of 50 concurrently, and sends up to
a thousand mails a second."""
Key = tuple[str, str]
"""The Message-ID and the recipient."""


class SentMails:
    """Remembers the outcome of each mail that the server accepted."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        """Remember up to `limit` mails."""
        self._limit = limit
        self._accepted: dict[Key, MailOutcome] = {}
        self._in_progress: dict[Key, asyncio.Event] = {}

    async def once(self, key: Key, send: Callable[[], Awaitable[MailOutcome]]) -> MailOutcome:
        """Return the earlier outcome of a mail that the server has accepted before; otherwise the outcome of `send`.

        If another attempt is sending the same mail, wait for that attempt first.
        """
        while (other := self._in_progress.get(key)) is not None:
            await other.wait()
        if (accepted := self._accepted.get(key)) is not None:
            return accepted
        finished = self._in_progress[key] = asyncio.Event()
        try:
            outcome = await send()
        finally:
            del self._in_progress[key]
            finished.set()
        if outcome.delivery is Delivery.ACCEPTED:
            self._accepted[key] = outcome
            if len(self._accepted) > self._limit:
                # A dict keeps the order of insertion: the first is the oldest.
                del self._accepted[next(iter(self._accepted))]
        return outcome
