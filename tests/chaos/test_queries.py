"""Queries run continuously while Temporal is killed repeatedly; every history can still be replayed."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from temporalio.client import Client

from dev.stack import ports
from dev.stack.processes import Process
from dev.stack.temporal_server import TemporalServer
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.roster import RosterPerson
from landbridge.platform.temporal import connection
from tests.chaos.faulty_stack import LONG
from tests.chaos.test_storm import FIRST, ROUNDS
from tests.fakes import World
from tests.histories import health
from tests.workflows.harness import MigrationHarness, prepared, served

MIGRATIONS, PEOPLE, KILLS = 5, 40, 10
TASK_TIMEOUT = 12
"""Seconds after which Temporal has dispatched a lost workflow task again."""


class Load:
    """People who follow links, and admins who query, for one migration."""

    def __init__(self, harness: MigrationHarness, chance: random.Random) -> None:
        self._harness = harness
        self._chance = chance
        self._links = TemporalLinkClient(harness.client)
        self._used: set[LinkClaims] = set()

    async def run(self) -> None:
        """Generate load until cancelled."""
        async with asyncio.TaskGroup() as group:
            for query in (
                self._harness.migration.progress,
                self._harness.migration.people,
                self._harness.migration.people,
            ):
                group.create_task(self._query(query))
            while True:
                for claims in self._unused():
                    self._used.add(claims)
                    group.create_task(self._use(claims))
                    await asyncio.sleep(self._chance.uniform(0, 0.2))
                await asyncio.sleep(0.05)

    async def _query(self, query: Callable[[], Awaitable[object]]) -> None:
        while True:
            with suppress(LandbridgeError):
                await query()
            await asyncio.sleep(self._chance.uniform(0, 0.05))

    def _unused(self) -> list[LinkClaims]:
        mails = [(c, m) for c, m in self._harness.world.mailer.mails if c.opsgenie_account == self._harness.account]
        claims = [
            LinkClaims(cohort_id=c.cohort_id, run=c.run, person=m.person, purpose=m.purpose, generation=m.generation)
            for c, m in mails
        ]
        return [one for one in claims if one not in self._used]

    async def _use(self, claims: LinkClaims) -> None:
        use = self._links.follow if claims.purpose is Purpose.VERIFICATION else self._links.returned
        while True:
            with suppress(LandbridgeError):
                await use(claims)
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def killable_server(folder: Path) -> AsyncIterator[tuple[Process, Client]]:
    """Run a Temporal server that only the test restarts; yield it, and a client."""
    server = TemporalServer(port=ports.preferred_or_free(0), database=folder / "temporal.db")
    process = Process(server.program(), folder / "temporal.log")
    await process.start()
    try:
        yield process, await connection.connect(environment=server.environment)
    finally:
        await process.stop()


@LONG
@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
async def test_queries_during_kills_of_temporal_break_no_migration(tmp_path: Path, seed: int) -> None:
    """No workflow task fails, and each history can be replayed."""
    chance, world = random.Random(seed), World()  # noqa: S311 - delays, not secrets
    prepared(world)
    world.opsgenie.add(
        *(RosterPerson(email=f"p{number}@example.com", email_verified=bool(number % 2)) for number in range(PEOPLE))
    )
    async with killable_server(tmp_path) as (process, client), served(client, world):
        harnesses = [MigrationHarness(client, f"asked-{number}", world) for number in range(MIGRATIONS)]
        for harness in harnesses:
            await harness.start()
        loads = [asyncio.create_task(Load(harness, chance).run()) for harness in harnesses]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.3, 2.5))
            os.kill(process.pid, signal.SIGKILL)
            await process.ended()
            await process.start()
        await asyncio.sleep(TASK_TIMEOUT)
        for load in loads:
            assert not load.done()
            load.cancel()
        for harness in harnesses:
            assert not await health.failures(client, harness.account)
