"""Who may send requests to a migration, and what the audit records of them."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from landbridge.client import migrations
from landbridge.client.migration import Migration
from landbridge.domain.audit import Act, AuditEntry
from landbridge.domain.errors import Refused
from landbridge.domain.messages import PersonFact, Resend
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import ADMIN, RosterPerson
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite
from tests.histories import health
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually, running_harness, server_for
from workflows.cohort import CohortWorkflow

OPERATOR = Actor(name="ops")
OWNER = Actor(source=Source.ADMIN, name=OWNER_EMAIL.upper())
ADA = Actor(source=Source.ADMIN, name="ada@example.com")
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM, resend_cooldown=timedelta(0))
PEOPLE = [RosterPerson(email=f"p{n}@example.com", email_verified=bool(n % 2)) for n in range(8)]
SOON = datetime.now(UTC) + timedelta(days=9)


@pytest.fixture(scope="module")
async def cutting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that suggests to continue as new after forty events."""
    async with server_for(tmp_path_factory.mktemp("cutting"), limit__historyCount__suggestContinueAsNew="40") as client:
        yield client


async def everyone_is_mailed(harness: MigrationHarness, **request: object) -> None:
    """Start, and wait until everyone has received the first mail."""
    harness.world.opsgenie.add(*PEOPLE)
    await harness.start(**{"rules": UNASKED, "by": OWNER, **request})
    await eventually(lambda: len(harness.world.mailer.mails) >= len(PEOPLE))
    await eventually(lambda: _in_step_6(harness))


async def _in_step_6(harness: MigrationHarness) -> bool:
    return (await harness.migration.progress()).step == "6 verify"


async def acts(harness: MigrationHarness) -> list[AuditEntry]:
    """Return the audit entries, oldest first."""
    return list(reversed((await harness.migration.audit()).entries))


