"""One faulty stack with all processes for all of these tests."""

from collections.abc import AsyncIterator

import pytest

from tests.chaos.faulty_stack import FaultyStack
from tests.e2e.conftest import MACHINE, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="session")
async def machine(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[FaultyStack]:
    """Run all processes."""
    async with FaultyStack.running(tmp_path_factory.mktemp("machine")) as machine:
        request.session.stash[MACHINE] = machine
        yield machine
