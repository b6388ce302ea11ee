"""A real Temporal server with time skipping for the whole run; fake services and a worker for each test."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from landbridge.client import admins, deletion, links, migration, reader
from tests.workflows.harness import CACHED, MigrationHarness, running_harness, server_for

_WITHOUT_CACHE = timedelta(seconds=30)
"""Query timeout without a workflow cache: each of fifty concurrent queries then replays a history."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use longer query timeouts when workers have no workflow cache."""
    for module in () if CACHED else (admins, deletion, migration, reader):
        monkeypatch.setattr(module, "QUERY_SECONDS", _WITHOUT_CACHE)
    if not CACHED:
        monkeypatch.setattr(links, "_PAGE_SECONDS", _WITHOUT_CACHE)


@pytest.fixture(scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server with time skipping."""
    async with server_for(tmp_path_factory.mktemp("temporal")) as client:
        yield client


@pytest.fixture
async def harness(client: Client) -> AsyncIterator[MigrationHarness]:
    """An Opsgenie account with one owner, and a running worker."""
    async with running_harness(client) as harness:
        yield harness
