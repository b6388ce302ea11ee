"""A real Temporal server for the whole run, whose clocks tests turn; a worker with the world in memory for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker

from activities.accounts import AccountActivities
from activities.failures import PlainFailures
from activities.mail import MailActivities
from activities.roster import RosterActivities
from domain import ids
from domain.messages import CohortResult, MigrationRequest, MigrationResult
from domain.people import Person, State
from domain.roster import OWNER, RosterPerson
from embedded import ports
from embedded.temporal_server import TemporalServer, running
from runtime import temporal
from steering import starting
from steering.answers import Started
from steering.cohorts import TemporalCohortDesk
from steering.migration import Migration
from tests.fakes import World
from workflows import options, sandbox
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

OWNER_EMAIL = "olga@example.com"
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


@dataclass
class Bench:
    """One Opsgenie account, its migration, and the world around it."""

    client: Client
    account: str
    world: World = field(default_factory=World)

    @property
    def migration(self) -> Migration:
        """What steers it."""
        return Migration(self.client, self.account)

    @property
    def handle(self) -> WorkflowHandle[SiteMigrationWorkflow, MigrationResult]:
        """The workflow itself."""
        return self.client.get_workflow_handle_for(SiteMigrationWorkflow.run, ids.migration(self.account))

    def cohort(self, number: int = 1) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        """One of its cohorts."""
        return self.client.get_workflow_handle_for(CohortWorkflow.run, ids.cohort(self.account, number))

    def request(self, **changes: Any) -> MigrationRequest:
        """A request by the owner for an existing site."""
        return MigrationRequest(
            **{"opsgenie_account": self.account, "initiator": OWNER_EMAIL, "site": "acme", **changes}
        )

    async def start(self, **changes: Any) -> Started:
        """Start the migration."""
        return await starting.start(self.client, self.request(**changes))

    async def skip(self, time: timedelta, cohort: int = 1) -> None:
        """Let time pass for a cohort."""
        skipper = TimeSkipper(self.client, config=TimeSkippingConfig(enabled=False))
        assert await skipper.fast_forward(self.cohort(cohort), time)

    async def person(self, email: str) -> Person:
        """How someone stands."""
        return (await self.migration.person(email)).person

    async def until(self, email: str, state: State) -> Person:
        """Wait until someone is in a state."""
        await eventually(lambda: self._is(email, state))
        return await self.person(email)

    async def _is(self, email: str, state: State) -> bool:
        return (await self.person(email)).state is state


async def eventually(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; the test's timeout is the limit. Looks often, since nothing here announces itself."""
    while True:
        result = condition()
        if await result if asyncio.iscoroutine(result) else result:
            return
        await asyncio.sleep(0.02)


@asynccontextmanager
async def workers(client: Client, world: World, **settings: Any) -> AsyncIterator[None]:
    """Serve workflows and activities with a world."""
    accounts = AccountActivities(world.atlassian, world.atlassian)
    mail = MailActivities(world.post)
    roster = RosterActivities(world.opsgenie, TemporalCohortDesk(client))
    queues = {
        options.ATLASSIAN_QUEUE: [
            accounts.ensure_accounts,
            accounts.find_accounts,
            accounts.list_sites,
            accounts.ensure_signed_up,
            accounts.ensure_site,
            accounts.ensure_connected,
        ],
        options.MAIL_QUEUE: [mail.send_mails, mail.send_notices],
        options.OPSGENIE_QUEUE: [roster.survey, roster.hand_out],
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=options.WORKFLOWS,
                workflows=[SiteMigrationWorkflow, CohortWorkflow],
                workflow_runner=sandbox.runner(),
                **settings,
            )
        )
        for queue, activities in queues.items():
            await stack.enter_async_context(
                Worker(client, task_queue=queue, activities=activities, interceptors=[PlainFailures()])
            )
        yield


@pytest.fixture
async def bench(client: Client) -> AsyncIterator[Bench]:
    """An Opsgenie account of one owner, whose migration a worker serves."""
    bench = Bench(client, f"acme-{next(_numbers)}")
    bench.world.opsgenie.add(RosterPerson(email=OWNER_EMAIL, name="Olga Owner", role=OWNER, email_verified=True))
    bench.world.atlassian.account(OWNER_EMAIL, verified=True)
    async with workers(client, bench.world):
        yield bench
