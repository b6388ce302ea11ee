"""Cancelling a migration in the portal, taking its invitations back, and beginning another one."""

import pytest

from landbridge.client.answers import RunState
from landbridge.domain.audit import Act
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.domain.messages import Step
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import RosterPerson
from tests.portal.admin.admin_browser import AdminBrowser, form, page, title, words
from tests.workflows.harness import OWNER_EMAIL, eventually

OWNER = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
ANN, GENERAL = "ann@example.com", "/settings/general"
CANCEL, UNDO, MIGRATE = f"{GENERAL}/cancel", f"{GENERAL}/undo", f"{GENERAL}/migrate"
WHY = "The merger is off."


@pytest.fixture
async def moving(office: AdminBrowser) -> AdminBrowser:
    """An owner in front of a migration that waits for one person, whom it has invited."""
    office.bench.world.opsgenie.add(RosterPerson(email=ANN, name="Ann Lee", email_verified=True))
    await office.bench.start()
    await eventually(lambda: office.bench.step_is(Step.VERIFY))
    await eventually(lambda: office.bench.world.post.sent(ANN))
    await office.sign_in()
    return office


async def cancelled(office: AdminBrowser, **fields: object) -> None:
    """Cancel as an owner does, and wait for the end."""
    await office.send(CANCEL, on=CANCEL, reason=WHY, **fields)
    await office.bench.handle.result()


async def says(office: AdminBrowser, *signs: str) -> bool:
    """Whether the first page says all of these."""
    shown = words(await office.open(GENERAL))
    return all(sign in shown for sign in signs)


async def test_it_asks_first_and_needs_a_reason(moving: AdminBrowser) -> None:
    """The link leads to a page of its own; nothing has happened before its button, or without a reason."""
    assert page(await moving.open(GENERAL)).select_one(f'a[href="{CANCEL}"]')
    asked = await moving.open(CANCEL)
    assert title(asked) == "Cancel this migration?"
    refused = await moving.post(CANCEL, form(asked, CANCEL) | {"reason": " "})
    assert (title(refused), "Give a reason" in words(refused)) == ("Cancel this migration?", True)
    assert (await moving.bench.migration.progress()).cancelled == ""
    assert (await moving.post(CANCEL, {"reason": WHY})).status_code == 403


async def test_the_end_is_told_and_nobody_is_uninvited(moving: AdminBrowser) -> None:
    """State, reason and the steps that were not taken are shown; the audit has who did it."""
    told = await moving.send(CANCEL, on=CANCEL, reason=WHY)
    assert "Cancelled: no more mail goes out" in words(told)
    await moving.bench.handle.result()
    shown = await moving.open(GENERAL)
    assert "The migration was cancelled" in words(shown)
    assert f"Reason for cancelling {WHY}" in words(shown)
    badges = [badge.get_text() for badge in page(shown).select(".steps .cancelled .badge")]
    assert badges == ["cancelled", "cancelled"]
    assert not page(shown).select(f'a[href="{CANCEL}"], form[action="{GENERAL}/pause"]')
    assert (await moving.open(CANCEL)).url.path == GENERAL
    assert moving.bench.world.atlassian.calls["revoke"] == 0
    entry = (await moving.bench.migration.audit()).entries[0]
    assert (entry.act, entry.by, entry.detail) == (Act.CANCEL, OWNER, WHY)
    assert "Cancelled the migration" in words(await moving.open("/settings/audit"))
    assert "People who were not moved" in words(await moving.open("/settings/report"))


async def test_while_it_ends_there_is_nothing_to_steer(moving: AdminBrowser) -> None:
    """The mail server keeps the notice waiting: the page says so, and a second wish is refused."""
    asked = form(await moving.open(CANCEL), CANCEL) | {"reason": WHY}
    moving.bench.world.post.problem = ServiceUnavailable("Nobody is there.")
    await moving.post(CANCEL, asked)
    await moving.bench.cohort().result()
    shown = await moving.open(GENERAL)
    assert "The migration is being cancelled" in words(shown)
    assert not page(shown).select("form[action^='/settings/general/']")
    assert "cancelled already" in words(await moving.post(CANCEL, asked))
    moving.bench.world.post.problem = None
    await moving.bench.handle.result()


