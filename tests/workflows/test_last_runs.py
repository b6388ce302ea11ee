"""A query about a closed workflow replays its last run, so that run is short, however long the workflow's life was."""

from datetime import UTC, datetime

import pytest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from landbridge.client import migrations, runs
from landbridge.client.answers import MigrationSummary, RunState
from landbridge.client.links import TemporalLinkClient
from landbridge.domain import ids
from landbridge.domain.audit import Act
from landbridge.domain.cohort import CohortPeople
from landbridge.domain.cohort_state import CohortInput, CohortState
from landbridge.domain.errors import NotFound
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.messages import (
    AssignPeople,
    Pause,
    PeopleQuery,
    PersonFact,
    Resume,
    RevokeInvitations,
    Step,
    StepStatus,
    UndoRequest,
)
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import COHORT_SIZE, RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.text import text
from tests.histories import health
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually, served
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import options
from workflows.undo import UndoWorkflow

BY = Actor(name=OWNER_EMAIL)
ANN = RosterPerson(email="ann@example.com", email_verified=True)
LONG = 1_200
"""Maximum events of any run of a cohort in these tests: `options.MAX_RUN_EVENTS`, plus the work in progress."""
SHORT = 120
"""Maximum events of a last run: `options.MAX_LAST_RUN_EVENTS`, plus the events of its end."""


async def runs_of(harness: MigrationHarness, workflow_id: str) -> list[WorkflowExecution]:
    """Return the runs of a workflow, oldest first."""
    found = [one async for one in harness.client.list_workflows(f"WorkflowId = '{workflow_id}'")]
    return sorted(found, key=lambda one: one.start_time)


async def closed(harness: MigrationHarness, workflow_id: str) -> bool:
    """Whether a workflow is closed according to Temporal's lists."""
    runs = await runs_of(harness, workflow_id)
    return bool(runs) and runs[-1].status not in {
        WorkflowExecutionStatus.RUNNING,
        WorkflowExecutionStatus.CONTINUED_AS_NEW,
    }


async def lengths(harness: MigrationHarness, workflow_id: str) -> list[int]:
    """Return the number of events of each run of a closed workflow, oldest first."""
    await eventually(lambda: closed(harness, workflow_id))
    return [one.history_length for one in await runs_of(harness, workflow_id)]


