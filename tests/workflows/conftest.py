"""A real Temporal server for the whole run, whose clocks tests turn; a world and a worker of its own for each test."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.workflows.bench import Bench, benched, server_for


@pytest.fixture(scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server whose workflows' time can be skipped."""
    async with server_for(tmp_path_factory.mktemp("temporal")) as client:
        yield client


@pytest.fixture
async def bench(client: Client) -> AsyncIterator[Bench]:
    """An Opsgenie account of one owner, whose migration a worker serves."""
    async with benched(client) as bench:
        yield bench
