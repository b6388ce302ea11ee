"""A migration is cancelled and undone amid the work and the services' trouble; their own tables say what is left."""

from typing import Any

from temporalio.client import Client

from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.client.migration import Migration
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import Actor, State
from landbridge.domain.rules import Rules
from landbridge.domain.sites import NewSite
from tests.faults.world import OWNER, World, people
from tests.workflows.harness import eventually

BY = Actor(name="tester")
REMOVE = "^DELETE /admin/"
TROUBLE = [
    {"match": REMOVE, "skip": 3, "status": 429, "headers": {"Retry-After": "0"}},
    {"match": REMOVE, "skip": 5, "afterCommit": True, "drop": True},
    {"match": REMOVE, "skip": 7, "status": 400},
]


def members(state: dict[str, Any]) -> set[str]:
    """Return the addresses in the organization."""
    ids = {member["account_id"] for member in state["members"]}
    return {account["email"] for account in state["accounts"] if account["id"] in ids}


async def test_only_open_invitations_of_ours_are_gone(client: Client, world: World) -> None:
    """Whoever was there before stays; whoever set up the account stays, also after the last look; no mail follows."""
    await world.move_in("cancelled", TROUBLE)
    before = members(await world.state())
    migration = Migration(client, world.account)
    request = MigrationRequest(
        opsgenie_account=world.account,
        initiator=OWNER,
        new_site=NewSite(name="cancelled-site", first_name="Olga", last_name="Owner"),
        rules=Rules(),
    )
    await migrations.start(client, request)

    async def everyone_is_looked_after() -> bool:
        return (await migration.progress()).step == "6 verify"

    await eventually(everyone_is_looked_after)
    for number in (1, 2):
        await world.sign_up(f"person{number}@example.com")
    await migration.refresh(BY)

    async def two_more_are_connected() -> bool:
        found = [(await migration.person(f"person{number}@example.com")).person.state for number in (1, 2)]
        return found == [State.CONNECTED, State.CONNECTED]

    await eventually(two_more_are_connected)
    # Nobody has asked Atlassian since, so for the migration this one has not made it.
    await world.sign_up("person3@example.com")
    mails = world.mails()
    await migration.cancel("The merger is off.", BY, undo=True)

    async def undone() -> bool:
        undo = await migration.undo()
        return undo is not None and undo.over

    await eventually(undone)
    state = await world.state()
    verified = {account["email"] for account in state["accounts"] if account["email_verified"]}
    failed = {line.email for line in (await migration.report()).people if line.undone == "failed"}
    assert len(failed) == 1
    assert members(state) == before | verified | failed
    assert {f"person{number}@example.com" for number in (1, 2, 3)} <= members(state)
    assert "half-outside@example.com" not in members(state)
    assert {one.email for one in people() if one.account} <= {account["email"] for account in state["accounts"]}

    lines = {line.email: line for line in (await migration.report()).people}
    assert lines["person3@example.com"].undone == "kept"
    for who in members(state) - failed - {"person3@example.com"}:
        assert lines[who].undone == "", who
    revoked = {who for who, line in lines.items() if line.undone == "revoked"}
    assert revoked == {line.email for line in lines.values() if line.state is State.LEFT_BEHIND} - members(state) - {
        one.email for one in people() if one.needs_admin
    }
    status = await migration.status()
    assert status.run_state is RunState.CANCELED
    assert not await world.to_come()
    # The notice went out last, and nothing before it that was not under way.
    assert world.mails() == mails
