"""A real portal on a port of the system's choice, and a browser without cookies or scripts."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

import httpx2
import pytest
import pytest_asyncio
import uvicorn

from portal.app import create
from runtime.settings import PortalSettings
from tests.portal.desk import MemoryDesk

PORTAL_URL = "https://landbridge.example.com"
"""Where people reach the portal: not where the tests do, so that a link built from a request would show."""
KEY = "k" * 32


def settings(**changes: object) -> PortalSettings:
    """Return the portal's settings, each given here so that none comes from the tester's environment."""
    usual = {
        "portal_url": PORTAL_URL,
        "token_keys": KEY,
        "atlassian_signup_url": "https://id.atlassian.com/signup",
        "atlassian_login_url": "https://id.atlassian.com/login",
    }
    return PortalSettings.model_validate({**usual, **changes})


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # wider, and used as such
        """Leave Ctrl-C to pytest."""
        return nullcontext()


@asynccontextmanager
async def serving(desk: MemoryDesk, portal_settings: PortalSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a portal and return a client that speaks to it."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    app = create(portal_settings, lambda: nullcontext(desk))
    server = _Server(uvicorn.Config(app, log_config=None, server_header=False, ws="none"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        port = listening.getsockname()[1]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        await running


@pytest_asyncio.fixture(scope="session")
async def portal() -> AsyncIterator[tuple[httpx2.AsyncClient, MemoryDesk]]:
    """Run one portal for all tests."""
    desk = MemoryDesk()
    async with serving(desk, settings()) as client:
        yield client, desk


@pytest.fixture
def desk(portal: tuple[httpx2.AsyncClient, MemoryDesk]) -> MemoryDesk:
    """Return the running portal's desk, as new."""
    desk = portal[1]
    desk.reset()
    return desk


@pytest.fixture
def browser(portal: tuple[httpx2.AsyncClient, MemoryDesk], desk: MemoryDesk) -> httpx2.AsyncClient:
    """Return a client of the running portal, with its desk as new."""
    assert portal[1] is desk
    return portal[0]
