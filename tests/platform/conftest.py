from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dev.stack import ports, temporal_server


@pytest_asyncio.fixture(scope="session")
async def temporal_environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """Run a Temporal server; yield the environment variables with which a process connects to it."""
    server = temporal_server.TemporalServer(port=ports.preferred_or_free(0))
    async with temporal_server.running(server, tmp_path_factory.mktemp("temporal")):
        yield server.environment
