"""A real Temporal server, worker and portal, with a browser."""

from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from landbridge.client.admins import TemporalAdminClient
from landbridge.client.links import TemporalLinkClient
from landbridge.domain import ids, sign_in
from landbridge.portal import limits
from landbridge.portal.clients import Clients
from landbridge.portal.limits import Allowance
from tests.portal.admin.admin_browser import AdminBrowser
from tests.portal.conftest import KEY, running, settings
from tests.workflows.harness import OWNER_EMAIL, PROOFS, MigrationHarness, running_harness, server_for


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that can skip time."""
    async with server_for(tmp_path_factory.mktemp("temporal")) as client:
        yield client


@pytest.fixture
async def portal_url(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A portal on that server, with high limits for sign-in links."""
    monkeypatch.setattr(limits, "SIGN_INS_PER_CLIENT", Allowance(burst=1_000, per_second=100))
    clients = Clients(links=TemporalLinkClient(temporal, PROOFS), admins=TemporalAdminClient(temporal, PROOFS))
    async with running(clients, lambda url: settings(portal_url=url)) as url:
        yield url


@pytest.fixture
async def harness(temporal: Client) -> AsyncIterator[MigrationHarness]:
    """An Opsgenie account with one owner and a worker that runs its migration."""
    # All tests use the same owner's address, so an earlier sign-in workflow may still run; Temporal's lists may lag.
    with suppress(RPCError):
        await temporal.get_workflow_handle(ids.sign_in(sign_in.digest(OWNER_EMAIL, KEY))).terminate()
    async with running_harness(temporal) as harness:
        harness.world.opsgenie.account = harness.account
        yield harness


@pytest.fixture
async def admin_browser(harness: MigrationHarness, portal_url: str) -> AsyncIterator[AdminBrowser]:
    """The owner's browser."""
    async with httpx2.AsyncClient(base_url=portal_url, timeout=60) as browser:
        yield AdminBrowser(browser, harness)
