"""(a) Landbridge: its real worker on the local Temporal server. It starts migrations as the CLI does.

A click sends the signal that the portal sends, but no page is served; the other contestants serve no page either.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import httpx2
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks import job
from benchmarks.contestant import WORKER, Contestant
from benchmarks.contestants.temporal import SERVER, server, temporal_versions
from benchmarks.job import Click
from benchmarks.world import PROJECT, World
from dev.stack import ports
from dev.stack.ports import HOST
from dev.stack.processes import Program
from landbridge.client import migrations
from landbridge.client.links import TemporalLinkClient
from landbridge.domain import ids, roster
from landbridge.domain.links import LinkClaims
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.platform.temporal import connection
from workflows.site_migration import SiteMigrationWorkflow

_POLL_SECONDS = 0.02
_SERVER_METRICS = "SERVER_METRICS"
_ACTION = re.compile(r"(?m)^action\{[^}]*namespace=.default.[^}]*\} (\S+)$")
_RULES = Rules(click_counts=True)
"""A click completes a person, as it does for the other contestants."""


class Landbridge(Contestant):
    """Landbridge, with cohorts of about 250 people."""

    name = "landbridge"

    def __init__(self, workers: int = 1, *, mails_per_second: float = 0) -> None:
        """Use `workers` worker processes, each with this rate limit; 0: no limit."""
        self._workers = workers
        self._mails_per_second = mails_per_second

    def missing(self) -> str:
        """Return nothing: benchmarks include the local stack."""
        return ""

    def versions(self) -> str:
        """Return Temporal's versions."""
        return temporal_versions()

    def programs(self, world: World) -> Sequence[Program]:
        """Return the server and the workers."""
        port = world.port(_SERVER_METRICS)
        temporal_server = server(world).program()
        command = [*temporal_server.command, f"--metrics-port={port}"]
        workers = [self._worker(world, number) for number in range(self._workers, 0, -1)]
        return [replace(temporal_server, command=command), *workers]

    def _worker(self, world: World, number: int) -> Program:
        name = WORKER if number == 1 else f"{WORKER}{number}"
        port = world.port(f"{name}_health")
        variables = {
            **server(world).environment,
            "LANDBRIDGE_HEALTH_ADDRESS": f"{HOST}:{port}",
            "LANDBRIDGE_SMTP_PER_SECOND": str(self._mails_per_second),
        }
        program = world.python(name, str(PROJECT / "worker.py"), **variables)
        return replace(program, ports=[port], ready=partial(ports.is_ready, port))

    async def actions(self, world: World) -> int:
        """Return the number of actions so far, as Temporal Cloud would bill them."""
        async with httpx2.AsyncClient() as http:
            answer = await http.get(f"http://{HOST}:{world.port(_SERVER_METRICS)}/metrics")
        return round(sum(float(value) for value in _ACTION.findall(answer.text)))

    async def events(self, world: World) -> int:
        """Return the number of events in all histories."""
        client = await connection.connect(environment=server(world).environment)
        return sum([workflow.history_length async for workflow in client.list_workflows()])

    async def move(self, world: World, people: int) -> None:
        """Start the migration, assign its people to cohorts, and wait for its end."""
        await self.move_account(
            world, job.ACCOUNT, [person_row(job.email(n), job.name(n)) for n in range(1, people + 1)]
        )

    async def move_account(self, world: World, account: str, rows: Sequence[RosterPerson]) -> None:
        """Migrate the people of an Opsgenie account; the first person is the initiator."""
        client = await connection.connect(environment=server(world).environment)
        owner = rows[0].model_copy(update={"role": roster.OWNER})
        everyone = [owner, *rows[1:]]
        request = MigrationRequest(
            opsgenie_account=account,
            initiator=owner.email,
            site=job.SITE,
            rules=_RULES,
            file_roster=roster.survey(everyone),
        )
        started = await migrations.start(client, request)
        await migrations.assign_people(client, request, everyone, lambda _: None)
        result = await client.get_workflow_handle_for(SiteMigrationWorkflow.run, started.workflow_id).result()
        if result.counts[State.CONNECTED] != len(rows):
            raise RuntimeError(f"only {result.counts[State.CONNECTED]} of {len(rows)} are connected")

    async def run_of(self, world: World, account: str) -> str:
        """Wait until an account's migration starts; return the suffix of its Message-IDs."""
        client = await connection.connect(environment=server(world).environment)
        while True:
            with suppress(RPCError):
                return ids.run_of((await client.get_workflow_handle(ids.migration(account)).describe()).run_id)
            await asyncio.sleep(_POLL_SECONDS)

    @asynccontextmanager
    async def click_sender(self) -> AsyncIterator[Click]:
        """Signal cohorts, as the portal does."""
        links = TemporalLinkClient(await _client())

        async def click(claims: LinkClaims) -> None:
            await links.follow(claims)

        yield click


def person_row(email: str, name: str) -> RosterPerson:
    """Return a roster row of a person who gets the authentication email immediately."""
    return RosterPerson(email=email, name=name, email_verified=True)


async def _client() -> Client:
    address = f"{HOST}:{job.variable(SERVER)}"
    return await connection.connect(environment={"TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": "/dev/null"})


CONTESTANT = Landbridge()
