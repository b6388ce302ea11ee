"""Revoking invitations. Verified accounts and accounts that are not named are kept."""

from collections.abc import AsyncIterator

import pytest

from landbridge.domain.activity_io import AccountQuestion, Revocation, Undone
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from tests.emulator.running import ORGANIZATION, ORGANIZATION_KEY, Control
from tests.streams import collect

REMOVE = "^DELETE /admin/"


@pytest.fixture
async def directory(service: str) -> AsyncIterator[AtlassianDirectory]:
    """Connect to the emulated organization."""
    async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION) as directory:
        yield directory


async def invited(directory: AtlassianDirectory, count: int) -> list[str]:
    """Invite this many people; return the ids of their accounts."""
    accounts: list[str] = []
    questions = [AccountQuestion(person=n, email=f"person{n}@example.com") for n in range(count)]
    async for outcomes in directory.ensure(questions):
        accounts += [outcome.account_id for outcome in outcomes]
    return accounts


def members(control: Control) -> set[str]:
    """Return the ids of the accounts in the organization."""
    return {member["account_id"] for member in control.state()["members"]}


async def test_only_named_unverified_accounts_are_removed(control: Control, directory: AtlassianDirectory) -> None:
    """They are removed from the organization. The accounts themselves still exist."""
    control.load(accounts=[{"email": "before@example.com"}, {"email": "verified@example.com", "emailVerified": True}])
    before = {account["email"]: account["id"] for account in control.state()["accounts"]}
    ours = await invited(directory, 23)
    outcomes: list[Revocation] = []
    await collect(directory.revoke([*ours, before["verified@example.com"], "712020:nobody"]), outcomes.append)
    assert {one.account_id: one.outcome for one in outcomes} == {
        **dict.fromkeys(ours, Undone.REVOKED),
        before["verified@example.com"]: Undone.KEPT,
        "712020:nobody": Undone.REVOKED,
    }
    assert members(control) == set(before.values())
    assert len(control.state()["accounts"]) == 25


async def test_a_retry_changes_nothing(control: Control, directory: AtlassianDirectory) -> None:
    """Outcomes before an error are yielded. In the retry, accounts that are already removed count as removed."""
    ours = await invited(directory, 4)
    outcomes: list[Revocation] = []
    control.order(REMOVE, skip=2, status=503)
    with pytest.raises(ServiceUnavailable):
        await collect(directory.revoke(ours), outcomes.append)
    assert len(outcomes) == 2
    assert len(members(control)) == 2
    await collect(directory.revoke(ours), outcomes.append)
    assert {one.outcome for one in outcomes} == {Undone.REVOKED}
    assert not members(control)


async def test_a_key_without_permission_pauses(control: Control, directory: AtlassianDirectory) -> None:
    """The message says how to fix it."""
    ours = await invited(directory, 1)
    control.order(REMOVE, status=403)
    with pytest.raises(ServiceRejected, match="403"):
        await collect(directory.revoke(ours), lambda _: None)
    assert members(control) == set(ours)


async def test_a_malformed_request_affects_one_person(control: Control, directory: AtlassianDirectory) -> None:
    """The other accounts are removed."""
    ours = await invited(directory, 2)
    control.order(REMOVE, status=400)
    outcomes: list[Revocation] = []
    await collect(directory.revoke(ours), outcomes.append)
    assert sorted(one.outcome for one in outcomes) == [Undone.FAILED, Undone.REVOKED]
