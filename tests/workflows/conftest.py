"""A real Temporal server for the whole run, whose clocks tests turn; a world and a worker of its own for each test."""

import itertools
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from domain.roster import OWNER, RosterPerson
from domain.sites import Site
from embedded import ports
from embedded.temporal_server import TemporalServer, running
from runtime import temporal
from tests.workflows.bench import OWNER_EMAIL, Bench, end_all, served

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server whose workflows' time can be skipped."""
    folder = tmp_path_factory.mktemp("temporal")
    server = TemporalServer(
        port=ports.preferred_or_free(0),
        database=folder / "temporal.db",
        dynamic_config={
            "frontend.WorkflowTimeSkippingEnabled": "true",
            "history.timerProcessorMaxTimeShift": '"10ms"',
        },
    )
    async with running(server, folder):
        yield await temporal.connect(environment=server.environment)


@pytest.fixture
async def bench(client: Client) -> AsyncIterator[Bench]:
    """An Opsgenie account of one owner, whose migration a worker serves."""
    bench = Bench(client, f"acme-{next(_numbers)}")
    bench.world.opsgenie.add(RosterPerson(email=OWNER_EMAIL, name="Olga Owner", role=OWNER, email_verified=True))
    bench.world.atlassian.account(OWNER_EMAIL, verified=True)
    bench.world.atlassian.listed_sites.append(
        Site(id="cloud-acme", name="acme", url="https://acme.atlassian.net", admin=True)
    )
    async with served(client, bench.world):
        yield bench
        await end_all(client)