async def test_invitations_are_revoked_with_it(moving: AdminBrowser) -> None:
    """One tick more, and the page tells what became of them."""
    await cancelled(moving, undo=1)
    await eventually(lambda: says(moving, "were taken back", "1 revoked", "0 kept"))
    assert moving.bench.world.atlassian.calls["revoke"] == 1
    assert not page(await moving.open(GENERAL)).select(f'a[href="{UNDO}"]')


async def test_invitations_are_revoked_later_and_again_after_trouble(moving: AdminBrowser) -> None:
    """An undo that gave up says why; once that is mended, it takes one more press."""
    atlassian = moving.bench.world.atlassian
    await cancelled(moving)
    ask = form(await moving.open(UNDO), UNDO)
    atlassian.problem = ServiceRejected("The key is not good any more.")
    assert "are being revoked" in words(await moving.post(UNDO, ask))
    await eventually(lambda: says(moving, "The key is not good any more. Fix the problem, then try again."))
    atlassian.problem = None
    await moving.send(UNDO, on=UNDO)
    await eventually(lambda: says(moving, "were taken back", "1 revoked"))
    assert (await moving.open(UNDO)).url.path == GENERAL


async def test_another_one_begins_after_it(moving: AdminBrowser) -> None:
    """By the button on the page that tells the end, and by no older form; Ann is asked again."""
    older = form(await moving.open(GENERAL), f"{GENERAL}/refresh")
    await cancelled(moving)
    assert "was cancelled before; nothing was started" in words(await moving.post(MIGRATE, older))
    assert "The migration has begun" in words(await moving.send(MIGRATE))
    await eventually(lambda: moving.bench.waits_for("Choose a site"))
    shown = await moving.open(GENERAL)
    assert "Status of your migration" in words(shown)
    assert "cancelled" not in words(shown)
    await moving.bench.migration.choose_site("acme", OWNER)
    await moving.bench.until(ANN, State.AUTHENTICATING)


async def test_another_one_waits_for_the_undo(moving: AdminBrowser) -> None:
    """Nobody is invited whom the undo would remove at the same time."""
    again = form(await moving.open(GENERAL), f"{GENERAL}/refresh") | {"again": "1"}
    moving.bench.world.atlassian.problem = ServiceUnavailable("Atlassian is away.")
    await cancelled(moving, undo=1)
    await eventually(lambda: says(moving, "are being taken back"))
    assert not page(await moving.open(GENERAL)).select("#migrate")
    assert "is being undone" in words(await moving.post(MIGRATE, again))


async def test_another_one_begins_after_a_failure(office: AdminBrowser) -> None:
    """Somebody who leads nobody had begun the first; the page says why it ended early."""
    office.bench.world.opsgenie.add(RosterPerson(email=ANN, email_verified=True))
    await office.sign_in()
    await office.bench.start(initiator=ANN)
    await eventually(lambda: says(office, "The last migration ended early."))
    assert (await office.bench.migration.summary()).run_state is RunState.FAILED
    assert "The migration has begun" in words(await office.send(MIGRATE))


async def test_what_was_completed_is_neither_cancelled_nor_begun_again(office: AdminBrowser) -> None:
    """However old the form."""
    await office.sign_in()
    again = form(await office.open(GENERAL), MIGRATE) | {"again": "1", "reason": WHY, "undo": "1"}
    await office.bench.start()
    await office.bench.handle.result()
    assert "was completed before; nothing was started" in words(await office.post(MIGRATE, again))
    run = (await office.bench.migration.summary()).run
    for path, refusal in ((CANCEL, "is over"), (UNDO, "nothing to undo")):
        assert (await office.open(path)).url.path == GENERAL
        assert "This page is out of date" in words(await office.post(path, again))
        assert refusal in words(await office.post(path, again | {"run": run}))
