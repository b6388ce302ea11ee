"""Questions without end, while Temporal is killed again and again: whatever was answered, replays agree."""

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
from tests.chaos.machine import LONG
from tests.chaos.test_storm import FIRST, ROUNDS
from tests.fakes import World
from tests.histories import health
from tests.workflows.harness import MigrationHarness, prepared, served

MIGRATIONS, PEOPLE, KILLS = 5, 40, 10
TIMES_OUT = 12
"""Seconds after which a task that was lost is handed out anew."""


class Storm:
    """People who click and admins who ask, whatever comes of it."""

    def __init__(self, bench: MigrationHarness, chance: random.Random) -> None:
        self._bench = bench
        self._chance = chance
        self._desk = TemporalLinkClient(bench.client)
        self._used: set[LinkClaims] = set()

    async def blow(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            for ask in (self._bench.migration.progress, self._bench.migration.people, self._bench.migration.people):
                group.create_task(self._ask(ask))
            while True:
                for claims in self._unused():
                    self._used.add(claims)
                    group.create_task(self._use(claims))
                    await asyncio.sleep(self._chance.uniform(0, 0.2))
                await asyncio.sleep(0.05)

    async def _ask(self, question: Callable[[], Awaitable[object]]) -> None:
        while True:
            with suppress(LandbridgeError):
                await question()
            await asyncio.sleep(self._chance.uniform(0, 0.05))

    def _unused(self) -> list[LinkClaims]:
        mails = [(c, m) for c, m in self._bench.world.post.mails if c.opsgenie_account == self._bench.account]
        claims = [
            LinkClaims(cohort_id=c.cohort_id, run=c.run, person=m.person, purpose=m.purpose, generation=m.generation)
            for c, m in mails
        ]
        return [one for one in claims if one not in self._used]

    async def _use(self, claims: LinkClaims) -> None:
        use = self._desk.follow if claims.purpose is Purpose.VERIFICATION else self._desk.returned
        while True:
            with suppress(LandbridgeError):
                await use(claims)
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def mortal(folder: Path) -> AsyncIterator[tuple[Process, Client]]:
    """Run a Temporal server that nothing starts again; yield it, and a client."""
    server = TemporalServer(port=ports.preferred_or_free(0), database=folder / "temporal.db")
    process = Process(server.program(), folder / "temporal.log")
    await process.start()
    try:
        yield process, await connection.connect(environment=server.environment)
    finally:
        await process.stop()


@LONG
@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
async def test_questions_amid_kills_spoil_no_migration(tmp_path: Path, seed: int) -> None:
    """No history tells of a decision that today's code would not repeat."""
    chance, world = random.Random(seed), World()  # noqa: S311 - moments, not secrets
    prepared(world)
    world.opsgenie.add(
        *(RosterPerson(email=f"p{number}@example.com", email_verified=bool(number % 2)) for number in range(PEOPLE))
    )
    async with mortal(tmp_path) as (process, client), served(client, world):
        benches = [MigrationHarness(client, f"asked-{number}", world) for number in range(MIGRATIONS)]
        for bench in benches:
            await bench.start()
        storms = [asyncio.create_task(Storm(bench, chance).blow()) for bench in benches]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.3, 2.5))
            os.kill(process.pid, signal.SIGKILL)
            await process.ended()
            await process.start()
        await asyncio.sleep(TIMES_OUT)
        for storm in storms:
            assert not storm.done()
            storm.cancel()
        for bench in benches:
            assert not await health.failures(client, bench.account)
