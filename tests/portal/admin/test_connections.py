"""The portal's server with slow and idle clients, over real sockets."""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
from temporalio.client import Client

from dev.stack import ports
from tests.portal.conftest import KEY
from tests.workflows.harness import eventually

PROJECT = Path(__file__).parents[3]
HALF_HEADER = b"GET /sign-in HTTP/1.1\r\nHost: x\r\n"
SLOW_BODY = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nemail="
"""The bytes that a client sends before it stops."""


@dataclass
class Portal:
    """A portal process."""

    port: int
    health: str
    log: Path
    browser: httpx2.AsyncClient

    async def connect(self) -> tuple[StreamReader, StreamWriter]:
        """Open an idle connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def alive(self) -> bool:
        """Return whether the health check answers."""
        try:
            return (await self.browser.get(f"{self.health}/livez")).text == "alive\n"
        except httpx2.ConnectError:
            return False

    async def serves(self) -> bool:
        """Return whether a new client gets a page."""
        try:
            async with httpx2.AsyncClient(timeout=30) as browser:
                return (await browser.get(f"http://127.0.0.1:{self.port}/sign-in")).status_code == 200
        except httpx2.TransportError:
            return False


@asynccontextmanager
async def portal(temporal: Client, folder: Path, limits: dict[str, str], *, files: int = 1024) -> AsyncIterator[Portal]:
    """Run a portal with limits for open files and connections."""
    port, health = ports.preferred_or_free(0), ports.preferred_or_free(0)
    command = f'ulimit -n {files}; exec "$0" -m landbridge.portal --port {port}'
    log = folder / "portal.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command, sys.executable),
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PROJECT),
                "LANDBRIDGE_PORTAL_URL": f"http://127.0.0.1:{port}",
                "LANDBRIDGE_TOKEN_KEYS": KEY,
                "LANDBRIDGE_PORTAL_HEALTH_ADDRESS": f"127.0.0.1:{health}",
                "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
                "TEMPORAL_CONFIG_FILE": os.devnull,
                **limits,
            },
            stderr=output,
        )
    try:
        async with httpx2.AsyncClient(timeout=30) as browser:
            running = Portal(port, f"http://127.0.0.1:{health}", log, browser)
            await eventually(running.alive)
            await eventually(running.serves)
            yield running
    finally:
        process.terminate()
        await process.wait()


async def closed(reader: StreamReader) -> bytes:
    """Wait until the server closes a connection; return the bytes that it sent before."""
    received = b""
    with suppress(ConnectionResetError):
        while part := await reader.read(4096):
            received += part
    return received


async def test_idle_clients_are_disconnected(temporal: Client, tmp_path: Path) -> None:
    """Silent, incomplete and stalled connections are closed. Other clients are served in the meantime."""
    seconds = {"LANDBRIDGE_PORTAL_HEADER_SECONDS": "2", "LANDBRIDGE_PORTAL_BODY_SECONDS": "2"}
    async with portal(temporal, tmp_path, seconds) as running, AsyncExitStack() as connections:
        readers = []
        whole = HALF_HEADER + b"\r\n"
        for start in (b"", HALF_HEADER, SLOW_BODY, whole + HALF_HEADER, whole + SLOW_BODY):
            reader, writer = await running.connect()
            connections.callback(writer.close)
            writer.write(start)
            readers.append(reader)
        assert await running.serves()
        received = [await closed(reader) for reader in readers]
        assert [answer.count(b"HTTP/1.1 200") for answer in received] == [0, 0, 0, 1, 1]
        assert await running.serves()
    assert "Traceback" not in running.log.read_text()


async def test_a_client_that_sends_slowly_but_in_time_is_served(temporal: Client, tmp_path: Path) -> None:
    """Each timeout covers one part of a request, so an active connection may live longer."""
    seconds = {"LANDBRIDGE_PORTAL_HEADER_SECONDS": "20", "LANDBRIDGE_PORTAL_BODY_SECONDS": "20"}
    async with portal(temporal, tmp_path, seconds) as running:
        reader, writer = await running.connect()
        for part in (HALF_HEADER, b"X-Half: 1\r\n", b"\r\n"):
            writer.write(part)
            await asyncio.sleep(0.1)
        assert b"200" in await reader.readline()
        writer.close()


async def test_a_flood_of_connections_does_not_affect_health(temporal: Client, tmp_path: Path) -> None:
    """With few file descriptors and too many connections, health checks answer, and pages recover afterwards."""
    async with portal(temporal, tmp_path, {"LANDBRIDGE_PORTAL_HEADER_SECONDS": "100"}, files=256) as running:
        flood = [await running.connect() for _ in range(400)]
        try:
            assert await running.alive()
            refused = await closed(flood[-1][0])
            assert b"503" in refused or refused == b""
            assert not await running.serves()
            assert await running.alive()
        finally:
            for _, writer in flood:
                writer.close()
        await eventually(running.serves)
    log = running.log.read_text()
    assert "portal_connections_lowered" in log
    assert "Too many open files" not in log
    assert "Traceback" not in log
