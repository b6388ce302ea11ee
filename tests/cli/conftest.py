"""A real Temporal server, a worker with fake services, and starter.py as a process."""

import asyncio
import itertools
import os
import pty
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from dev.stack import ports
from dev.stack.temporal_server import TemporalServer, running
from landbridge.client import migrations
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.roster import OWNER, RosterPerson, RosterSurvey
from landbridge.domain.sites import Site
from landbridge.platform.temporal import connection
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL, eventually, served

STARTER = Path(__file__).parents[2] / "starter.py"
EVIL = "[bold]Eve[/bold] \x1b[31m\u202egnp.exe"
"""A name with markup, a terminal control sequence and a character that reverses the text."""


@dataclass(frozen=True)
class Ran:
    """A process that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Runs starter.py without a terminal."""

    environment: dict[str, str]

    async def __call__(self, *arguments: str | Path, **environment: str) -> Ran:
        """Run a command to its end."""
        async with self.running(*arguments, **environment) as process:
            out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    @asynccontextmanager
    async def running(self, *arguments: str | Path, **environment: str) -> AsyncIterator[Process]:
        """Run a command in the background."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            STARTER,
            *arguments,
            env={**self.environment, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @asynccontextmanager
    async def at_prompt(self, *arguments: str, shown: bytes) -> AsyncIterator[tuple[Process, int]]:
        """Run a command on a terminal up to its prompt; check that it has printed `shown`.

        Yields the process, and the controlling end of the terminal.
        """
        controller, terminal = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            STARTER,
            *arguments,
            env={**self.environment, "TERM": "xterm"},
            stdin=terminal,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=terminal,
        )
        os.close(terminal)
        screen = b""
        try:
            while b"[y/N]" not in screen:
                screen += await asyncio.to_thread(os.read, controller, 4096)
            assert shown in screen
            yield process, controller
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(controller)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> TemporalServer:
    """The Temporal server of these tests."""
    return TemporalServer(
        port=ports.preferred_or_free(0), database=tmp_path_factory.mktemp("cli-temporal") / "temporal.db"
    )


@pytest.fixture(scope="session")
async def client(server: TemporalServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """Run the server and connect to it."""
    async with running(server, tmp_path_factory.mktemp("cli-logs")):
        yield await connection.connect(environment=server.environment)


@pytest.fixture(scope="session")
async def world(client: Client) -> AsyncIterator[World]:
    """Fake services for all accounts, with a worker."""
    world = World()
    world.opsgenie.add(
        RosterPerson(email=OWNER_EMAIL, name="Olga Owner", role=OWNER, email_verified=True),
        RosterPerson(email="anna@example.com", name="Anna", email_verified=True),
        RosterPerson(email="ben@example.com", name="=2+5+cmd|' /C calc'!A0"),
        RosterPerson(email="eve@example.com", name=EVIL, email_verified=True),
        RosterPerson(email="gone@example.com", name="Gone", email_verified=True),
    )
    world.atlassian.account(OWNER_EMAIL, verified=True)
    world.atlassian.listed_sites += [
        Site(id="1", name="acme", url="https://acme.atlassian.net", admin=True),
        Site(id="2", name="other", url="https://other.atlassian.net"),
    ]
    world.atlassian.taken.add("taken")
    world.mailer.refused.add("gone@example.com")
    async with served(client, world):
        yield world


@pytest.fixture(scope="session")
def cli(server: TemporalServer) -> Cli:
    """starter.py with an isolated environment."""
    return Cli({"PATH": os.environ["PATH"], "HOME": os.devnull, "LANDBRIDGE_ACTOR": "tester", **server.environment})


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Unique numbers."""
    return itertools.count(1)


@pytest.fixture
def account(numbers: Iterator[int]) -> str:
    """The test's own Opsgenie account."""
    return f"account-{next(numbers)}"


def request_for(account: str, *, site: str = "", file_roster: RosterSurvey | None = None) -> MigrationRequest:
    """Return the owner's request to start a migration."""
    return MigrationRequest(opsgenie_account=account, initiator=OWNER_EMAIL, site=site, file_roster=file_roster)


@pytest.fixture
async def moving(client: Client, world: World, account: str) -> AsyncIterator[Migration]:
    """A migration in which everyone has received the first mail."""
    assert world
    await migrations.start(client, request_for(account, site="acme"))
    migration = Migration(client, account)

    async def waits_for_people() -> bool:
        return (await migration.progress()).step == "6 verify"

    await eventually(waits_for_people)
    yield migration
    # The test may already have ended the migration.
    with suppress(RPCError):
        await client.get_workflow_handle(ids.migration(account)).terminate()
