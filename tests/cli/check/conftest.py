"""Everything that `check` examines, working: Temporal with a worker, a mail server, the emulator and the portal."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from temporalio.client import Client

from dev.stack import ports
from dev.stack.mailbox import Mailbox
from dev.stack.processes import Process, Program
from dev.stack.temporal_server import TemporalServer
from tests.cli.conftest import Cli, client, server
from tests.emulator.running import OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, control, service
from tests.fakes import World
from tests.workflows.harness import served

__all__ = ["client", "control", "server", "service"]
KEY = "a-signing-key-that-is-long-enough-for-us"
ENCRYPTION_KEY = "an-encryption-key-that-is-long-enough-too"
SECRETS = (KEY, ENCRYPTION_KEY, OPSGENIE_KEY, ORGANIZATION_KEY)
PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
async def worker(client: Client) -> AsyncIterator[None]:
    """Run a worker."""
    async with served(client, World()):
        yield


@pytest.fixture(scope="session")
async def mailbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[int, Path]]:
    """Run a mail server; yield its port and the folder with its mails."""
    folder = tmp_path_factory.mktemp("check") / "mailbox"
    listening = await asyncio.get_running_loop().create_server(Mailbox(folder).session, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1], folder
    listening.close()


@pytest.fixture(scope="session")
async def portal(
    server: TemporalServer, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """Run the portal as a process; yield its URL."""
    assert client
    port = ports.preferred_or_free(0)
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "LANDBRIDGE_PORTAL_URL": url,
        "LANDBRIDGE_TOKEN_KEYS": KEY,
        **server.environment,
    }
    command = [sys.executable, "-m", "uvicorn", "landbridge.portal.app:app", "--host", "127.0.0.1", "--port", str(port)]
    program = Program("portal", command, environment=environment, ready=partial(ports.accepts, port))
    process = Process(program, tmp_path_factory.mktemp("portal") / "portal.log")
    await process.start()
    yield url
    await process.stop()


@pytest.fixture
def cli(server: TemporalServer, worker: None, mailbox: tuple[int, Path], service: str, portal: str) -> Cli:
    """starter.py with settings that pass all checks."""
    assert worker is None
    return Cli(
        {
            "PATH": os.environ["PATH"],
            "HOME": os.devnull,
            **server.environment,
            "LANDBRIDGE_SMTP_HOST": "127.0.0.1",
            "LANDBRIDGE_SMTP_PORT": str(mailbox[0]),
            "LANDBRIDGE_SMTP_SECURITY": "none",
            "LANDBRIDGE_SMTP_FROM": "landbridge@example.com",
            "LANDBRIDGE_OPSGENIE_URL": service,
            "LANDBRIDGE_OPSGENIE_API_KEY": OPSGENIE_KEY,
            "LANDBRIDGE_ATLASSIAN_URL": service,
            "LANDBRIDGE_ATLASSIAN_API_KEY": ORGANIZATION_KEY,
            "LANDBRIDGE_ATLASSIAN_ORG_ID": ORGANIZATION,
            "LANDBRIDGE_ATLASSIAN_PROVISIONING_URL": service,
            "LANDBRIDGE_PORTAL_URL": portal,
            "LANDBRIDGE_TOKEN_KEYS": KEY,
            "LANDBRIDGE_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        }
    )
