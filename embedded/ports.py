"""Ports of this machine for the stack's servers."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Collection

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


def preferred_or_free(preferred: int, *, but: Collection[int] = ()) -> int:
    """Return `preferred` if it is free, otherwise (and for 0) any port that is; none of `but`."""
    if preferred and preferred not in but and is_free(preferred):
        return preferred
    while (port := random.choice(_OURS)) in but or not is_free(port):  # noqa: S311 - not a secret
        pass
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
