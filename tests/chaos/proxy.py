"""A TCP proxy on loopback that can cut clients off from a server, as a database failover or a broken network does."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

from dev.stack.ports import HOST

_CHUNK = 64 * 1024


class Outage(StrEnum):
    """How the server is cut off."""

    RESET = "reset"
    """Connections are reset, and new ones are reset at once."""
    BLACK_HOLE = "black hole"
    """Connections stay open, and nothing passes. Those that were open then never carry anything again."""


class Proxy:
    """Forwards connections to one port of this machine."""

    def __init__(self, port: int, target_port: int) -> None:
        """`port` is where it listens, `target_port` where the server does."""
        self.address = f"{HOST}:{port}"
        self._port = port
        self._target_port = target_port
        self._outage: Outage | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @asynccontextmanager
    async def cut_off(self, outage: Outage) -> AsyncIterator[None]:
        """Let nothing pass while the body runs."""
        self._outage = outage
        for client in self._clients if outage is Outage.RESET else ():
            _reset(client)
        yield
        self._outage = None

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        self._clients.add(client)
        try:
            await self._forward(reader, client)
        except (OSError, asyncio.CancelledError):
            pass  # One side went away, or the test is over.
        finally:
            self._connections.discard(connection)
            self._clients.discard(client)
            client.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._outage is Outage.RESET:
            _reset(client)
            return
        server_reader, server = await asyncio.open_connection(HOST, self._target_port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, server))
                both.create_task(self._pass_on(server_reader, client))
        except* OSError:
            pass
        finally:
            server.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, destination: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            if self._outage is not None:
                # A black hole swallows the rest of this connection.
                await asyncio.Event().wait()
            destination.write(data)
            await destination.drain()
        raise ConnectionResetError


def _reset(client: asyncio.StreamWriter) -> None:
    """Close a connection so that the other side sees a reset (RST)."""
    with suppress(OSError):
        # Without lingering, what is closed is reset.
        client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()
