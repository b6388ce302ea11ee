import secrets
from collections.abc import AsyncIterator

import httpx2
import pytest
from temporalio.client import Client

from dev.stack.stack import PREFERRED, Stack
from landbridge.platform.temporal import connection
from tests.faults.world import World, write_seed


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Run the local stack, with the real worker and with encryption, as in production."""
    folder = tmp_path_factory.mktemp("faults")
    seed, settings = write_seed(folder / "seed.json"), {"LANDBRIDGE_ENCRYPTION_KEYS": secrets.token_urlsafe(32)}
    anywhere = dict.fromkeys(PREFERRED, 0)
    async with Stack(folder / "stack", seed=seed, refused=[], preferred=anywhere, settings=settings) as stack:
        yield stack


@pytest.fixture(scope="session")
async def client(stack: Stack) -> Client:
    """Connect to its Temporal."""
    return await connection.connect(environment=stack.environment)


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    """Reach its services and people."""
    async with httpx2.AsyncClient(base_url=stack.emulator_url, timeout=60) as emulator:
        yield World(stack, emulator)
