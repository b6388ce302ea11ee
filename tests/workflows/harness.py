"""One migration under test: its client, fake services, and its clock."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker, WorkerDeploymentConfig

import worker
from activities.accounts import AccountActivities
from activities.mail import MailActivities
from activities.roster import RosterActivities
from activities.sign_in import SignInActivities
from activities.undo import UndoActivities
from dev.stack import ports
from dev.stack.temporal_server import TemporalServer, running
from landbridge.client import migrations
from landbridge.client.answers import Started
from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.cohorts import TemporalCohortClient
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.errors import NotFound
from landbridge.domain.messages import ChecklistItem, CohortResult, MigrationRequest, MigrationResult, Step
from landbridge.domain.people import Person, State
from landbridge.domain.ports import Mailer
from landbridge.domain.proof import Proofs
from landbridge.domain.roster import OWNER, RosterPerson, survey
from landbridge.domain.sites import Site
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.platform.temporal import connection
from tests.fakes import FakeMailer, World
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

OWNER_EMAIL = "olga@example.com"
CACHED = int(os.environ.get("WORKFLOWS_CACHED", "1000"))
"""Size of the workers' workflow cache; with 0 every task replays the whole history."""
AT_ONCE = pytest.mark.skipif(not CACHED, reason="Workers without a cache drop concurrent queries (SDK 1.35)")
"""For tests with fifty concurrent queries."""
KEYS = "the-key-of-tests-has-thirty-two-characters-or-more"
"""Encrypts what Temporal stores."""
TOKEN_KEY = "k" * 32
"""Signs links and identity tokens."""
PROOFS = Proofs([TOKEN_KEY])
_numbers = itertools.count(1)


@dataclass
class MigrationHarness:
    """One Opsgenie account, its migration, and fake services."""

    client: Client
    account: str
    world: World = field(default_factory=World)

    @property
    def migration(self) -> Migration:
        """The client that controls the migration."""
        return Migration(self.client, self.account, proofs=PROOFS)

    @property
    def handle(self) -> WorkflowHandle[SiteMigrationWorkflow, MigrationResult]:
        """The handle of the migration workflow."""
        return self.client.get_workflow_handle_for(SiteMigrationWorkflow.run, ids.migration(self.account))

    def cohort(self, number: int = 1) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        """The handle of one of its cohorts."""
        return self.client.get_workflow_handle_for(CohortWorkflow.run, ids.cohort(self.account, number))

    def request(self, **changes: object) -> MigrationRequest:
        """A request by the owner for an existing site."""
        fields = {"opsgenie_account": self.account, "initiator": OWNER_EMAIL, "site": "acme", **changes}
        return MigrationRequest.model_validate(fields)

    async def start(self, **changes: object) -> Started:
        """Start the migration."""
        return await migrations.start(self.client, self.request(**changes), proofs=PROOFS)

    async def skip(self, time: timedelta, cohort: int = 1) -> None:
        """Skip time for a cohort, at most until the cohort ends."""
        await let_pass(self.client, self.cohort(cohort), time)

    async def person(self, email: str) -> Person:
        """The current state of a person."""
        return (await self.migration.person(email)).person

    async def until(self, email: str, state: State) -> Person:
        """Wait until a person is in a state."""
        await eventually(lambda: self._is(email, state))
        return await self.person(email)

    async def waits_for(self, task: str) -> bool:
        """Whether the migration waits for a task whose text contains these words."""
        return task in (await self.migration.progress()).task

    async def has_problem(self, sentence: str) -> bool:
        """Whether its cohorts report exactly this problem."""
        return (await self.migration.progress()).problems == ([sentence] if sentence else [])

    async def status_shows(self, sentence: str) -> bool:
        """Whether `status` shows this problem."""
        return sentence in (await self.migration.status()).problems

    async def step_is(self, step: Step) -> bool:
        """Whether the migration is in a step."""
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
            # The people are not assigned yet.
            return False


async def end_all(client: Client) -> None:
    """Terminate every workflow, so that the next test's worker gets no task of this test."""
    while running := [execution async for execution in client.list_workflows("ExecutionStatus = 'Running'")]:
        # Terminate migrations first: the end of a cohort would fail its migration.
        for execution in sorted(running, key=lambda execution: len(execution.id)):
            with suppress(RPCError):
                await client.get_workflow_handle(execution.id).terminate()


