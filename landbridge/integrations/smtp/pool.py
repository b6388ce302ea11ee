"""A pool of connections to the mail server: never more than allowed, opened when needed, used again, never broken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.integrations.smtp.connection import Connection
from landbridge.integrations.smtp.relay import LoginRefused

IDLE_SECONDS = 30.0
"""An unused connection is kept this long: servers close them after minutes, and routers forget them silently."""

LOGIN_REFUSED_SECONDS = 30.0
"""After a refused login no other is tried for so long: hundreds of cohorts ask one after the other, and many failed
logins would lock the user."""


class Pool:
    """Connections shared by everything that is sent at the same time."""

    def __init__(
        self, open_connection: Callable[[], Awaitable[Connection]], most: int, *, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._open_connection = open_connection
        self._slots = asyncio.Semaphore(most)
        self._withheld = 0
        """Slots taken out while the server does not allow more connections than are open."""
        self._in_use = 0
        self._surplus: dict[Connection, asyncio.Task[None]] = {}
        """Connections in use that the server does not allow; their slots are withheld when they are given back."""
        self._idle: list[tuple[float, Connection]] = []
        """With the moment each was given back, oldest first; the newest is used first."""
        self._idle_seconds = idle_seconds
        self._opening = asyncio.Lock()
        self._login_refused: tuple[float, str] | None = None
        """When a login was refused, and the sentence for it."""
        self._failures = 0
        self._last_failure: ServiceUnavailable | ServiceRejected | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; afterwards it is kept for the next one, if it still stands.

        Raises:
            ServiceUnavailable: none can be opened now.
            ServiceRejected: none can be opened before someone has mended something.

        """
        connection = await self._take()
        self._in_use += 1
        try:
            yield connection
        finally:
            self._in_use -= 1
            self._give_back(connection)

    async def do_without(self, connection: Connection) -> bool:
        """Close a connection in use that the server does not allow; return whether to try its mail once more.

        No connection is opened in its place until all of them are closed. The last one is kept, and tried again if
        others were still being closed: the server may have counted them.
        """
        if self._idle or self._in_use - len(self._surplus) > 1:
            self._surplus[connection] = asyncio.create_task(connection.close())
            await asyncio.wait([self._surplus[connection]])
            return True
        being_closed = [task for task in self._surplus.values() if not task.done()]
        if being_closed:
            await asyncio.wait(being_closed)
        return bool(being_closed)

    def try_login_again(self) -> None:
        """Log in anew, even if that was refused moments ago."""
        self._login_refused = None

    async def close(self) -> None:
        """Close the connections that are not in use."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._idle:
            await self._idle.pop()[1].close()
        self._allow_all_again()

    async def _take(self) -> Connection:
        while True:
            await self._slots.acquire()
            try:
                return self._idle_one() or await self._another()
            except ServiceUnavailable:
                if self._none_open:
                    self._slots.release()
                    raise
                # The server allows no more connections than there are: go on with those, and keep this slot shut.
                self._withheld += 1
            except BaseException:
                self._slots.release()
                raise

    async def _another(self) -> Connection:
        """Open a connection: one at a time, so that a wrong password is tried once and not by all at once."""
        failures_before = self._failures
        async with self._opening:
            if self._last_failure is not None and self._failures > failures_before:
                raise self._last_failure
            if idle := self._idle_one():
                return idle
            now = asyncio.get_running_loop().time()
            if self._login_refused is not None and now < self._login_refused[0] + LOGIN_REFUSED_SECONDS:
                raise ServiceRejected(self._login_refused[1])
            try:
                return await self._open_connection()
            except LoginRefused as refused:
                self._login_refused = now, str(refused)
                raise ServiceRejected(str(refused)) from None
            except (ServiceUnavailable, ServiceRejected) as failure:
                self._failures += 1
                self._last_failure = failure
                raise

    def _idle_one(self) -> Connection | None:
        while self._idle:
            _, connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    @property
    def _none_open(self) -> bool:
        return not self._in_use and not self._idle

    def _give_back(self, connection: Connection) -> None:
        if connection.usable:
            self._idle.append((asyncio.get_running_loop().time(), connection))
            if self._sweeper is None:
                self._sweeper = asyncio.create_task(self._sweep())
        if connection in self._surplus:
            del self._surplus[connection]
            self._withheld += 1
        else:
            self._slots.release()
        self._allow_all_again()

    def _allow_all_again(self) -> None:
        """Once no connection is left, find out anew how many the server allows."""
        while self._withheld and self._none_open:
            self._withheld -= 1
            self._slots.release()

    async def _sweep(self) -> None:
        """Close what nobody has used for a while."""
        while self._idle:
            await asyncio.sleep(self._idle_seconds)
            latest = asyncio.get_running_loop().time() - self._idle_seconds
            while self._idle and self._idle[0][0] <= latest:
                await self._idle.pop(0)[1].close()
            self._allow_all_again()
        self._sweeper = None
