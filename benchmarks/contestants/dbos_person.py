"""DBOS Transact with one durable workflow for each person: two steps and a message. Both of its stores use it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions

from benchmarks import job
from benchmarks.at_once import at_once
from benchmarks.contestant import Contestant
from benchmarks.job import Click
from benchmarks.world import World
from landbridge.domain.links import LinkClaims

URL = "DBOS_URL"
"""What the worker and the people read the store's address from."""
_APP, _VERSION = "bench", "1"
_QUEUE, _TOPIC = "people", "clicked"
_STARTS_AT_ONCE = 16
_WEEK = 7 * 24 * 3600.0
_LOOK_SECONDS = 0.25
_neighbours: list[job.Services] = []
"""Of this process: steps are plain functions."""


@DBOS.step()
async def create_account(person: int) -> str:
    """Create the account."""
    return await _neighbours[0].create_account(person)


@DBOS.step()
async def send_mail(person: int) -> None:
    """Send the mail."""
    await _neighbours[0].send_mail(person)


@DBOS.workflow()
async def move(person: int) -> None:
    """Take one person the whole way."""
    await create_account(person)
    await send_mail(person)
    await DBOS.recv_async(_TOPIC, timeout_seconds=_WEEK)


class DbosPerson(Contestant):
    """What does not depend on the store."""

    poll_seconds: float
    """Between two looks for messages where the store cannot tell of them."""

    def store(self, world: World) -> str:
        """Return the store's URL."""
        raise NotImplementedError

    def versions(self) -> str:
        """Return the library's."""
        return f"dbos {metadata.version('dbos')}"

    async def move(self, world: World, people: int) -> None:
        """Enqueue everyone's workflow, and wait until none is left."""
        client = DBOSClient(system_database_url=self.store(world))

        async def start(person: int) -> None:
            options: EnqueueOptions = {
                "queue_name": _QUEUE,
                "workflow_name": move.__qualname__,
                "workflow_id": _workflow_id(person),
                "app_version": _VERSION,
            }
            await client.enqueue_async(options, person)

        await at_once(start, range(1, people + 1), _STARTS_AT_ONCE)
        while await client.list_workflows_async(status=["ENQUEUED", "PENDING"], limit=1, load_input=False):
            await asyncio.sleep(_LOOK_SECONDS)
        client.destroy()

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Click]:
        """Send the person's workflow a message."""
        client = DBOSClient(system_database_url=job.variable(URL))

        async def click(claims: LinkClaims) -> None:
            await client.send_async(_workflow_id(claims.person), "clicked", _TOPIC)

        yield click
        client.destroy()

    async def work(self) -> None:
        """Run workflows, those of a worker that was killed first."""
        config: DBOSConfig = {
            "name": _APP,
            "system_database_url": job.variable(URL),
            "application_version": _VERSION,
            "notification_listener_polling_interval_sec": self.poll_seconds,
            "log_level": "WARNING",
        }
        async with job.services() as services:
            _neighbours.append(services)
            DBOS(config=config)
            DBOS.launch()
            await DBOS.register_queue_async(_QUEUE, polling_interval_sec=_QUEUE_SECONDS)
            job.say_ready()
            await asyncio.Event().wait()


_QUEUE_SECONDS = 0.1
"""Between two looks into the queue; DBOS' default is a second, which a short run would wait for."""


def _workflow_id(person: int) -> str:
    return f"person-{person}"
