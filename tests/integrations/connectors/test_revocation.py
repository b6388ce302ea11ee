"""Invitations are taken back from the organization; nobody who is verified, and nobody else, is touched."""

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
    """Invite this many people; return their accounts."""
    accounts: list[str] = []
    questions = [AccountQuestion(person=n, email=f"person{n}@example.com") for n in range(count)]
    async for outcomes in directory.ensure(questions):
        accounts += [outcome.account_id for outcome in outcomes]
    return accounts


def members(control: Control) -> set[str]:
    """Return whose accounts are in the organization."""
    return {member["account_id"] for member in control.state()["members"]}


async def test_only_the_unverified_of_those_named_are_removed(control: Control, directory: AtlassianDirectory) -> None:
    """Whoever has set up the account stays; so does everyone who is not named. The accounts themselves stay too."""
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


async def test_a_repeat_changes_nothing(control: Control, directory: AtlassianDirectory) -> None:
    """After trouble in the middle, who was removed counts as removed; whoever was told stays told."""
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


async def test_a_key_without_the_right_is_told(control: Control, directory: AtlassianDirectory) -> None:
    """With what to do about it."""
    ours = await invited(directory, 1)
    control.order(REMOVE, status=403)
    with pytest.raises(ServiceRejected, match="403"):
        await collect(directory.revoke(ours), lambda _: None)
    assert members(control) == set(ours)


async def test_what_atlassian_does_not_understand_is_that_persons_outcome(
    control: Control, directory: AtlassianDirectory
) -> None:
    """It stops nobody else."""
    ours = await invited(directory, 2)
    control.order(REMOVE, status=400)
    outcomes: list[Revocation] = []
    await collect(directory.revoke(ours), outcomes.append)
    assert sorted(one.outcome for one in outcomes) == [Undone.FAILED, Undone.REVOKED]
