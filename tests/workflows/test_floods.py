"""Too many, too large or too late messages: they cause one transition at most and block no workflow."""

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowInteractionDefinition, WorkflowMetadata
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from landbridge.client.links import TemporalLinkClient
from landbridge.domain.cohort_state import MAX_PROBLEMS_REPORTED
from landbridge.domain.errors import NotFound, Refused
from landbridge.domain.links import LinkClaims, LinkState, Purpose
from landbridge.domain.messages import LinksUsed, LinkUse, LinkUsed, PersonFact, Resent
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.platform.temporal.sandbox import StaleQueryGuard
from tests.histories import health
from tests.workflows.harness import AT_ONCE, MigrationHarness, end_all, eventually, prepared, served, with_keys
from workflows.cohort import CohortWorkflow

BY = Actor(name="olga@example.com")
BO = RosterPerson(email="bo@example.com", name="Bo User")
ANN = RosterPerson(email="ann@example.com", email_verified=True)
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM, reminder_interval=SELDOM)
SIGNALS = int(os.environ.get("CHAOS_SIGNALS", "2000"))
"""`make chaos` sends 10,000 signals."""
FULL = "limit for signal events"
"""Part of the server's error for the 10,001st signal of one run."""
MAX_LENGTH = 11_000
"""Events in one history: the 10,000 signals, and the events that the cohort adds. While signals arrive faster than the
cohort processes them, it cannot continue as new: Temporal completes no run that has unprocessed signals."""
NEARLY_2_MB = "x" * 1_900_000
"""Slightly less than the server's limit of 2 MiB."""
MISFITS: tuple[list[Any], ...] = ([], [None], [None, None], [{}, {}, {}])
"""Arguments that none of our handlers accepts."""


async def _mailed(harness: MigrationHarness, email: str, purpose: Purpose, times: int = 1) -> None:
    await eventually(lambda: len(harness.world.mailer.sent(email, purpose)) == times)


async def _taken(harness: MigrationHarness, link: LinkClaims, number: int) -> bool:
    """Return whether Temporal accepted the signal. It is one of many about the same link, in three generations."""
    used = {**link.model_dump(), "use": LinkUse.FOLLOWED, "generation": 1 + number % 3}
    try:
        await harness.cohort().signal("links_used", LinksUsed(used=[LinkUsed(**used)]))
    except RPCError as error:
        if FULL not in error.message:
            raise
        return False
    return True


async def test_signals_sent_without_a_worker_are_processed(client: Client) -> None:
    """One workflow task delivers as many signals as Temporal accepts for one run."""
    harness = MigrationHarness(client, "flooded")
    prepared(harness.world)
    harness.world.opsgenie.add(BO)
    async with served(client, harness.world):
        await harness.start(rules=UNASKED)
        await _mailed(harness, BO.email, Purpose.VERIFICATION)
        await eventually(partial(_is_quiet, harness.cohort()))
    link = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
    for start in range(0, SIGNALS, 50):
        if not all(await asyncio.gather(*(_taken(harness, link, number) for number in range(start, start + 50)))):
            break
    async with served(client, harness.world):
        await _mailed(harness, BO.email, Purpose.AUTHENTICATION)
        assert not await health.failures(client, harness.account)
        await end_all(client)


