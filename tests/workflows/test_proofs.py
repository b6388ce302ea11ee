"""Who did something: a request with the portal's proof shows its sender; one sent by hand is an operator's claim."""

from typing import Any, cast

from temporalio.converter import WorkflowSerializationContext

from landbridge.client import migrations
from landbridge.client.links import TemporalLinkClient
from landbridge.client.migration import Migration
from landbridge.domain.audit import Act
from landbridge.domain.links import Purpose
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from tests.workflows.harness import OWNER_EMAIL, PROOFS, MigrationHarness, eventually

OWNER = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
CLAIMED = Actor(name=OWNER_EMAIL, claimed=Source.ADMIN)
ANN, BO, CY = (RosterPerson(email=f"{name}@example.com") for name in ("ann", "bo", "cy"))


async def everyone_is_mailed(harness: MigrationHarness) -> None:
    """Start as an owner does in the portal, and wait until everyone has a link."""
    harness.world.opsgenie.add(ANN, BO, CY)
    await harness.start(rules=Rules(), by=OWNER)
    await eventually(lambda: len(harness.world.mailer.mails) == 3)
    await eventually(lambda: _all_wait(harness))


async def _all_wait(harness: MigrationHarness) -> bool:
    people = (await harness.migration.people()).people
    return sum(person.state is State.EMAIL_UNVERIFIED and person.mails > 0 for person in people) == 3


async def acts(harness: MigrationHarness, migration: Migration | None = None) -> list[tuple[Act, str, Actor]]:
    """Return the entries of the audit, oldest first."""
    audit = await (migration or harness.migration).audit()
    return [(entry.act, entry.about, entry.by) for entry in reversed(audit.entries)]


async def did(harness: MigrationHarness, email: str) -> list[tuple[str, Actor]]:
    """Return what people or admins did about a person, as the timeline shows it."""
    sources = {Source.ADMIN, Source.LINK, Source.OPERATOR}
    timeline = (await harness.person(email)).timeline
    return [(str(entry.state or entry.what), entry.by) for entry in timeline if entry.by.source in sources]


async def sent(harness: MigrationHarness, name: str) -> dict[str, Any]:
    """Return an update to the cohort as it is in its history."""
    history = await harness.cohort().fetch_history()
    requests = [event.workflow_execution_update_accepted_event_attributes.accepted_request for event in history.events]
    (request,) = [request for request in requests if request.input.name == name]
    context = WorkflowSerializationContext(harness.client.namespace, history.workflow_id)
    (message,) = await harness.client.data_converter.with_context(context).decode(request.input.args.payloads)
    return cast("dict[str, Any]", message)


async def test_requests_from_the_portal_are_proven(harness: MigrationHarness) -> None:
    """Admins' requests and people's clicks are proven; a reader without the key sees them as claims."""
    await everyone_is_mailed(harness)
    await harness.migration.exclude(ANN.email, "left", OWNER)
    await harness.migration.verify(CY.email, OWNER)
    await TemporalLinkClient(harness.client, PROOFS).follow(harness.world.mailer.link(BO.email, Purpose.VERIFICATION))
    await harness.until(CY.email, State.AUTHENTICATING)
    await harness.until(BO.email, State.AUTHENTICATING)
    expected = [(Act.START, OWNER_EMAIL), (Act.EXCLUDE, ANN.email), (Act.VERIFY, CY.email)]
    assert await acts(harness) == [(*one, OWNER) for one in expected]
    assert await did(harness, ANN.email) == [("excluded", OWNER)]
    assert await did(harness, CY.email) == [("email verified", OWNER), ("authenticating", OWNER)]
    link = Actor(source=Source.LINK)
    assert await did(harness, BO.email) == [("email verified", link), ("authenticating", link)]
    assert await acts(harness, Migration(harness.client, harness.account)) == [(*one, CLAIMED) for one in expected]


async def test_a_request_by_hand_is_recorded_as_a_claim(harness: MigrationHarness) -> None:
    """The request takes effect, since operators may send it, but the audit attributes it to an operator."""
    await everyone_is_mailed(harness)
    by = {"source": "admin", "name": OWNER_EMAIL}
    used = harness.world.mailer.link(BO.email, Purpose.VERIFICATION).model_dump(mode="json", exclude={"cohort_id"})
    await harness.cohort().execute_update("exclude", {"email": ANN.email, "reason": "x", "by": by})
    await harness.handle.execute_update("pause", {"reason": "x", "by": by})
    await harness.cohort().signal("links_used", {"used": [{**used, "use": "followed"}]})
    await harness.until(BO.email, State.AUTHENTICATING)
    assert await acts(harness) == [
        (Act.START, OWNER_EMAIL, OWNER),
        (Act.EXCLUDE, ANN.email, CLAIMED),
        (Act.PAUSE, "", CLAIMED),
    ]
    assert await did(harness, ANN.email) == [("excluded", CLAIMED)]
    person = Actor(claimed=Source.LINK)
    assert await did(harness, BO.email) == [("email verified", person), ("authenticating", person)]


async def test_a_copied_proof_is_recorded_as_a_claim(harness: MigrationHarness) -> None:
    """The proof is not valid for another person, or for the next migration of the account."""
    await everyone_is_mailed(harness)
    await harness.migration.exclude(ANN.email, "left", OWNER)
    message = await sent(harness, "exclude")
    assert message["by"]["proof"]
    await harness.cohort().execute_update("exclude", {**message, "email": BO.email})
    assert [by for act, _, by in await acts(harness) if act is Act.EXCLUDE] == [OWNER, CLAIMED]
    await harness.migration.cancel("Again.", OWNER)
    await harness.handle.result()
    harness.world.mailer.mails.clear()
    await migrations.start(harness.client, harness.request(), again=True)
    await eventually(lambda: len(harness.world.mailer.mails) == 3)
    await harness.cohort().execute_update("exclude", message)
    assert await did(harness, ANN.email) == [("excluded", CLAIMED)]

    async def all_listed() -> bool:
        # Temporal's lists lag behind.
        return [by for act, _, by in await acts(harness) if act is Act.EXCLUDE] == [OWNER, CLAIMED, CLAIMED]

    await eventually(all_listed)


async def test_an_undo_is_attributed_to_its_request(harness: MigrationHarness) -> None:
    """The undo may be requested with the cancellation or later."""
    await everyone_is_mailed(harness)
    await harness.migration.cancel("Enough.", OWNER, undo=True)
    await harness.handle.result()

    async def undone() -> bool:
        progress = await harness.migration.undo()
        return progress is not None and progress.over

    await eventually(undone)
    assert await acts(harness) == [
        (Act.START, OWNER_EMAIL, OWNER),
        (Act.CANCEL, "", OWNER),
        (Act.UNDO, "", OWNER),
    ]
    assert await did(harness, ANN.email) == [("left_behind", OWNER)]
    await harness.migration.revoke_invitations(OWNER)
    await eventually(undone)
    assert [by for act, _, by in await acts(harness) if act is Act.UNDO][-1] == OWNER
