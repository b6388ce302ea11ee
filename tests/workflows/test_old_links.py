"""Links of an earlier migration of the same account."""

import pytest

from domain.links import LinkState, Purpose
from domain.people import Actor, State
from domain.roster import RosterPerson
from steering import starting
from steering.links import TemporalLinkDesk
from tests.workflows.bench import OWNER_EMAIL, Bench, eventually

BY = Actor(name=OWNER_EMAIL)
BO, CY = RosterPerson(email="bo@example.com"), RosterPerson(email="cy@example.com")


@pytest.mark.parametrize("purpose", Purpose)
async def test_they_do_not_speak_for_whoever_has_the_number_now(bench: Bench, purpose: Purpose) -> None:
    """The same number in the same cohort may be another person by then: the link opens nothing, and tells nothing."""
    verified = purpose is Purpose.AUTHENTICATION
    bo, cy = (one.model_copy(update={"email_verified": verified}) for one in (BO, CY))
    bench.world.opsgenie.add(bo)
    await bench.start()
    await eventually(lambda: bench.world.post.sent(bo.email))
    old = bench.world.post.link(bo.email, purpose)
    await bench.migration.exclude(bo.email, "left", BY)
    await bench.handle.result()
    bench.world.opsgenie.people_listed[-1] = cy
    await starting.start(bench.client, bench.request(), again=True)
    await eventually(lambda: bench.world.post.sent(cy.email))
    new = bench.world.post.link(cy.email, purpose)
    assert (new.cohort_id, new.person, new.generation) == (old.cohort_id, old.person, old.generation)
    state = State.AUTHENTICATING if verified else State.EMAIL_UNVERIFIED
    await bench.until(cy.email, state)
    desk = TemporalLinkDesk(bench.client)
    view = await desk.view(old)
    assert view is not None
    assert (view.state, view.email) == (LinkState.CLOSED, "")
    before = await bench.person(cy.email)
    await desk.follow(old)
    await desk.want_new(old)
    assert await bench.person(cy.email) == before
    await desk.follow(new)
    await eventually(lambda: _changed(bench, cy.email, before.timeline))


async def _changed(bench: Bench, email: str, before: object) -> bool:
    return (await bench.person(email)).timeline != before
