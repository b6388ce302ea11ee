"""(a) Landbridge: its real worker on the embedded Temporal server, started and handed its roster as the CLI does it.

A click is the signal that the portal sends; its page is left out, as it is for the others.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx2
from temporalio.client import Client

from benchmarks import job
from benchmarks.contestant import WORKER, Contestant
from benchmarks.contestants.temporal import SERVER, server, temporal_versions
from benchmarks.job import Click
from benchmarks.world import PROJECT, World
from domain import roster
from domain.links import LinkClaims
from domain.messages import MigrationRequest
from domain.people import State
from domain.roster import RosterPerson
from domain.rules import Rules
from embedded import ports
from embedded.ports import HOST
from embedded.processes import Program
from runtime import temporal
from steering import starting
from steering.links import TemporalLinkDesk
from workflows.site_migration import SiteMigrationWorkflow

_SERVER_METRICS = "SERVER_METRICS"
_ACTION = re.compile(r"(?m)^action\{[^}]*namespace=.default.[^}]*\} (\S+)$")
_RULES = Rules(click_counts=True)
"""A click is the end of a person's way, as it is for the others."""


class Landbridge(Contestant):
    """Cohorts of 250."""

    name = "landbridge"

    def __init__(self, workers: int = 1) -> None:
        """Have it done by so many worker processes."""
        self._workers = workers

    def missing(self) -> str:
        """Return nothing: the embedded stack is installed wherever this is."""
        return ""

    def versions(self) -> str:
        """Return those of Temporal."""
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
        port = world.port(f"{name}_metrics")
        variables = {**server(world).environment, "LANDBRIDGE_METRICS_ADDRESS": f"{HOST}:{port}"}
        program = world.python(name, str(PROJECT / "worker.py"), **variables)
        return replace(program, ports=[port], ready=partial(ports.accepts, port))

    async def actions(self, world: World) -> int:
        """Return how many actions the server counted so far, as Temporal Cloud would bill them."""
        async with httpx2.AsyncClient() as http:
            answer = await http.get(f"http://{HOST}:{world.port(_SERVER_METRICS)}/metrics")
        return round(sum(float(value) for value in _ACTION.findall(answer.text)))

    async def events(self, world: World) -> int:
        """Return how many events all histories hold."""
        client = await temporal.connect(environment=server(world).environment)
        return sum([workflow.history_length async for workflow in client.list_workflows()])

    async def move(self, world: World, people: int) -> None:
        """Start the migration, hand its roster out, and wait for its end."""
        client = await temporal.connect(environment=server(world).environment)
        rows = _rows(people)
        request = MigrationRequest(
            opsgenie_account=job.ACCOUNT,
            initiator=job.INITIATOR,
            site=job.SITE,
            rules=_RULES,
            file_roster=roster.survey(rows),
        )
        started = await starting.start(client, request)
        await starting.hand_out(client, request, rows, lambda _: None)
        result = await client.get_workflow_handle_for(SiteMigrationWorkflow.run, started.workflow_id).result()
        if result.counts[State.CONNECTED] != people:
            raise RuntimeError(f"only {result.counts[State.CONNECTED]} of {people} are connected")

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Click]:
        """Signal cohorts, as the portal does."""
        desk = TemporalLinkDesk(await _client())

        async def click(claims: LinkClaims) -> None:
            await desk.follow(claims)

        yield click


def _rows(people: int) -> list[RosterPerson]:
    return [
        RosterPerson(
            email=job.email(person),
            name=job.name(person),
            role="owner" if job.email(person) == job.INITIATOR else "user",
            email_verified=True,
        )
        for person in range(1, people + 1)
    ]


async def _client() -> Client:
    address = f"{HOST}:{job.variable(SERVER)}"
    return await temporal.connect(environment={"TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": "/dev/null"})


CONTESTANT = Landbridge()
