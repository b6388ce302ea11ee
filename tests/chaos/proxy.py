"""A TCP proxy on loopback that can simulate an outage of the server or the network."""

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
    """A kind of outage."""

    RESET = "reset"
    """Existing and new connections are reset."""
    BLACK_HOLE = "black hole"
    """Connections stay open, but no data passes. Connections from before the outage never recover."""


class Proxy:
    """Forwards connections to one port of this machine."""

    def __init__(self, port: int, target_port: int) -> None:
        """Listen on `port`, and forward to `target_port`."""
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
    async def outage(self, outage: Outage) -> AsyncIterator[None]:
        """Simulate an outage while the body runs."""
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
            pass  # One side closed the connection, or the test ended.
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
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, server))
                group.create_task(self._copy(server_reader, client))
        except* OSError:
            pass
        finally:
            server.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, destination: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            if self._outage is not None:
                # A black hole: the rest of this connection is lost.
                await asyncio.Event().wait()
            destination.write(data)
            await destination.drain()
        raise ConnectionResetError


def _reset(client: asyncio.StreamWriter) -> None:
    """Close a connection so that the other side sees a reset (RST)."""
    with suppress(OSError):
        # With a linger time of zero, closing sends RST.
        client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()
