"""(c) Temporal with one workflow per person, as in its samples: two activities and a signal."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import metadata

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from benchmarks import job
from benchmarks.concurrency import for_each
from benchmarks.contestant import WORKER, Contestant
from benchmarks.job import Click
from benchmarks.world import World
from dev.stack.ports import HOST
from dev.stack.processes import Program
from dev.stack.temporal_server import TemporalServer
from landbridge.domain.links import LinkClaims

SERVER = "TEMPORAL"
_QUEUE = "people"
_ACTIVITY_TIMEOUT = timedelta(seconds=30)
_START_CONCURRENCY = 64
_POLL_SECONDS = 0.25
_SANDBOX = SandboxRestrictions.default.with_passthrough_modules("benchmarks")
"""The workflow has no module-level state, so the sandbox need not reload its module for each run."""


class Activities:
    """The activities."""

    def __init__(self, services: job.Services) -> None:
        self._services = services

    @activity.defn
    async def create_account(self, person: int) -> str:
        """Create the account."""
        return await self._services.create_account(person)

    @activity.defn
    async def send_mail(self, person: int) -> None:
        """Send the mail."""
        await self._services.send_mail(person)


@workflow.defn
class PersonWorkflow:
    """The migration of one person."""

    def __init__(self) -> None:
        self._clicked = False

    @workflow.run
    async def run(self, person: int) -> None:
        """Create the account, send the mail, wait for the click."""
        await workflow.execute_activity_method(
            Activities.create_account, person, start_to_close_timeout=_ACTIVITY_TIMEOUT
        )
        await workflow.execute_activity_method(Activities.send_mail, person, start_to_close_timeout=_ACTIVITY_TIMEOUT)
        await workflow.wait_condition(lambda: self._clicked)

    @workflow.signal
    def clicked(self) -> None:
        """Record the click."""
        self._clicked = True


class Temporal(Contestant):
    """The approach of Temporal's samples."""

    name = "temporal"

    def missing(self) -> str:
        """Return nothing: Landbridge depends on Temporal too."""
        return ""

    def versions(self) -> str:
        """Return the versions of the SDK and the server."""
        return temporal_versions()

    def programs(self, world: World) -> Sequence[Program]:
        """Return the server, configured as for Landbridge, and the worker."""
        server_program = server(world).program()
        return [server_program, world.python(WORKER, "-m", "benchmarks.work", self.name)]

    async def move(self, world: World, people: int) -> None:
        """Start a workflow for each person, and wait until all are completed."""
        client = await Client.connect(server(world).address)

        async def start(person: int) -> None:
            await client.start_workflow(PersonWorkflow.run, person, id=_workflow_id(person), task_queue=_QUEUE)

        await for_each(start, range(1, people + 1), _START_CONCURRENCY)
        while (await client.count_workflows("ExecutionStatus = 'Completed'")).count < people:
            await asyncio.sleep(_POLL_SECONDS)

    @asynccontextmanager
    async def click_sender(self) -> AsyncIterator[Click]:
        """Signal the person's workflow."""
        client = await Client.connect(f"{HOST}:{job.variable(SERVER)}")

        async def click(claims: LinkClaims) -> None:
            try:
                await client.get_workflow_handle(_workflow_id(claims.person)).signal(PersonWorkflow.clicked)
            except RPCError as error:
                # The click on a resent mail: the workflow is already completed.
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

        yield click

    async def work(self) -> None:
        """Serve workflows and activities."""
        client = await Client.connect(f"{HOST}:{job.variable(SERVER)}")
        async with job.services() as services:
            activities = Activities(services)
            worker = Worker(
                client,
                task_queue=_QUEUE,
                workflows=[PersonWorkflow],
                activities=[activities.create_account, activities.send_mail],
                workflow_runner=SandboxedWorkflowRunner(restrictions=_SANDBOX),
                # All workflows wait for their clicks concurrently; evicted workflows would have to be replayed.
                max_cached_workflows=10_000,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(worker.run())
                job.signal_ready()


def server(world: World) -> TemporalServer:
    """Return the server, on an SQLite file with a write-ahead log and `synchronous=1`."""
    return TemporalServer(port=world.port(SERVER), database=world.folder / "temporal.db")


def temporal_versions() -> str:
    """Return the versions of the SDK and the server."""
    binary = TemporalServer(port=0).program().command[0]
    output = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return f"temporalio {metadata.version('temporalio')}, {output.strip()}"


def _workflow_id(person: int) -> str:
    return f"person-{person}"


CONTESTANT = Temporal()