async def test_the_workers_log_records_acts_without_names(
    harness: MigrationHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is a record outside Temporal: each action of every channel once, also those about people and the undo."""
    caplog.set_level(logging.INFO)
    await everyone_is_mailed(harness)
    await harness.migration.pause("Freeze.", OPERATOR)
    await harness.migration.resume(OWNER, "Freeze.")
    await harness.migration.exclude(PEOPLE[0].email, "Left.", by=Actor(name="olga", claimed=Source.ADMIN))
    await harness.migration.cancel("Off.", OWNER, undo=True)
    await eventually(lambda: _undone(harness))
    records = [vars(record) for record in caplog.records if record.message.startswith("act_recorded")]
    assert Counter((one["act"], one["source"]) for one in records) == {
        ("start", "admin"): 1,
        ("pause", "operator"): 1,
        ("resume", "admin"): 1,
        ("exclude", "operator"): 1,
        ("cancel", "admin"): 1,
        ("undo", "admin"): 1,
    }
    assert "olga" not in str([(record.getMessage(), vars(record)) for record in caplog.records]).casefold()


async def _undone(harness: MigrationHarness) -> bool:
    progress = await harness.migration.undo()
    return progress is not None and progress.over


async def test_every_request_is_recorded_once_with_its_sender(harness: MigrationHarness) -> None:
    """The audit contains requests to the migration and requests about its people, newest first."""
    began = datetime.now(UTC) - timedelta(seconds=1)
    harness.world.opsgenie.add(*PEOPLE)
    harness.world.atlassian.by_hand = True
    harness.world.atlassian.taken.add("taken")
    await harness.start(site="", rules=UNASKED, by=OWNER)
    migration = harness.migration
    await eventually(lambda: harness.waits_for("Choose a site"))
    with pytest.raises(Refused, match="taken"):
        await migration.name_site(NewSite(name="taken", first_name="O", last_name="O"), OPERATOR)
    assert (await migration.name_site(NewSite(name="fresh", first_name="O", last_name="O"), OWNER)).task
    await migration.choose_site("acme", OPERATOR, task="create-site:fresh")
    await eventually(lambda: harness.waits_for("Connect the Opsgenie account"))
    await migration.confirm("connect-site:acme", OWNER)
    await eventually(lambda: len(harness.world.mailer.mails) == len(PEOPLE))
    await migration.pause("Freeze.", OPERATOR)
    await migration.resume(OWNER, "Freeze.")
    await migration.refresh(OWNER)
    await migration.set_deadline(SOON, AtDeadline.COMPLETE_PARTIAL, OPERATOR)
    await harness.until(PEOPLE[1].email, State.AUTHENTICATING)
    await migration.resend(PEOPLE[1].email, by=OWNER)
    await migration.resend_all(State.EMAIL_UNVERIFIED, OPERATOR)
    await migration.exclude(PEOPLE[3].email, "left", OWNER)
    await migration.correct_email(PEOPLE[5].email, "new@example.com", OPERATOR)
    await migration.verify(PEOPLE[0].email, OWNER)
    await harness.until(PEOPLE[0].email, State.AUTHENTICATING)
    await migration.authenticate(PEOPLE[0].email, OPERATOR)
    await harness.until(PEOPLE[0].email, State.CONNECTED)
    found = await acts(harness)
    assert [(entry.act, entry.by, entry.about, entry.detail, entry.people) for entry in found] == [
        (Act.START, OWNER, OWNER_EMAIL, "", 0),
        (Act.NAME_SITE, OWNER, "fresh", "Create the site fresh.", 0),
        (Act.CHOOSE_SITE, OPERATOR, "acme", "", 0),
        (Act.CONFIRM, OWNER, "Connect the Opsgenie account in its settings.", "", 0),
        (Act.PAUSE, OPERATOR, "", "Freeze.", 0),
        (Act.RESUME, OWNER, "", "", 0),
        (Act.REFRESH, OWNER, "", "", 0),
        (Act.SET_DEADLINE, OPERATOR, SOON.isoformat(timespec="seconds"), "complete_partial", 0),
        (Act.RESEND, OWNER, PEOPLE[1].email, "", 0),
        (Act.RESEND, OPERATOR, "email_unverified", "", 4),
        (Act.EXCLUDE, OWNER, PEOPLE[3].email, "left", 0),
        (Act.CORRECT_EMAIL, OPERATOR, PEOPLE[5].email, "new@example.com", 0),
        (Act.VERIFY, OWNER, PEOPLE[0].email, "", 0),
        (Act.AUTHENTICATE, OPERATOR, PEOPLE[0].email, "", 0),
    ]
    assert all(began <= entry.at <= datetime.now(UTC) + timedelta(seconds=1) for entry in found)


async def test_continue_as_new_carries_the_audit(cutting: Client) -> None:
    """Each entry is kept once, in order and unchanged, also after the end of the migration."""
    async with running_harness(cutting) as harness:
        await everyone_is_mailed(harness)
        await harness.migration.exclude(PEOPLE[1].email, "left", OWNER)
        await harness.migration.resend(PEOPLE[3].email, by=OPERATOR)
        before, runs = await acts(harness), await _runs(harness)

        async def cut() -> bool:
            await harness.cohort().signal("email_verified", PersonFact(email="nobody@example.com"))
            return await _runs(harness) > runs + 1

        await eventually(cut)
        assert await acts(harness) == before
        # The next run must also know who is an owner.
        await harness.migration.exclude(PEOPLE[3].email, "left too", OWNER)
        for person in PEOPLE:
            harness.world.atlassian.account(person.email, verified=True)
        await harness.migration.refresh(OPERATOR)
        await harness.handle.result()
        assert [entry.act for entry in await acts(harness)] == [
            *(entry.act for entry in before),
            Act.EXCLUDE,
            Act.REFRESH,
        ]
        assert not await health.failures(cutting, harness.account)


async def _runs(harness: MigrationHarness) -> int:
    query = f"WorkflowId = '{harness.cohort().id}'"
    return len([execution async for execution in harness.client.list_workflows(query)])


REQUESTS: dict[str, Callable[[Migration, Actor], Awaitable[object]]] = {
    "pause": lambda migration, by: migration.pause("x", by),
    "resume": lambda migration, by: migration.resume(by),
    "refresh": lambda migration, by: migration.refresh(by),
    "confirm": lambda migration, by: migration.confirm("create-site:new", by),
    "choose_site": lambda migration, by: migration.choose_site("acme", by),
    "name_site": lambda migration, by: migration.name_site(NewSite(name="new", first_name="N", last_name="N"), by),
    "set_deadline": lambda migration, by: migration.set_deadline(SOON, AtDeadline.KEEP_WAITING, by),
    "cancel": lambda migration, by: migration.cancel("x", by),
    "resend": lambda migration, by: migration.resend(PEOPLE[1].email, by=by),
    "resend_all": lambda migration, by: migration.resend_all(State.AUTHENTICATING, by),
    "exclude": lambda migration, by: migration.exclude(PEOPLE[1].email, "x", by),
    "correct_email": lambda migration, by: migration.correct_email(PEOPLE[1].email, "x@example.com", by),
}


async def test_earlier_migrations_stay_in_the_audit(harness: MigrationHarness) -> None:
    """The audit contains requests of earlier migrations of the account, and requests about their people."""
    await everyone_is_mailed(harness)
    await harness.migration.pause("a look", OWNER)
    await harness.migration.exclude(PEOPLE[0].email, "left", OWNER)
    await harness.migration.cancel("another try", OWNER)
    await eventually(harness.handle.result)
    await migrations.start(harness.client, harness.request(rules=UNASKED, by=OPERATOR), again=True)
    await eventually(lambda: _in_step_6(harness))
    await harness.migration.resume(OPERATOR)

    async def all_listed() -> bool:
        # Temporal's visibility lists lag behind.
        return [(act.act, act.by.name) for act in await acts(harness)] == [
            (Act.START, OWNER_EMAIL.upper()),
            (Act.PAUSE, OWNER_EMAIL.upper()),
            (Act.EXCLUDE, OWNER_EMAIL.upper()),
            (Act.CANCEL, OWNER_EMAIL.upper()),
            (Act.START, "ops"),
            (Act.RESUME, "ops"),
        ]

    await eventually(all_listed)


async def test_refused_requests_leave_no_trace(harness: MigrationHarness) -> None:
    """Strangers, users, and senders that claim to be a service or a link: no event, no audit entry, no mail."""
    await everyone_is_mailed(harness)
    mails, events = len(harness.world.mailer.mails), await _events(harness)
    for ask in REQUESTS.values():
        with pytest.raises(Refused, match="Only an owner or admin"):
            await ask(harness.migration, Actor(source=Source.ADMIN, name=PEOPLE[1].email))
        for source in (Source.LINK, Source.ATLASSIAN, Source.OPSGENIE, Source.SYSTEM):
            with pytest.raises(Refused, match="must name who makes it"):
                await ask(harness.migration, Actor(source=source, name=OWNER_EMAIL))
    with pytest.raises(WorkflowUpdateFailedError):
        await harness.cohort().execute_update(
            CohortWorkflow.resend, Resend(email=PEOPLE[1].email, by=Actor(source=Source.LINK))
        )
    assert [entry.act for entry in await acts(harness)] == [Act.START]
    assert len(harness.world.mailer.mails) == mails
    assert await _events(harness) == events


async def _events(harness: MigrationHarness) -> list[str]:
    """Return the names of the accepted updates of the migration and the cohort."""
    histories = [await handle.fetch_history() for handle in (harness.handle, harness.cohort())]
    return [
        event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name
        for history in histories
        for event in history.events
        if event.HasField("workflow_execution_update_accepted_event_attributes")
        and event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name != "assign_people"
    ]


async def test_an_admin_of_another_account_cannot_start_a_migration(harness: MigrationHarness) -> None:
    """The migration fails, although the request names a valid initiator."""
    await harness.start(by=Actor(source=Source.ADMIN, name="stranger@example.com"))
    await eventually(lambda: _failed(harness))
    assert "Only an owner or admin" in (await harness.migration.status()).failure


async def _failed(harness: MigrationHarness) -> bool:
    return (await harness.migration.status()).run_state == "failed"


async def test_the_newest_roster_decides_who_is_an_admin(harness: MigrationHarness) -> None:
    """New admins may send requests, former admins may not, once the roster was read again."""
    await everyone_is_mailed(harness)
    with pytest.raises(Refused):
        await harness.migration.exclude(PEOPLE[1].email, "left", ADA)
    harness.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN, email_verified=True))
    await harness.migration.refresh(OWNER)
    await eventually(lambda: _may(harness, ADA))
    await harness.migration.exclude(PEOPLE[1].email, "left", ADA)
    harness.world.opsgenie.people_listed = [
        person.model_copy(update={"role": "user"}) if person.email == OWNER_EMAIL else person
        for person in harness.world.opsgenie.people_listed
    ]
    await harness.migration.refresh(ADA)
    await eventually(lambda: _may_not(harness, OWNER))
    with pytest.raises(Refused):
        await harness.migration.pause("x", OWNER)


async def _may(harness: MigrationHarness, by: Actor) -> bool:
    """Whether the actor may send requests; the request is about an unknown address, so nothing changes."""
    try:
        await harness.migration.exclude("nobody@example.com", "x", by)
    except Refused:
        return False
    except Exception as error:  # noqa: BLE001 - nobody of that address, so the actor was let in
        return "Nobody" in str(error)
    return False


async def _may_not(harness: MigrationHarness, by: Actor) -> bool:
    return not await _may(harness, by)


async def test_a_signal_by_hand_is_recorded_as_an_operators(harness: MigrationHarness) -> None:
    """The entry shows the source that the signal claims; a signal that claims to be from a stranger is ignored."""
    await everyone_is_mailed(harness)
    await harness.handle.signal("email_verified", {"email": PEOPLE[0].email})
    # Temporal does not guarantee the order of signals that the migration forwards to cohorts.
    await harness.until(PEOPLE[0].email, State.AUTHENTICATING)
    await harness.handle.signal("email_verified", {"email": PEOPLE[0].email, "by": {"name": "too late"}})
    await harness.handle.signal("email_verified", {"email": PEOPLE[2].email, "by": {"source": "atlassian"}})
    stranger = {"source": "admin", "name": PEOPLE[4].email}
    await harness.handle.signal("email_verified", {"email": PEOPLE[4].email, "by": stranger})
    await harness.handle.signal(
        "email_verified", {"email": PEOPLE[6].email, "by": {"source": "admin", "name": OWNER_EMAIL}}
    )
    await harness.until(PEOPLE[6].email, State.AUTHENTICATING)
    found = {entry.about: entry.by for entry in await acts(harness) if entry.act is Act.VERIFY}
    assert found == {
        PEOPLE[0].email: Actor(),
        PEOPLE[2].email: Actor(claimed=Source.ATLASSIAN),
        PEOPLE[6].email: Actor(name=OWNER_EMAIL, claimed=Source.ADMIN),
    }
    assert (await harness.person(PEOPLE[4].email)).state is State.EMAIL_UNVERIFIED
