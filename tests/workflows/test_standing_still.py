"""`list` and `status` show what makes no progress: paused migrations, and workflows that need other code."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

import worker
from landbridge.cli import checks
from landbridge.cli.check_temporal import TemporalChecks
from landbridge.cli.checks import CheckStatus
from landbridge.client import migrations
from landbridge.client.answers import MigrationStatus
from landbridge.domain.errors import ServiceRejected
from landbridge.domain.messages import PersonFact
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.platform.exits import TemporalUnreachable
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, end_all, eventually, prepared, served, server_for
from tests.workflows.incompatible import IncompatibleCohort, IncompatibleMigration
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

BY = Actor(name=OWNER_EMAIL)
BO = RosterPerson(email="bo@example.com")


async def is_listed_as(harness: MigrationHarness, condition: str) -> bool:
    """Whether `list` shows this condition. Temporal's lists lag behind, so use it with `eventually`."""
    summaries = await migrations.listed(harness.client)
    return [one.condition for one in summaries if one.opsgenie_account == harness.account] == [condition]


class TestPauses:
    """Pauses by an admin, and pauses of a cohort that only an admin can end."""

    async def test_an_admins(self, harness: MigrationHarness) -> None:
        """The pause is shown until the resume."""
        harness.world.opsgenie.add(BO)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await harness.migration.pause("Freeze.", BY)
        await eventually(lambda: is_listed_as(harness, "paused"))
        assert (await harness.migration.status()).condition == "paused"
        await harness.migration.resume(BY, "Freeze.")
        await eventually(lambda: is_listed_as(harness, "running"))
        assert (await harness.migration.status()).condition == "running"

    async def test_a_cohorts_own(self, harness: MigrationHarness) -> None:
        """The mail server refuses all mail of Landbridge; only the cohort pauses, not the migration itself."""
        harness.world.opsgenie.add(BO)
        harness.world.mailer.problem = ServiceRejected("The mail server refuses the login.")
        await harness.start()
        await eventually(lambda: is_listed_as(harness, "paused"))
        status = await harness.migration.status()
        assert (status.condition, status.problems) == ("paused", ["The mail server refuses the login."])
        harness.world.mailer.problem = None
        await harness.migration.resume(BY, "Freeze.")
        await eventually(lambda: is_listed_as(harness, "running"))
        assert (await harness.migration.status()).condition == "running"

    async def test_one_that_nobody_can_be_asked_about(self, client: Client) -> None:
        """No worker runs, so nothing can be queried."""
        harness = MigrationHarness(client, "paused-alone")
        prepared(harness.world)
        harness.world.mailer.problem = ServiceRejected("The mail server refuses the login.")
        harness.world.opsgenie.add(BO)
        async with served(client, harness.world):
            await harness.start()
            await eventually(lambda: is_listed_as(harness, "paused"))
        status = await harness.migration.status()
        assert (status.progress, status.condition) == (None, "paused")
        await harness.handle.terminate()
        await eventually(lambda: is_listed_as(harness, "terminated"))
        await end_all(client)


@pytest.fixture(scope="module")
async def reporting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that reports failing tasks after the second attempt."""
    folder = tmp_path_factory.mktemp("reporting")
    setting = {"system__numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "2"}
    async with server_for(folder, **setting) as client:
        yield client


class TestIncompatibleCode:
    """After a deploy of incompatible code, `status` shows the workflow, since when its tasks fail, and the remedy."""

    @pytest.fixture
    async def begun(self, reporting: Client, request: pytest.FixtureRequest) -> AsyncIterator[MigrationHarness]:
        """Start a migration with the real code."""
        harness = MigrationHarness(reporting, f"begun-{abs(hash(request.node.name))}")
        prepared(harness.world)
        harness.world.opsgenie.add(BO)
        async with served(reporting, harness.world):
            await harness.start()
            await eventually(lambda: harness.world.mailer.sent(BO.email))
        yield harness
        await end_all(reporting)

    @pytest.mark.timeout(180)
    async def test_a_cohort_that_cannot_be_replayed(
        self, begun: MigrationHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The migration itself looks healthy. Users see no SDK message, and the old code continues the migration."""
        with monkeypatch.context() as patch:
            patch.setattr(worker, "WORKFLOWS", [IncompatibleCohort, SiteMigrationWorkflow])
            async with served(begun.client, begun.world):
                fact = PersonFact(email=BO.email, by=BY)
                await begun.cohort().signal("account_authenticated", fact)
                await eventually(lambda: fails(begun))
                await eventually(lambda: is_listed_as(begun, "stuck"))
                status = await begun.migration.status()
                monkeypatch.setenv("TEMPORAL_ADDRESS", begun.client.service_client.config.target_host)
                checked = {one.service: one for one in await checks.run_checks(TemporalChecks().checks())}
                with pytest.raises(TemporalUnreachable) as refused:
                    await begun.migration.person(BO.email)
        (task,) = status.failing
        assert (status.condition, task.workflow_id) == ("stuck", begun.cohort().id)
        assert task.attempts >= 3
        assert "cannot replay its history" in task.problem
        assert f"{task.since:%Y-%m-%d %H:%M} UTC" in task.problem
        assert "roll back to the build that worked until" in task.remedy
        found = checked["Workflow tasks"]
        assert (found.status, found.message, found.remedy) == (CheckStatus.FAILED, task.problem, task.remedy)
        assert "ondetermin" not in f"{status}{refused.value}"
        async with served(begun.client, begun.world):
            assert (await begun.handle.result()).counts[State.CONNECTED] == 2
        assert (await begun.migration.status()).condition == "completed"

    @pytest.mark.timeout(180)
    async def test_a_migration_that_cannot_be_replayed(
        self, begun: MigrationHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker runs, so the status does not say that none does."""
        monkeypatch.setattr(worker, "WORKFLOWS", [CohortWorkflow, IncompatibleMigration])
        async with served(begun.client, begun.world):
            await begun.handle.signal("account_authenticated", {"email": BO.email})
            await eventually(lambda: fails(begun))
            status = await begun.migration.status()
        assert [task.workflow_id for task in status.failing] == [begun.handle.id]
        assert (status.progress, status.condition) == (None, "stuck")


async def fails(harness: MigrationHarness) -> MigrationStatus | None:
    """Return the status once it shows a failing task. Temporal waits some seconds between two attempts."""
    await asyncio.sleep(0.2)
    status = await harness.migration.status()
    return status if status.failing else None
