"""What happens while no worker runs, and what a worker answers to queries when it returns."""

import asyncio
from datetime import timedelta
from functools import partial

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from landbridge.client.answers import RunState
from landbridge.domain import ids
from landbridge.domain.audit import Act
from landbridge.domain.messages import Step
from landbridge.domain.people import State
from landbridge.domain.roster import OWNER, RosterPerson
from landbridge.domain.rules import Rules
from tests.fakes import World
from tests.histories import health
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, end_all, eventually, prepared, served
from workflows.support import options


async def test_a_query_before_a_task_does_not_break_replay(client: Client) -> None:
    """The query reaches the worker before the events, at the time of the previous task; a replay has another time.

    The server decides which comes first: with eight concurrent migrations, at least one query always did.
    """
    world = World()
    prepared(world)
    world.opsgenie.add(RosterPerson(email="bo@example.com"), RosterPerson(email="ada@example.com", role=OWNER))
    harnesses = [MigrationHarness(client, f"asked-{number}", world) for number in range(8)]
    often = Rules(roster_refresh_interval=timedelta(seconds=2))
    async with served(client, world):
        for harness in harnesses:
            await harness.start(rules=often, initiator=OWNER_EMAIL)
        for harness in harnesses:
            await eventually(partial(harness.step_is, Step.VERIFY))
    # The timeout of the queries covers the wait for a timer and for the worker, on a busy machine too.
    questions = [asyncio.create_task(harness.migration.progress(timedelta(minutes=2))) for harness in harnesses]
    for harness in harnesses:
        await eventually(partial(_waits_for_a_worker, harness))
    async with served(client, world):
        for progress in await asyncio.gather(*questions):
            assert progress.step is Step.VERIFY
        for harness in harnesses:
            assert (await harness.migration.progress()).step is Step.VERIFY
        await end_all(client)
    for harness in harnesses:
        assert not await health.failures(client, harness.account)


async def test_terminated_workflows_answer_queries(client: Client) -> None:
    """A migration and a cohort were terminated with unprocessed signals; answers show the state before the signals."""
    world = World()
    prepared(world)
    world.opsgenie.add(RosterPerson(email="bo@example.com"))
    harness = MigrationHarness(client, "ended-meanwhile", world)
    async with served(client, world):
        await harness.start()
        await eventually(partial(harness.step_is, Step.VERIFY))
        await harness.until("bo@example.com", State.EMAIL_UNVERIFIED)
        await eventually(lambda: world.mailer.sent("bo@example.com"))
    for workflow in (harness.cohort(), harness.handle):
        await workflow.signal("email_verified", {"email": "bo@example.com"})
        await workflow.terminate()
    async with served(client, world):
        assert (await harness.migration.status()).run_state is RunState.TERMINATED
        assert (await harness.migration.report()).counts.total == 2
        assert (await harness.person("bo@example.com")).state is State.EMAIL_UNVERIFIED
        assert [entry.act for entry in (await harness.migration.audit()).entries][-1] is Act.START
    assert not await health.failures(client, harness.account)


async def test_a_run_before_its_first_task_is_not_replayed(client: Client) -> None:
    """The SDK would wait for the first task forever; Temporal delays it if a run continues as new very early."""
    late = await client.start_workflow(
        "CohortWorkflow",
        id=f"{ids.migration('not-begun')}:cohort:1",
        task_queue=options.WORKFLOWS,
        start_delay=timedelta(days=1),
    )
    await eventually(partial(_is_listed, client, late.id))
    assert not await health.failures(client, "not-begun")
    await late.terminate()


async def _is_listed(client: Client, workflow_id: str) -> bool:
    return bool([found async for found in client.list_workflows(f"WorkflowId = '{workflow_id}'")])


async def _waits_for_a_worker(harness: MigrationHarness) -> bool:
    """Whether a timer fired, or an activity was scheduled, after the last completed workflow task."""
    events = [event.event_type async for event in harness.handle.fetch_history_events()]
    done = len(events) - events[::-1].index(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    return bool(
        {EventType.EVENT_TYPE_TIMER_FIRED, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED}.intersection(events[done:])
    )