async def test_a_workflow_task_may_take_seconds(harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a task with thousands of signals takes longer than the deadlock timeout."""
    busy, activate = threading.Event(), StaleQueryGuard.activate

    def slowly(workflow: StaleQueryGuard, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if not busy.is_set():
            busy.set()
            time.sleep(3)
        return activate(workflow, act)

    monkeypatch.setattr(StaleQueryGuard, "activate", slowly)
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    assert busy.is_set()
    assert not await health.failures(harness.client, harness.account)


async def test_a_flood_of_signals_to_one_cohort_delays_nobody(harness: MigrationHarness) -> None:
    """Its history stays short, valid signals take effect, and another migration continues meanwhile."""
    harness.world.opsgenie.add(BO, ANN)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    link = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
    at_once = asyncio.Semaphore(50)

    async def click(number: int) -> None:
        async with at_once:
            # While signals arrive too fast, Temporal rejects more of them until the cohort has continued as new.
            await eventually(partial(_taken, harness, link, number))

    flood = asyncio.gather(*(click(number) for number in range(SIGNALS)))
    other = MigrationHarness(harness.client, f"{harness.account}-beside", harness.world)
    await other.start(rules=UNASKED)
    await other.until(ANN.email, State.AUTHENTICATING)
    await flood
    await _mailed(harness, BO.email, Purpose.AUTHENTICATION)
    for email in (BO.email, ANN.email):
        harness.world.atlassian.account(email, verified=True)
    await harness.migration.refresh(BY)
    await harness.handle.result()
    histories = await health.of_account(harness.client, harness.account)
    assert max(len(history.events) for history in histories) < MAX_LENGTH
    assert not await health.failures(harness.client, harness.account)


async def test_duplicate_facts_cause_one_transition(harness: MigrationHarness) -> None:
    """Facts by link and by hand cause one transition and one mail."""
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    link_client, link = TemporalLinkClient(harness.client), harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
    facts = [harness.cohort().signal("email_verified", PersonFact(email=BO.email, by=BY)) for _ in range(50)]
    await asyncio.gather(*facts, *(link_client.follow(link) for _ in range(50)))
    await _mailed(harness, BO.email, Purpose.AUTHENTICATION)
    timeline = (await harness.person(BO.email)).timeline
    assert [entry.state for entry in timeline].count(State.AUTHENTICATING) == 1
    view = await link_client.view(link)
    assert view is not None
    assert view.state is LinkState.DONE


async def test_requests_after_the_end_are_refused(harness: MigrationHarness) -> None:
    """Links report that the migration is closed; admins get the answer that it is over."""
    harness.world.opsgenie.add(ANN)
    await harness.start(rules=UNASKED)
    await _mailed(harness, ANN.email, Purpose.AUTHENTICATION)
    link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    harness.world.atlassian.account(ANN.email, verified=True)
    await harness.migration.refresh(BY)
    await harness.handle.result()
    assert not await TemporalLinkClient(harness.client).follow(link)
    with pytest.raises(NotFound, match="has ended"):
        await harness.migration.verify(ANN.email, BY)
    with pytest.raises(NotFound, match="has ended"):
        await harness.migration.resend(ANN.email, by=BY)


async def test_repeated_problems_leave_room_for_other_signals(harness: MigrationHarness) -> None:
    """One run accepts a limited number of signals: a migration must receive the last report of all 400 cohorts."""
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    for number in range(MAX_PROBLEMS_REPORTED + 3):
        problem = f"time and again: {number}"
        await harness.migration.pause(problem, BY)
        await eventually(partial(_has_problem, harness, problem))
        assert problem in (await harness.migration.status()).problems
        await harness.migration.resume(BY, problem)
        await eventually(partial(_has_problem, harness, ""))
    reports = [
        event.workflow_execution_signaled_event_attributes.signal_name
        async for event in harness.handle.fetch_history_events()
    ].count("cohort_status")
    assert 2 * MAX_PROBLEMS_REPORTED <= reports <= 2 * MAX_PROBLEMS_REPORTED + 2
    await harness.migration.exclude(BO.email, "enough", BY)
    assert (await harness.handle.result()).counts[State.EXCLUDED] == 1


async def _has_problem(harness: MigrationHarness, problem: str) -> bool:
    return (await harness.cohort().query(CohortWorkflow.cohort)).problem == problem


async def _is_quiet(workflow: WorkflowHandle[Any, Any]) -> bool:
    return not (await workflow.describe()).raw_description.HasField("pending_workflow_task")


async def test_large_messages_block_no_workflow(harness: MigrationHarness) -> None:
    """Messages of nearly 2 MB are read or ignored, larger ones rejected. Unencrypted, since encryption compresses."""
    clear = with_keys(harness.client, [])
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    for workflow in (clear.get_workflow_handle(one.id) for one in (harness.handle, harness.cohort())):
        for large in ({"email": NEARLY_2_MB}, NEARLY_2_MB, {"email": "nobody@example.com", "more": NEARLY_2_MB}):
            await workflow.signal("email_verified", large)
            # One at a time: several messages of this size exceed Temporal's limit for one workflow task.
            await eventually(partial(_is_quiet, workflow))
        with pytest.raises(RPCError, match="limit"):
            await workflow.signal("email_verified", {"email": 2 * NEARLY_2_MB})
    await harness.handle.signal("email_verified", {"email": BO.email})
    await _mailed(harness, BO.email, Purpose.AUTHENTICATION)
    for workflow in (harness.handle, harness.cohort()):
        assert (await workflow.describe()).status is WorkflowExecutionStatus.RUNNING
    assert not await health.failures(harness.client, harness.account)


async def test_malformed_messages_block_no_workflow(harness: MigrationHarness) -> None:
    """Null, missing and extra arguments to every handler are ignored or refused."""
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    handles: tuple[WorkflowHandle[Any, Any], ...] = (harness.handle, harness.cohort())
    for workflow in handles:
        metadata: WorkflowMetadata = await workflow.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        signals, updates = ([one.name for one in some] for some in _messages(metadata))
        assert "email_verified" in signals
        for misfit in MISFITS:
            for name in signals:
                # `close` takes no arguments, so it takes effect with any arguments.
                if name != "close":
                    await workflow.signal(name, args=misfit)
            for name in updates:
                with pytest.raises(WorkflowUpdateFailedError):
                    await workflow.execute_update(name, args=misfit)
    await harness.handle.signal("email_verified", {"email": BO.email})
    await _mailed(harness, BO.email, Purpose.AUTHENTICATION)
    assert not await health.failures(harness.client, harness.account)


async def test_invalid_deadlines_block_no_workflow(harness: MigrationHarness) -> None:
    """A deadline thousands of years ahead is refused, and so is one without a time zone, in a signal sent by hand."""
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    await harness.migration.set_deadline(datetime.max.replace(tzinfo=UTC), AtDeadline.KEEP_WAITING, BY)
    naive = {"deadline": "2099-01-01T00:00:00", "at_deadline": "keep_waiting"}
    await harness.cohort().signal("set_deadline", naive)
    await harness.handle.signal("email_verified", {"email": BO.email})
    await _mailed(harness, BO.email, Purpose.AUTHENTICATION)
    assert not await health.failures(harness.client, harness.account)


def _messages(metadata: WorkflowMetadata) -> tuple[Sequence[WorkflowInteractionDefinition], ...]:
    return metadata.definition.signal_definitions, metadata.definition.update_definitions


@AT_ONCE
async def test_fifty_concurrent_resends_send_one_mail(harness: MigrationHarness) -> None:
    """The other requests are refused by the cool-down; older links are invalid."""
    harness.world.opsgenie.add(BO)
    await harness.start(rules=UNASKED)
    await _mailed(harness, BO.email, Purpose.VERIFICATION)
    older = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
    await harness.until(BO.email, State.EMAIL_UNVERIFIED)
    await harness.skip(timedelta(seconds=31))
    answers = await asyncio.gather(
        *(harness.migration.resend(BO.email, by=BY) for _ in range(50)), return_exceptions=True
    )
    await _mailed(harness, BO.email, Purpose.VERIFICATION, times=2)
    assert {type(answer) for answer in answers} == {Resent, Refused}
    assert [mail.generation for mail in harness.world.mailer.sent(BO.email)] == [1, 2]
    view = await TemporalLinkClient(harness.client).view(older)
    assert view is not None
    assert view.state is LinkState.EXPIRED
