"""A new build replaces the old one while migrations run."""

import asyncio
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

import worker
from landbridge.cli import checks
from landbridge.cli.check_temporal import TemporalChecks
from landbridge.cli.checks import CheckResult
from landbridge.domain.messages import PersonFact
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from tests.histories import health
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, end_all, eventually, prepared, served, server_for

NAME = "landbridge-under-test"


async def make_current(client: Client, build: str) -> bool:
    """Run the command of docs/how-to/deploy.md; return whether it succeeded, which needs a worker of that build."""
    command = ("worker", "deployment", "set-current-version", "--deployment-name", NAME, "--build-id", build, "--yes")
    process = await asyncio.create_subprocess_exec(
        Path(sysconfig.get_path("scripts"), "temporal"),
        *(*command, "--address", client.service_client.config.target_host),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


@asynccontextmanager
async def build(client: Client, harness: MigrationHarness, number: str) -> AsyncIterator[None]:
    """Run workers of a build, and make it the current version."""
    async with served(client, harness.world, deployment=worker.deployment(NAME, number)):
        await eventually(lambda: make_current(client, number))
        yield


async def builds(harness: MigrationHarness) -> list[str]:
    """Return the builds that completed the cohort's workflow tasks, in order."""
    done = [
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        async for event in harness.cohort().fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    return list(dict.fromkeys(done))


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a separate server: here, unversioned workers would get no tasks once a version is current."""
    async with server_for(tmp_path_factory.mktemp("deployments")) as client:
        yield client


async def test_running_migrations_continue_on_the_next_build(client: Client) -> None:
    """Build 1 starts the migration, build 2 completes it, and the history can be replayed."""
    harness = MigrationHarness(client, "deployed")
    prepared(harness.world)
    harness.world.opsgenie.add(RosterPerson(email="bo@example.com"))
    async with build(client, harness, "1"):
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent("bo@example.com"))
    assert await builds(harness) == ["1"]
    async with build(client, harness, "2"):
        fact = PersonFact(email="bo@example.com", by=Actor(name=OWNER_EMAIL))
        await harness.cohort().signal("account_authenticated", fact)
        assert (await harness.handle.result()).counts[State.CONNECTED] == 2
        assert await builds(harness) == ["1", "2"]
        assert not await health.failures(client, harness.account)
        await end_all(client)


async def test_check_reports_a_build_that_is_not_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` names the command that makes the build current; it is not enough that a worker polls."""
    async with server_for(tmp_path) as client:
        monkeypatch.setenv("TEMPORAL_ADDRESS", client.service_client.config.target_host)
        harness = MigrationHarness(client, "not-current")
        async with served(client, harness.world, deployment=worker.deployment(NAME, "7")):
            await eventually(lambda: finds(f"they are build 7 of {NAME}, but the current version is workers without"))
            assert f"set-current-version --deployment-name {NAME} --build-id 7" in (await workers_found()).remedy
            await eventually(lambda: make_current(client, "7"))
            await eventually(lambda: finds("every task queue is polled"))


async def workers_found() -> CheckResult:
    """Return the result of `check` for the workers."""
    findings = await checks.run_checks(TemporalChecks().checks())
    return next(finding for finding in findings if finding.service == "Workers")


async def finds(words: str) -> bool:
    """Whether the message of `check` about the workers contains these words."""
    return words in (await workers_found()).message


def test_workers_without_a_deployment_name_are_unversioned() -> None:
    """A worker with a version that is never made current would get no tasks."""
    assert worker.deployment("", "") is None
