"""One machine with all processes for all of these tests; each test loads an account of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.machine import Machine

MACHINE = pytest.StashKey[Machine]()


@pytest.fixture(scope="session")
async def machine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Machine]:
    """Run all processes."""
    async with Machine(tmp_path_factory.mktemp("machine")) as machine:
        request.session.stash[MACHINE] = machine
        yield machine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the last lines of the programs' logs to a failure."""
    report: pytest.TestReport = yield  # type: ignore[assignment]  # pluggy sends the hook's result
    machine = item.session.stash.get(MACHINE, None)
    if report.failed and machine is not None:
        report.sections.append(("the programs' logs", machine.log_tails()))
    return report  # type: ignore[return-value] # as above
