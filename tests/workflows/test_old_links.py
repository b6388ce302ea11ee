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
    bench: MigrationHarness, purpose: Purpose
) -> None:
    """The same number in the same cohort may be another person now."""
    verified = purpose is Purpose.AUTHENTICATION
    bo, cy = (one.model_copy(update={"email_verified": verified}) for one in (BO, CY))
    bench.world.opsgenie.add(bo)
    await bench.start()
    await eventually(lambda: bench.world.post.sent(bo.email))
    old = bench.world.post.link(bo.email, purpose)
    await bench.migration.exclude(bo.email, "left", BY)
    await bench.handle.result()
    bench.world.opsgenie.people_listed[-1] = cy
    await migrations.start(bench.client, bench.request(), again=True)
    await eventually(lambda: bench.world.post.sent(cy.email))
    new = bench.world.post.link(cy.email, purpose)
    assert (new.cohort_id, new.person, new.generation) == (old.cohort_id, old.person, old.generation)
    state = State.AUTHENTICATING if verified else State.EMAIL_UNVERIFIED
    await bench.until(cy.email, state)
    desk = TemporalLinkClient(bench.client)
    view = await desk.view(old)
    assert view is not None
    assert (view.state, view.email) == (LinkState.CLOSED, "")
    before = await bench.person(cy.email)
    await desk.follow(old)
    await desk.request_new_link(old)
    assert await bench.person(cy.email) == before
    await desk.follow(new)
    await eventually(lambda: _changed(bench, cy.email, before.timeline))


async def test_a_link_to_a_former_address_cannot_invalidate_new_links(bench: MigrationHarness) -> None:
    """Each requested mail invalidates earlier links, so a former address must not request mail."""
    bench.world.opsgenie.add(BO)
    await bench.start(rules=Rules(resend_cooldown=timedelta(0)))
    await eventually(lambda: bench.world.post.sent(BO.email))
    await bench.until(BO.email, State.EMAIL_UNVERIFIED)
    old = bench.world.post.link(BO.email, Purpose.VERIFICATION)
    await bench.migration.correct_email(BO.email, CY.email, BY)
    await eventually(lambda: bench.world.post.sent(CY.email))
    new, desk = bench.world.post.link(CY.email, Purpose.VERIFICATION), TemporalLinkClient(bench.client)
    await eventually(lambda: _mails_counted(bench, CY.email, 2))
    await desk.request_new_link(old)
    view = await desk.view(new)
    assert view is not None
    assert view.state is LinkState.OPEN
    await desk.request_new_link(new)
    await eventually(lambda: len(bench.world.post.sent(CY.email)) == 2)


async def _mails_counted(bench: MigrationHarness, email: str, number: int) -> bool:
    return (await bench.person(email)).mails == number


async def _changed(bench: MigrationHarness, email: str, before: object) -> bool:
    return (await bench.person(email)).timeline != before
