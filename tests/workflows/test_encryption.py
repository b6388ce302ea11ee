"""Migrations with encrypted payloads, from the start or turned on later."""

from collections.abc import Iterator

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from dev.demo.records import SamplePerson
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.links import Purpose
from landbridge.domain.messages import PersonFact
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.platform.exits import KeyMissing
from landbridge.platform.temporal.encryption import PayloadEncryption, key_id, payloads_in
from tests.e2e import privacy
from tests.histories import health
from tests.workflows.harness import (
    OWNER_EMAIL,
    MigrationHarness,
    end_all,
    eventually,
    prepared,
    running_harness,
    served,
    with_keys,
)

OLD, NEW = "an-old-key-of-at-least-thirty-two-characters", "a-new-key-of-at-least-thirty-two-characters"
BY = Actor(name=OWNER_EMAIL)
BO, CY = RosterPerson(email="bo@example.com", name="Bo Bohr"), RosterPerson(email="cy@example.com", email_verified=True)


def account(client: Client, name: str) -> MigrationHarness:
    """Return an account of three people, whose migration is not started."""
    harness = MigrationHarness(client, name)
    prepared(harness.world)
    harness.world.opsgenie.add(BO, CY)
    return harness


async def begin(harness: MigrationHarness) -> None:
    """Start the migration, and wait until Bo has received a mail."""
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(BO.email))


def payloads(histories: list[WorkflowHistory]) -> Iterator[Payload]:
    """Yield all payloads in the histories."""
    return (payload for history in histories for event in history.events for payload in payloads_in(event))


async def finish(harness: MigrationHarness) -> None:
    """Have an admin report the last two people as authenticated."""
    for person in (BO, CY):
        await harness.cohort().signal("account_authenticated", PersonFact(email=person.email, by=BY))
    assert (await harness.handle.result()).counts[State.CONNECTED] == 3


async def test_everything_that_temporal_keeps_is_encrypted(client: Client) -> None:
    """Arguments, results, signals, updates, memos, summaries, details and failures contain no plain text."""
    async with running_harness(with_keys(client, [OLD])) as harness:
        harness.world.opsgenie.add(BO, CY)
        await begin(harness)
        await harness.migration.pause(f"Ask {OWNER_EMAIL}.", BY)
        await harness.migration.resume(BY, f"Ask {OWNER_EMAIL}.")
        with pytest.raises(Exception, match="already belongs to another person"):
            await harness.migration.correct_email(BO.email, CY.email, BY)
        await finish(harness)
        histories = await health.of_account(harness.client, harness.account)
        described = await harness.handle.describe()
        shown = list(payloads_in(described.raw_description))
        assert shown
        kept = [*payloads(histories), *shown]
        assert {key_id(payload) for payload in kept} == set(PayloadEncryption([OLD]).key_ids)
        rendered = "\n".join(str(event) for history in histories for event in history.events) + str(described)
        for word in (BO.email, BO.name, CY.email, OWNER_EMAIL, "Olga"):
            assert word not in rendered
        assert any(event.user_metadata.summary.data for history in histories for event in history.events)
        assert not await health.failures(harness.client, harness.account)


async def test_failures_show_only_their_type(client: Client) -> None:
    """The failure of a migration has a readable type in history; its message is encrypted."""
    async with running_harness(with_keys(client, [OLD])) as harness:
        await harness.start(initiator="stranger@example.com")
        await eventually(lambda: _failed(harness))
        assert "Only an owner or admin" in (await harness.migration.status()).failure
        (history,) = await health.of_account(harness.client, harness.account)
        failure = history.events[-1].workflow_execution_failed_event_attributes.failure
        assert (failure.message, failure.application_failure_info.type) == ("Encoded failure", "Refused")


async def _failed(harness: MigrationHarness) -> bool:
    return (await harness.migration.status()).failure != ""


@pytest.mark.parametrize("keys", [[OLD], []], ids=["encrypted", "clear"])
async def test_status_shows_which_service_is_unavailable(client: Client, keys: list[str]) -> None:
    """The failure of a pending activity, as Temporal describes it, is decrypted."""
    async with running_harness(with_keys(client, keys)) as harness:
        harness.world.opsgenie.add(BO)
        harness.world.mailer.problem = ServiceUnavailable("The mail server does not answer.")
        await harness.start()
        await eventually(lambda: harness.status_shows("The mail server does not answer."))
        assert (await harness.migration.status()).problems == ["The mail server does not answer."]


async def test_encryption_can_be_turned_on_while_migrations_run(client: Client) -> None:
    """With a setting, workers still read unencrypted payloads; new payloads are encrypted, and replay works.

    Without the setting the migration waits, its failed tasks name the setting, and nothing is lost. With and without
    encryption, Temporal's list of workflows contains no personal data.
    """
    clear = with_keys(client, [])
    harness = account(clear, "in-clear")
    async with served(clear, harness.world):
        await begin(harness)
    assert {key_id(payload) for payload in payloads(await health.of_account(clear, harness.account))} == {None}
    assert not await privacy.in_listings(
        clear, [SamplePerson(BO.email, BO.name), SamplePerson(OWNER_EMAIL, "Olga Owner")]
    )
    async with served(with_keys(client, [OLD]), harness.world):
        await harness.cohort().signal("email_verified", PersonFact(email="nobody@example.com"))
        await eventually(lambda: _tasks_failed(harness))
    harness.client = with_keys(client, [OLD], accept_clear=True)
    async with served(harness.client, harness.world):
        await finish(harness)
        mixed = {key_id(payload) for payload in payloads(await health.of_account(client, harness.account))}
        assert mixed == {None, *PayloadEncryption([OLD]).key_ids}
        problems_found = await health.failures(harness.client, harness.account)
        assert all("LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR" in one for one in problems_found), problems_found


async def test_a_missing_key_delays_a_migration_and_does_not_fail_it(client: Client) -> None:
    """Its workflow tasks are retried until a worker has the key; a client without the key gets the setting's name."""
    harness = account(with_keys(client, [OLD]), "keyless")
    world, rotated = harness.world, MigrationHarness(with_keys(client, [NEW, OLD]), harness.account, harness.world)
    async with served(harness.client, world):
        await begin(harness)
        with pytest.raises(KeyMissing, match="LANDBRIDGE_ENCRYPTION_KEYS"):
            await MigrationHarness(client, harness.account).migration.progress()
    await harness.cohort().signal("email_verified", PersonFact(email=BO.email, by=BY))
    async with served(with_keys(client, [NEW]), world):
        await eventually(lambda: _tasks_failed(harness))
    async with served(rotated.client, world):
        await eventually(lambda: world.mailer.sent(BO.email, Purpose.AUTHENTICATION))
        await finish(rotated)
        names = {key_id(payload) for payload in payloads(await health.of_account(rotated.client, harness.account))}
        assert names == set(PayloadEncryption([OLD, NEW]).key_ids)
        await end_all(client)


async def _tasks_failed(harness: MigrationHarness) -> bool:
    events = [event.event_type async for event in harness.cohort().fetch_history_events()]
    return EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in events
