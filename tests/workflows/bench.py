"""One migration under test: what starts and steers it, the world around it, and its clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker

from activities.accounts import AccountActivities
from activities.failures import PlainFailures
from activities.mail import MailActivities
from activities.roster import RosterActivities
from domain import ids
from domain.errors import NotFound
from domain.messages import ChecklistItem, CohortResult, MigrationRequest, MigrationResult, Step
from domain.people import Person, State
from domain.roster import RosterPerson, survey
from steering import starting
from steering.answers import Started
from steering.cohorts import TemporalCohortDesk
from steering.migration import Migration
from tests.fakes import World
from workflows import options, sandbox
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

OWNER_EMAIL = "olga@example.com"


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

    async def waits_for(self, task: str) -> bool:
        """Whether the migration waits for an admin, with these words."""
        return task in (await self.migration.progress()).task

    async def in_trouble(self, sentence: str) -> bool:
        """Whether its cohorts tell just this trouble."""
        return (await self.migration.progress()).troubles == ([sentence] if sentence else [])

    async def step_is(self, step: Step) -> bool:
        """Whether it has come to a step."""
        return (await self.migration.progress()).step is step

    async def checklist(self) -> list[ChecklistItem]:
        """The seven steps."""
        return await self.handle.query(SiteMigrationWorkflow.checklist)

    def file_request(self, people: list[RosterPerson]) -> MigrationRequest:
        """A request with a roster from a file."""
        return self.request(file_roster=survey(people))

    async def _is(self, email: str, state: State) -> bool:
        try:
            return (await self.person(email)).state is state
        except NotFound:
            # The roster is not handed out yet.
            return False


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
