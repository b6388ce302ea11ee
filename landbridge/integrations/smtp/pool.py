"""A pool of connections to the mail server: bounded, opened on demand, and reused while they are open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.domain.text import Text
from landbridge.integrations.smtp.connection import Connection
from landbridge.integrations.smtp.relay import LoginRefused

IDLE_SECONDS = 30.0
"""How long an idle connection is kept: servers close them after minutes, and routers drop them silently."""

LOGIN_REFUSED_SECONDS = 30.0
"""How long no login is tried after a refused login. Hundreds of cohorts send mail, and many failed logins would lock
the user."""


class Pool:
    """Connections shared by all mails that are sent concurrently."""

    def __init__(
        self, open_connection: Callable[[], Awaitable[Connection]], size: int, *, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._open_connection = open_connection
        self._slots = asyncio.Semaphore(size)
        self._withheld = 0
        """Slots that are unavailable while the server does not allow more connections than are open."""
        self._in_use = 0
        self._surplus: dict[Connection, asyncio.Task[None]] = {}
        """Connections in use beyond what the server allows; their slots are withheld when they are released."""
        self._idle: list[tuple[float, Connection]] = []
        """Each with the time of its release, oldest first; the newest is used first."""
        self._idle_seconds = idle_seconds
        self._opening = asyncio.Lock()
        self._login_refused: tuple[float, Text] | None = None
        """Time and error message of the last refused login."""
        self._failures = 0
        self._last_failure: ServiceUnavailable | ServiceRejected | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection, and return it to the pool afterwards if it is still open.

        Raises:
            ServiceUnavailable: no connection can be opened now.
            ServiceRejected: no connection can be opened until a person fixes the cause.

        """
        connection = await self._acquire()
        self._in_use += 1
        try:
            yield connection
        finally:
            self._in_use -= 1
            self._release(connection)

    async def discard(self, connection: Connection) -> bool:
        """Close a connection in use that is one too many for the server; return whether to retry its mail.

        No connection replaces it until all connections are closed. The last connection stays open; its mail is retried
        only if other connections were still being closed, because the server may have counted them.
        """
        if self._idle or self._in_use - len(self._surplus) > 1:
            self._surplus[connection] = asyncio.create_task(connection.close())
            await asyncio.wait([self._surplus[connection]])
            return True
        being_closed = [task for task in self._surplus.values() if not task.done()]
        if being_closed:
            await asyncio.wait(being_closed)
        return bool(being_closed)

    def retry_login(self) -> None:
        """Allow the next login immediately, even if the last login was refused."""
        self._login_refused = None

    async def close(self) -> None:
        """Close the connections that are not in use."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._idle:
            await self._idle.pop()[1].close()
        self._restore_slots()

    async def _acquire(self) -> Connection:
        while True:
            await self._slots.acquire()
            try:
                return self._pop_idle() or await self._open()
            except ServiceUnavailable:
                if self._none_open:
                    self._slots.release()
                    raise
                # The server allows no more connections than are open: use those, and withhold this slot.
                self._withheld += 1
            except BaseException:
                self._slots.release()
                raise

    async def _open(self) -> Connection:
        """Open a connection. Only one is opened at a time, so that not every waiter tries a wrong password."""
        failures_before = self._failures
        async with self._opening:
            if self._last_failure is not None and self._failures > failures_before:
                raise self._last_failure
            if idle := self._pop_idle():
                return idle
            now = asyncio.get_running_loop().time()
            if self._login_refused is not None and now < self._login_refused[0] + LOGIN_REFUSED_SECONDS:
                raise ServiceRejected(self._login_refused[1])
            try:
                return await self._open_connection()
            except LoginRefused as refused:
                self._login_refused = now, refused.text
                raise ServiceRejected(refused.text) from None
            except (ServiceUnavailable, ServiceRejected) as failure:
                self._failures += 1
                self._last_failure = failure
                raise

    def _pop_idle(self) -> Connection | None:
        while self._idle:
            _, connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    @property
    def _none_open(self) -> bool:
        return not self._in_use and not self._idle

    def _release(self, connection: Connection) -> None:
        if connection.usable:
            self._idle.append((asyncio.get_running_loop().time(), connection))
            if self._sweeper is None:
                self._sweeper = asyncio.create_task(self._sweep())
        if connection in self._surplus:
            del self._surplus[connection]
            self._withheld += 1
        else:
            self._slots.release()
        self._restore_slots()

    def _restore_slots(self) -> None:
        """Once no connection is open, restore all slots, to find out how many connections the server allows now."""
        while self._withheld and self._none_open:
            self._withheld -= 1
            self._slots.release()

    async def _sweep(self) -> None:
        """Close connections that have been idle for too long."""
        while self._idle:
            await asyncio.sleep(self._idle_seconds)
            latest = asyncio.get_running_loop().time() - self._idle_seconds
            while self._idle and self._idle[0][0] <= latest:
                await self._idle.pop(0)[1].close()
            self._restore_slots()
        self._sweeper = None
