"""Rosters of another kind than usual, and rosters that change under a running migration."""

from datetime import timedelta

from landbridge.domain.links import Purpose
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually

BY = Actor(name=OWNER_EMAIL)
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM)
NAMES = ("ann", "bo", "cy")


def people(*, verified: bool) -> list[RosterPerson]:
    """Return three people."""
    return [RosterPerson(email=f"{name}@example.com", email_verified=verified) for name in NAMES]


async def _complete(harness: MigrationHarness) -> None:
    for person in harness.world.opsgenie.people_listed:
        harness.world.atlassian.account(person.email, verified=True)
    await harness.migration.refresh(BY)
    await harness.handle.result()


async def test_a_verified_roster_gets_no_verification_email(harness: MigrationHarness) -> None:
    """Only authentication emails are sent, and the migration completes."""
    harness.world.opsgenie.add(*people(verified=True))
    await harness.start(rules=UNASKED)
    await eventually(lambda: len(harness.world.mailer.mails) == len(NAMES))
    assert {mail.purpose for _, mail in harness.world.mailer.mails} == {Purpose.AUTHENTICATION}
    await _complete(harness)


async def test_an_unverified_roster_gets_verification_emails_first(harness: MigrationHarness) -> None:
    """No authentication email is sent before verification, and the migration completes."""
    harness.world.opsgenie.add(*people(verified=False))
    await harness.start(rules=UNASKED)
    await eventually(lambda: len(harness.world.mailer.mails) == len(NAMES))
    assert {mail.purpose for _, mail in harness.world.mailer.mails} == {Purpose.VERIFICATION}
    for name in NAMES:
        await harness.handle.signal("email_verified", {"email": f"{name}@example.com"})
    await eventually(lambda: len(harness.world.mailer.mails) == 2 * len(NAMES))
    await _complete(harness)


async def test_a_roster_of_one_owner_completes(harness: MigrationHarness) -> None:
    """There is nobody to wait for."""
    await harness.start(rules=UNASKED)
    assert (await harness.handle.result()).counts[State.CONNECTED] == 1
    assert not harness.world.mailer.mails


async def test_renamed_or_deleted_people_keep_a_state(harness: MigrationHarness) -> None:
    """A new address is a new person; a person who is no longer on the roster waits until an admin excludes them."""
    harness.world.opsgenie.add(*people(verified=True))
    await harness.start(rules=UNASKED)
    await eventually(lambda: len(harness.world.mailer.mails) == len(NAMES))
    ann, bo, *others = people(verified=True)
    owner = harness.world.opsgenie.people_listed[0]
    harness.world.opsgenie.people_listed = [owner, ann.model_copy(update={"email": "ann.new@example.com"}), *others]
    await harness.migration.refresh(BY)
    await harness.until("ann.new@example.com", State.AUTHENTICATING)
    for gone in (ann.email, bo.email):
        assert (await harness.person(gone)).state is State.AUTHENTICATING
        await harness.migration.exclude(gone, "left", BY)
    for email in ("ann.new@example.com", "cy@example.com"):
        harness.world.atlassian.account(email, verified=True)
    await harness.migration.refresh(BY)
    counts = (await harness.handle.result()).counts
    assert (counts[State.EXCLUDED], counts[State.CONNECTED], counts.total) == (2, 3, 5)
