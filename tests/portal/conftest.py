"""A real portal on a free port, and an HTTP client without cookies or scripts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext

import httpx2
import pytest
import pytest_asyncio
import uvicorn

from landbridge.platform.settings import PortalSettings
from landbridge.portal import limits
from landbridge.portal.app import create
from landbridge.portal.clients import Clients, LinkClient
from landbridge.portal.metrics import Metrics
from tests.portal.fake_clients import InMemoryLinkClient, NoAdmins
from tests.workflows.harness import TOKEN_KEY

PORTAL_URL = "https://landbridge.example.com"
"""The public URL. It differs from the address that tests use, to detect links built from the request."""
KEY = TOKEN_KEY


def settings(**changes: object) -> PortalSettings:
    """Return the portal's settings. All are explicit, so none comes from the environment."""
    usual = {
        "portal_url": PORTAL_URL,
        "token_keys": KEY,
        "atlassian_signup_url": "https://id.atlassian.com/signup",
        "atlassian_login_url": "https://id.atlassian.com/login",
    }
    return PortalSettings.model_validate({**usual, **changes})


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # wider, and used as such
        """Replace uvicorn's signal handling, so that pytest handles Ctrl-C."""
        return nullcontext()


@asynccontextmanager
async def running(
    clients: Clients, settings_at: Callable[[str], PortalSettings], metrics: Metrics | None = None
) -> AsyncIterator[str]:
    """Run a portal and return its URL; `create_settings` receives the URL."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = create(settings_at(url), metrics or Metrics(), lambda: nullcontext(clients))
    server = _Server(uvicorn.Config(app, log_config=None, server_header=False, proxy_headers=False, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield url
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def serving(link_client: LinkClient, portal_settings: PortalSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a portal that serves the pages behind emailed links, and return an HTTP client for it."""
    async with (
        running(Clients(links=link_client, admins=NoAdmins()), lambda _: portal_settings) as url,
        httpx2.AsyncClient(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest_asyncio.fixture(scope="session")
async def portal() -> AsyncIterator[tuple[httpx2.AsyncClient, InMemoryLinkClient]]:
    """One portal for all tests."""
    link_client = InMemoryLinkClient()
    async with AsyncExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:
            # All tests share one client address and a few links. `test_limits` tests the limits themselves.
            for name in ("PER_CLIENT", "PER_TOKEN", "SIGN_INS_PER_CLIENT", "SIGN_INS_TOTAL"):
                patch.setattr(limits, name, limits.Allowance(burst=1e6, per_second=1e6))
            client = await running.enter_async_context(serving(link_client, settings()))
        yield client, link_client


@pytest.fixture
def link_client(portal: tuple[httpx2.AsyncClient, InMemoryLinkClient]) -> InMemoryLinkClient:
    """The running portal's link client, reset."""
    link_client = portal[1]
    link_client.reset()
    return link_client


@pytest.fixture
def browser(
    portal: tuple[httpx2.AsyncClient, InMemoryLinkClient], link_client: InMemoryLinkClient
) -> httpx2.AsyncClient:
    """A client of the running portal, with its link client reset."""
    assert portal[1] is link_client
    return portal[0]
