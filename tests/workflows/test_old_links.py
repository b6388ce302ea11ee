"""Links of an earlier migration of the same account."""

from datetime import timedelta

import pytest

from landbridge.client import migrations
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually

BY = Actor(name=OWNER_EMAIL)
BO, CY = RosterPerson(email="bo@example.com"), RosterPerson(email="cy@example.com")


@pytest.mark.parametrize("purpose", Purpose)
async def test_a_link_of_an_earlier_migration_shows_and_changes_nothing(
    harness: MigrationHarness, purpose: Purpose
) -> None:
    """The same number in the same cohort may be another person now."""
    verified = purpose is Purpose.AUTHENTICATION
    bo, cy = (one.model_copy(update={"email_verified": verified}) for one in (BO, CY))
    harness.world.opsgenie.add(bo)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(bo.email))
    old = harness.world.mailer.link(bo.email, purpose)
    await harness.migration.exclude(bo.email, "left", BY)
    await harness.handle.result()
    harness.world.opsgenie.people_listed[-1] = cy
    await migrations.start(harness.client, harness.request(), again=True)
    await eventually(lambda: harness.world.mailer.sent(cy.email))
    new = harness.world.mailer.link(cy.email, purpose)
    assert (new.cohort_id, new.person, new.generation) == (old.cohort_id, old.person, old.generation)
    state = State.AUTHENTICATING if verified else State.EMAIL_UNVERIFIED
    await harness.until(cy.email, state)
    link_client = TemporalLinkClient(harness.client)
    view = await link_client.view(old)
    assert view is not None
    assert (view.state, view.email) == (LinkState.CLOSED, "")
    before = await harness.person(cy.email)
    await link_client.follow(old)
    await link_client.request_new_link(old)
    assert await harness.person(cy.email) == before
    await link_client.follow(new)
    await eventually(lambda: _changed(harness, cy.email, before.timeline))


async def test_a_link_to_a_former_address_cannot_invalidate_new_links(harness: MigrationHarness) -> None:
    """Each requested mail invalidates earlier links, so a former address must not request mail."""
    harness.world.opsgenie.add(BO)
    await harness.start(rules=Rules(resend_cooldown=timedelta(0)))
    await eventually(lambda: harness.world.mailer.sent(BO.email))
    await harness.until(BO.email, State.EMAIL_UNVERIFIED)
    old = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
    await harness.migration.correct_email(BO.email, CY.email, BY)
    await eventually(lambda: harness.world.mailer.sent(CY.email))
    new, link_client = harness.world.mailer.link(CY.email, Purpose.VERIFICATION), TemporalLinkClient(harness.client)
    await eventually(lambda: _mails_counted(harness, CY.email, 2))
    await link_client.request_new_link(old)
    view = await link_client.view(new)
    assert view is not None
    assert view.state is LinkState.OPEN
    await link_client.request_new_link(new)
    await eventually(lambda: len(harness.world.mailer.sent(CY.email)) == 2)


async def _mails_counted(harness: MigrationHarness, email: str, number: int) -> bool:
    return (await harness.person(email)).mails == number


async def _changed(harness: MigrationHarness, email: str, before: object) -> bool:
    return (await harness.person(email)).timeline != before
