"""A migration is cancelled and undone while Atlassian fails; the emulator's tables show what remains."""

from dev.demo.mails import Mail, MailKind
from dev.demo.records import AtlassianAccount
from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.client.migration import Migration
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import Actor, State
from landbridge.domain.rules import Rules
from landbridge.domain.sites import NewSite
from tests.e2e.machine import Machine
from tests.faults.people import OWNER, account, sign_up
from tests.workflows.harness import eventually

BY = Actor(name="tester")
REMOVE = "^DELETE /admin/"
FAULTS = [
    {"match": REMOVE, "skip": 3, "status": 429, "headers": {"Retry-After": "0"}},
    {"match": REMOVE, "skip": 5, "afterCommit": True, "drop": True},
    {"match": REMOVE, "skip": 7, "status": 400},
]
NOT_REPORTED = "person3@example.com"


async def test_undo_removes_only_our_open_invitations(machine: Machine) -> None:
    """Members from before the migration stay, people who set up their accounts stay, and nobody is mailed."""
    cancelled = account("cancelled")
    since = await machine.load(cancelled)
    await machine.inject(*FAULTS)
    before = (await machine.services()).member_keys
    migration = Migration(machine.client, cancelled.name)
    request = MigrationRequest(
        opsgenie_account=cancelled.name,
        initiator=OWNER,
        new_site=NewSite(name="cancelled-site", first_name="Olga", last_name="Owner"),
        rules=Rules(),
    )
    await migrations.start(machine.client, request)

    async def everyone_was_mailed() -> bool:
        return (await migration.progress()).step == "6 verify"

    await eventually(everyone_was_mailed)
    for number in (1, 2):
        await sign_up(machine, f"person{number}@example.com")
    await migration.refresh(BY)

    async def two_more_are_connected() -> bool:
        found = [(await migration.person(f"person{number}@example.com")).person.state for number in (1, 2)]
        return found == [State.CONNECTED, State.CONNECTED]

    await eventually(two_more_are_connected)
    # No poll follows before the cancellation, so the migration does not know of this account.
    await sign_up(machine, NOT_REPORTED)

    def personal_mails() -> list[Mail]:
        return [mail for mail in machine.mails(since) if mail.kind is not MailKind.NOTICE]

    mails = personal_mails()
    await migration.cancel("The merger is off.", BY, undo=True)

    async def undone() -> bool:
        undo = await migration.undo()
        return undo is not None and undo.over

    await eventually(undone)
    services = await machine.services()
    members = services.member_keys
    lines = {line.email: line for line in (await migration.report()).people}
    verified = {one.key for one in services.accounts if one.email_verified}
    failed = {who for who, line in lines.items() if line.undone == "failed"}
    assert len(failed) == 1
    assert members == before | verified | failed
    assert {"person1@example.com", "person2@example.com", NOT_REPORTED} <= members
    assert "half-outside@example.com" not in members
    existing = {one.key for one in cancelled.people if one.atlassian is not AtlassianAccount.NONE}
    assert existing <= {one.key for one in services.accounts}

    assert lines[NOT_REPORTED].undone == "kept"
    for who in members - failed - {NOT_REPORTED}:
        assert lines[who].undone == "", who
    left_behind = {who for who, line in lines.items() if line.state is State.LEFT_BEHIND}
    needing_admin = {one.key for one in cancelled.people if one.needs_admin}
    assert {who for who, line in lines.items() if line.undone == "revoked"} == left_behind - members - needing_admin
    assert (await migration.status()).run_state is RunState.CANCELED
    assert not await machine.pending_faults()
    assert personal_mails() == mails
