"""Ports of this machine for the stack's servers."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Collection, Iterable, Iterator

HOST = "127.0.0.1"
"""The stack listens on this machine only."""
_OURS = range(10_000, 32_000)
"""Not among those that systems give to outgoing connections: one of these could take the port of a program before it
listens there, or while it is started again."""
_PATIENCE = 2.0
"""Seconds for one question to a server that starts."""


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port of ours."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it, connections that ended a minute ago would still hold their port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _is_claimed(port: int) -> bool:
    try:
        with claimed([port]):
            return False
    except OSError:
        return True


@contextlib.contextmanager
def claimed(ports: Iterable[int]) -> Iterator[None]:
    """Keep other stacks away from ports where our programs are about to listen, and while they are started again.

    The sign of it is a UDP socket of the same number, which nobody else can have meanwhile and which no death leaves
    behind. Our programs listen on TCP alone.

    Raises:
        OSError: another stack has claimed one of them.

    """
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((HOST, port))
        yield


def preferred_or_free(preferred: int, *, but: Collection[int] = ()) -> int:
    """Return `preferred` if it is free, otherwise (and for 0) any port that is; none of `but`."""
    port = preferred or random.choice(_OURS)  # noqa: S311 - not a secret
    while port in but or not is_free(port) or _is_claimed(port):
        port = random.choice(_OURS)  # noqa: S311 - not a secret
    return port


async def accepts(port: int) -> bool:
    """Return whether a server takes connections there."""
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def is_ready(port: int) -> bool:
    """Return whether a program says there (`/readyz`) that it does its work."""
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    writer.close()
    return b" 200 " in status
