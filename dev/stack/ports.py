"""Ports and readiness probes for the local stack's servers."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Collection

HOST = "127.0.0.1"
"""The stack listens on the loopback interface only."""
_RANGE = range(10_000, 32_000)
"""Below the ephemeral range: an outgoing connection could take an ephemeral port while a server restarts."""
_PROBE_TIMEOUT = 2.0
"""Seconds."""


def is_free(port: int) -> bool:
    """Return whether no program listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this option, connections in TIME_WAIT make a free port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def preferred_or_free(preferred: int, *, exclude: Collection[int] = ()) -> int:
    """Return `preferred` if it is free, otherwise (or if it is 0) a random free port that is not in `exclude`."""
    port = preferred or random.choice(_RANGE)  # noqa: S311 - not a secret
    while port in exclude or not is_free(port):
        port = random.choice(_RANGE)  # noqa: S311 - not a secret
    return port


async def accepts(port: int) -> bool:
    """Return whether a server accepts connections on the port."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            _, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def is_ready(port: int) -> bool:
    """Return whether the program on the port answers `GET /readyz` with 200."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    writer.close()
    return b" 200 " in status
