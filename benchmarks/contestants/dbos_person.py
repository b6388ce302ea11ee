"""DBOS Transact with one workflow per person: two steps and a message. Shared by both database variants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions

from benchmarks import job
from benchmarks.concurrency import for_each
from benchmarks.contestant import Contestant
from benchmarks.job import Click
from benchmarks.world import World
from landbridge.domain.links import LinkClaims

URL = "DBOS_URL"
"""Name, without `BENCH_`, of the variable with the database URL, for the worker and the clicker."""
_APP, _VERSION = "bench", "1"
_QUEUE, _TOPIC = "people", "clicked"
_START_CONCURRENCY = 16
_WEEK = 7 * 24 * 3600.0
_POLL_SECONDS = 0.25
_services: list[job.Services] = []
"""The services of this process; a global, because steps are plain functions."""


@DBOS.step()
async def create_account(person: int) -> str:
    """Create the account."""
    return await _services[0].create_account(person)


@DBOS.step()
async def send_mail(person: int) -> None:
    """Send the mail."""
    await _services[0].send_mail(person)


@DBOS.workflow()
async def move(person: int) -> None:
    """Migrate one person."""
    await create_account(person)
    await send_mail(person)
    await DBOS.recv_async(_TOPIC, timeout_seconds=_WEEK)


class DbosPerson(Contestant):
    """The part that does not depend on the database."""

    poll_seconds: float
    """Poll interval for messages."""

    def store(self, world: World) -> str:
        """Return the database URL."""
        raise NotImplementedError

    def versions(self) -> str:
        """Return the version of DBOS."""
        return f"dbos {metadata.version('dbos')}"

    async def move(self, world: World, people: int) -> None:
        """Enqueue a workflow for each person, and wait until all are completed."""
        client = DBOSClient(system_database_url=self.store(world))

        async def start(person: int) -> None:
            options: EnqueueOptions = {
                "queue_name": _QUEUE,
                "workflow_name": move.__qualname__,
                "workflow_id": _workflow_id(person),
                "app_version": _VERSION,
            }
            await client.enqueue_async(options, person)

        await for_each(start, range(1, people + 1), _START_CONCURRENCY)
        while await client.list_workflows_async(status=["ENQUEUED", "PENDING"], limit=1, load_input=False):
            await asyncio.sleep(_POLL_SECONDS)
        client.destroy()

    @asynccontextmanager
    async def click_sender(self) -> AsyncIterator[Click]:
        """Send a message to the person's workflow."""
        client = DBOSClient(system_database_url=job.variable(URL))

        async def click(claims: LinkClaims) -> None:
            await client.send_async(_workflow_id(claims.person), "clicked", _TOPIC)

        yield click
        client.destroy()

    async def work(self) -> None:
        """Run workflows; first recover the workflows of a killed worker."""
        config: DBOSConfig = {
            "name": _APP,
            "system_database_url": job.variable(URL),
            "application_version": _VERSION,
            "notification_listener_polling_interval_sec": self.poll_seconds,
            "log_level": "WARNING",
        }
        async with job.services() as services:
            _services.append(services)
            DBOS(config=config)
            DBOS.launch()
            await DBOS.register_queue_async(_QUEUE, polling_interval_sec=_QUEUE_SECONDS)
            job.signal_ready()
            await asyncio.Event().wait()


_QUEUE_SECONDS = 0.1
"""Poll interval of the queue. The default of one second would dominate short runs."""


def _workflow_id(person: int) -> str:
    return f"person-{person}"
