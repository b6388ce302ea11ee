"""One machine with all processes for all of these tests."""

from collections.abc import AsyncIterator

import pytest

from tests.chaos.machine import Ruin
from tests.e2e.conftest import MACHINE, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="session")
async def ruin(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Ruin]:
    """Run everything."""
    async with Ruin.running(tmp_path_factory.mktemp("ruin")) as ruin:
        request.session.stash[MACHINE] = ruin
        yield ruin