async def let_pass(client: Client, workflow: WorkflowHandle[Any, Any], time: timedelta) -> None:
    """Skip time for a workflow, once no activity and no task of it runs.

    During a running activity on a busy machine, the server skipped fifteen minutes instead of one.
    """

    async def is_idle() -> bool:
        described = (await workflow.describe()).raw_description
        started = [
            activity
            for activity in described.pending_activities
            if activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        ]
        return not started and not described.HasField("pending_workflow_task")

    await eventually(is_idle)
    await TimeSkipper(client, config=TimeSkippingConfig(enabled=False)).fast_forward(workflow, time)


async def eventually(condition: Callable[[], Any]) -> None:
    """Wait until a condition is true; the test's timeout is the limit."""
    while True:
        try:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
        except NoWorkerAnswers:
            # Workers without a cache sometimes drop a query (SDK 1.35).
            if CACHED:
                raise
        await asyncio.sleep(0.02)


@asynccontextmanager
async def served(
    client: Client,
    world: World,
    *,
    workflows_cached: int = CACHED,
    deployment: WorkerDeploymentConfig | None = None,
    mailer: Mailer | None = None,
) -> AsyncIterator[None]:
    """Run workers with fake services; `mailer` replaces the mailer of the fake services."""
    workers = build_workers(client, world, workflows_cached=workflows_cached, deployment=deployment, mailer=mailer)
    async with worker.serving(workers):
        yield


def build_workers(
    client: Client,
    world: World,
    *,
    workflows_cached: int = CACHED,
    deployment: WorkerDeploymentConfig | None = None,
    mailer: Mailer | None = None,
) -> list[Worker]:
    """Return the workers of all task queues, with fake services."""
    return worker.build(
        client,
        AccountActivities(world.atlassian, world.atlassian),
        MailActivities(mailer or world.mailer),
        RosterActivities(world.opsgenie, TemporalCohortClient(client)),
        UndoActivities(TemporalCohortClient(client), world.atlassian),
        sign_in=SignInActivities(world.opsgenie, world.mailer, SignedLinks("", [TOKEN_KEY]), PROOFS),
        max_cached_workflows=workflows_cached,
        deployment=deployment,
    )


@asynccontextmanager
async def server_for(folder: Path, *, keys: str = KEYS, **dynamic_config: str) -> AsyncIterator[Client]:
    """Run a server with time skipping; yield a client of it. `__` in a setting's name is a dot.

    Payloads are encrypted, as in production; without `keys` they are unencrypted.
    """
    server = TemporalServer(
        port=ports.preferred_or_free(0),
        database=folder / "temporal.db",
        dynamic_config={
            "frontend.WorkflowTimeSkippingEnabled": "true",
            "history.timerProcessorMaxTimeShift": '"10ms"',
            **{name.replace("__", "."): value for name, value in dynamic_config.items()},
        },
    )
    async with running(server, folder):
        yield await connection.connect(environment={**server.environment, "LANDBRIDGE_ENCRYPTION_KEYS": keys})


def with_keys(client: Client, keys: Sequence[str], *, accept_clear: bool = False) -> Client:
    """Return a client of the same server with these keys; without keys it does not encrypt."""
    config = client.config()
    config["data_converter"] = connection.data_converter(keys, accept_clear=accept_clear)
    return Client(**config)


def prepared(world: World) -> None:
    """Add an owner who is a site admin of the site acme."""
    world.opsgenie.add(RosterPerson(email=OWNER_EMAIL, name="Olga Owner", role=OWNER, email_verified=True))
    world.atlassian.account(OWNER_EMAIL, verified=True)
    world.atlassian.listed_sites.append(
        Site(id="cloud-acme", name="acme", url="https://acme.atlassian.net", admin=True)
    )


@asynccontextmanager
async def running_harness(
    client: Client, *, workflows_cached: int = CACHED, mailer: FakeMailer | None = None
) -> AsyncIterator[MigrationHarness]:
    """Yield an Opsgenie account with one owner and a running worker; `mailer` replaces the mail server."""
    harness = MigrationHarness(client, f"acme-{next(_numbers)}", World(mailer=mailer) if mailer else World())
    prepared(harness.world)
    async with served(client, harness.world, workflows_cached=workflows_cached):
        yield harness
        await end_all(client)
