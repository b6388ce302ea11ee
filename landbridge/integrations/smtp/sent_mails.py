"""The mails that this process handed over: none of them is handed over twice.

Temporal may have a batch sent again that was sent already, when it could not be told in time. The Message-ID of a mail
is the same then.
"""

import asyncio
from collections.abc import Awaitable, Callable

from landbridge.domain.activity_io import Delivery, MailOutcome

MAX_REMEMBERED = 20_000
"""The newest accepted mails, some 15 MB. Only a batch whose result Temporal did not acknowledge can come again, as a
rule within a minute. A worker has four batches of 50 at a time, and sends up to a thousand mails a second."""
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
        """Return the outcome of a mail: the one it had if the server accepted it before, otherwise that of `send`.

        If another attempt is sending the same mail just now, that one is waited for first.
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