async def live_long(harness: MigrationHarness, events: int) -> None:
    """Have a cohort write this many events, five for each request, as when people act one by one."""
    for _ in range(events // 5):
        await harness.cohort().execute_update(CohortWorkflow.assign_people, AssignPeople(people=[]))


async def test_a_long_cohort_completes_in_a_short_run(harness: MigrationHarness) -> None:
    """After 3,500 events, as when people act one by one, no run is long, and the last run is short."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    await live_long(harness, 3_500)
    harness.world.atlassian.account(ANN.email, verified=True)
    await harness.migration.refresh(BY)
    assert (await harness.handle.result()).counts[State.CONNECTED] == 2
    *before, last = await lengths(harness, harness.cohort().id)
    assert max(before, default=0) <= LONG
    assert last <= SHORT
    report = await harness.migration.report()
    assert {line.email: line.state for line in report.people} == dict.fromkeys(
        (ANN.email, OWNER_EMAIL), State.CONNECTED
    )
    view = await TemporalLinkClient(harness.client).view(link)
    assert view is not None
    assert view.state is LinkState.DONE
    assert not await health.failures(harness.client, harness.account)


async def work_long(harness: MigrationHarness, events: int) -> None:
    """Have a migration write this many events; each pair of requests adds at least five."""
    for _ in range(events // 5):
        await harness.handle.execute_update(SiteMigrationWorkflow.pause, Pause(reason=text("Freeze."), by=BY))
        await harness.handle.execute_update(SiteMigrationWorkflow.resume, Resume(reason="Freeze.", by=BY))


async def test_a_long_migration_completes_in_a_short_run(harness: MigrationHarness) -> None:
    """The last run answers queries as the long run did, and the list shows one migration."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    began = (await harness.migration.summary()).started_at
    await work_long(harness, 150)
    harness.world.atlassian.account(ANN.email, verified=True)
    await harness.migration.refresh(BY)
    result = await harness.handle.result()
    assert (result.counts[State.CONNECTED], result.cancelled) == (2, False)
    long, short = await lengths(harness, ids.migration(harness.account))
    assert long > SHORT
    assert short <= SHORT
    status = await harness.migration.status()
    assert (status.run_state, status.started_at) == (RunState.COMPLETED, began)
    assert status.progress is not None
    assert status.progress.step is Step.COMPLETE
    assert {item.status for item in status.progress.checklist} <= {StepStatus.DONE, StepStatus.SKIPPED}
    assert [(one.run_state, one.started_at) for one in await listed(harness)] == [(RunState.COMPLETED, began)]
    audit = await harness.migration.audit()
    assert [entry.act for entry in audit.entries].count(Act.PAUSE) == 30
    assert audit.entries[-1].act is Act.START
    assert (await harness.person(ANN.email)).state is State.CONNECTED
    assert (await harness.start()).already is RunState.COMPLETED
    with pytest.raises(NotFound):
        await harness.migration.pause("x", BY)
    assert not await health.failures(harness.client, harness.account)


async def listed(harness: MigrationHarness) -> list[MigrationSummary]:
    """Return this migration's entries in `list`."""
    return [one for one in await migrations.listed(harness.client) if one.opsgenie_account == harness.account]


async def test_a_long_migration_that_is_cancelled_can_be_undone(harness: MigrationHarness) -> None:
    """Links, cohorts and the undo still belong to the migration after it continued as new."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    await work_long(harness, 150)
    await live_long(harness, 300)
    await harness.migration.cancel("The merger is off.", BY)
    assert (await harness.handle.result()).cancelled
    for workflow_id in (ids.migration(harness.account), harness.cohort().id):
        assert (await lengths(harness, workflow_id))[-1] <= SHORT
    assert (await harness.migration.status()).run_state is RunState.CANCELED
    view = await TemporalLinkClient(harness.client).view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    await harness.migration.revoke_invitations(BY)
    await eventually(lambda: _undone(harness))
    assert list(harness.world.atlassian.accounts) == [OWNER_EMAIL]
    assert {line.email: line.undone for line in (await harness.migration.report()).people}[ANN.email] == "revoked"
    assert not await health.failures(harness.client, harness.account)


async def _undone(harness: MigrationHarness) -> bool:
    progress = await harness.migration.undo()
    return progress is not None and progress.over


async def test_a_long_migration_that_fails_reports_the_reason(harness: MigrationHarness) -> None:
    """A cohort was terminated: the last run has the failure of the long run."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    await work_long(harness, 150)
    await harness.cohort().terminate()
    await eventually(lambda: closed(harness, ids.migration(harness.account)))
    status = await harness.migration.status()
    assert (status.run_state, "outside Landbridge" in status.failure) == (RunState.FAILED, True)
    assert (await lengths(harness, ids.migration(harness.account)))[-1] <= SHORT
    assert (await harness.start()).already is None


async def test_a_long_migration_that_fails_ends_its_other_cohorts(harness: MigrationHarness) -> None:
    """Otherwise these cohorts would mail people for a migration that has ended."""
    for number in range(COHORT_SIZE + 1):
        harness.world.opsgenie.add(RosterPerson(email=f"p{number}@example.com", email_verified=True))
    await harness.start()
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await work_long(harness, 150)
    await harness.cohort(1).terminate()
    await eventually(lambda: closed(harness, ids.migration(harness.account)))
    assert (await lengths(harness, ids.migration(harness.account)))[-1] <= SHORT
    await eventually(lambda: closed(harness, harness.cohort(2).id))


async def test_a_long_undo_completes_in_a_short_run(harness: MigrationHarness) -> None:
    """The undo continues with the next cohort in the next run, and keeps the outcome of each invitation."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    await harness.migration.cancel("The merger is off.", BY)
    await harness.handle.result()
    first_run = runs.first_run_id(await harness.handle.describe())
    # Most of these cohorts do not exist: nobody was invited by them.
    request = UndoRequest(
        opsgenie_account=harness.account, run=ids.run_of(first_run), cohorts=200, asked=RevokeInvitations(by=BY)
    )
    undo = ids.undo(harness.account)
    await harness.client.start_workflow(UndoWorkflow.run, request, id=undo, task_queue=options.WORKFLOWS)
    await eventually(lambda: _undone(harness))
    events = await lengths(harness, undo)
    assert len(events) == 3
    assert max(events) <= LONG
    assert events[-1] <= SHORT
    progress = await harness.migration.undo()
    assert progress is not None
    assert (progress.cohorts, progress.revoked, progress.kept, progress.failed, progress.problem) == (200, 1, 0, 0, "")
    assert {line.email: line.undone for line in (await harness.migration.report()).people}[ANN.email] == "revoked"
    assert [entry.act for entry in (await harness.migration.audit()).entries].count(Act.UNDO) == 1
    assert not await health.failures(harness.client, harness.account)


async def test_a_signal_between_the_last_two_runs_is_kept(client: Client) -> None:
    """The signal arrives after a closed cohort continued as new and before its last run begins."""
    harness = MigrationHarness(client, "between")
    people = CohortPeople()
    people.receive(RosterPerson(email="bo@example.com"), datetime.now(UTC))
    start = CohortInput(
        opsgenie_account=harness.account,
        number=1,
        run="run",
        initiator=OWNER_EMAIL,
        state=CohortState(rules=Rules(), admins=[], people=people, closing=True),
    )
    cohort = await client.start_workflow(
        CohortWorkflow.run,
        start,
        id=harness.cohort().id,
        task_queue=options.WORKFLOWS,
        start_signal="email_verified",
        start_signal_args=[PersonFact(email="bo@example.com", by=BY)],
    )
    async with served(client, harness.world):
        await cohort.result()
        page = await cohort.query(CohortWorkflow.people, PeopleQuery(email="bo@example.com"))
    assert page.people[0].email_verified
