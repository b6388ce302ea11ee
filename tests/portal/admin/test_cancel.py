"""Cancel a migration in the portal, revoke its invitations, and start another one."""

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
async def moving(admin_browser: AdminBrowser) -> AdminBrowser:
    """The browser of an owner whose migration waits for one invited person."""
    admin_browser.harness.world.opsgenie.add(RosterPerson(email=ANN, name="Ann Lee", email_verified=True))
    await admin_browser.harness.start()
    await eventually(lambda: admin_browser.harness.step_is(Step.VERIFY))
    await eventually(lambda: admin_browser.harness.world.mailer.sent(ANN))
    await admin_browser.sign_in()
    return admin_browser


async def cancelled(admin_browser: AdminBrowser, **fields: object) -> None:
    """Cancel in the portal and wait for the migration to end."""
    await admin_browser.send(CANCEL, on=CANCEL, reason=WHY, **fields)
    await admin_browser.harness.handle.result()


async def shows(admin_browser: AdminBrowser, *texts: str) -> bool:
    """Return whether the General page contains all these texts."""
    shown = words(await admin_browser.open(GENERAL))
    return all(text in shown for text in texts)


async def test_cancelling_needs_confirmation_and_a_reason(moving: AdminBrowser) -> None:
    """Opening the page, or submitting it without a reason, changes nothing."""
    assert page(await moving.open(GENERAL)).select_one(f'a[href="{CANCEL}"]')
    asked = await moving.open(CANCEL)
    assert title(asked) == "Cancel this migration?"
    refused = await moving.post(CANCEL, form(asked, CANCEL) | {"reason": " "})
    assert (title(refused), "Give a reason" in words(refused)) == ("Cancel this migration?", True)
    assert (await moving.harness.migration.progress()).cancelled == ""
    assert (await moving.post(CANCEL, {"reason": WHY})).status_code == 403


async def test_a_cancelled_migration_is_shown_and_keeps_its_invitations(moving: AdminBrowser) -> None:
    """The page shows the state, the reason and the skipped steps. The audit shows who cancelled."""
    outcome = await moving.send(CANCEL, on=CANCEL, reason=WHY)
    assert "Cancelled: no more emails are sent" in words(outcome)
    await moving.harness.handle.result()
    shown = await moving.open(GENERAL)
    assert "The migration was cancelled" in words(shown)
    assert f"Reason for cancelling {WHY}" in words(shown)
    badges = [badge.get_text() for badge in page(shown).select(".steps .cancelled .badge")]
    assert badges == ["cancelled", "cancelled"]
    assert not page(shown).select(f'a[href="{CANCEL}"], form[action="{GENERAL}/pause"]')
    assert (await moving.open(CANCEL)).url.path == GENERAL
    assert moving.harness.world.atlassian.calls["revoke"] == 0
    entry = (await moving.harness.migration.audit()).entries[0]
    assert (entry.act, entry.by, entry.detail) == (Act.CANCEL, OWNER, WHY)
    assert "Cancelled the migration" in words(await moving.open("/settings/audit"))
    assert "People who were not moved" in words(await moving.open("/settings/report"))


async def test_a_migration_that_is_ending_has_no_controls(moving: AdminBrowser) -> None:
    """While the mail server delays the notice, the page says that the migration is ending and refuses new requests."""
    asked = form(await moving.open(CANCEL), CANCEL) | {"reason": WHY}
    moving.harness.world.mailer.problem = ServiceUnavailable("The mail server does not answer.")
    await moving.post(CANCEL, asked)
    await moving.harness.cohort().result()
    shown = await moving.open(GENERAL)
    assert "The migration is being cancelled" in words(shown)
    assert not page(shown).select("form[action^='/settings/general/']")
    assert "already cancelled" in words(await moving.post(CANCEL, asked))
    moving.harness.world.mailer.problem = None
    await moving.harness.handle.result()


async def test_invitations_are_revoked_with_the_cancellation(moving: AdminBrowser) -> None:
    """If the checkbox is set, the page shows the progress of revoking."""
    await cancelled(moving, undo=1)
    await eventually(lambda: shows(moving, "were revoked", "1 revoked", "0 kept"))
    assert moving.harness.world.atlassian.calls["revoke"] == 1
    assert not page(await moving.open(GENERAL)).select(f'a[href="{UNDO}"]')


async def test_invitations_can_be_revoked_later_and_retried(moving: AdminBrowser) -> None:
    """If revoking fails, the page says why. After the cause is fixed, an admin can retry."""
    atlassian = moving.harness.world.atlassian
    await cancelled(moving)
    ask = form(await moving.open(UNDO), UNDO)
    atlassian.problem = ServiceRejected("The key is not good any more.")
    assert "are being revoked" in words(await moving.post(UNDO, ask))
    await eventually(lambda: shows(moving, "The key is not good any more. Fix the problem, then try again."))
    atlassian.problem = None
    await moving.send(UNDO, on=UNDO)
    await eventually(lambda: shows(moving, "were revoked", "1 revoked"))
    assert (await moving.open(UNDO)).url.path == GENERAL


async def test_another_migration_starts_after_a_cancelled_one(moving: AdminBrowser) -> None:
    """The button on the current page starts it and invites the person again. A form from before is refused."""
    older = form(await moving.open(GENERAL), f"{GENERAL}/refresh")
    await cancelled(moving)
    assert "was cancelled earlier; nothing was started" in words(await moving.post(MIGRATE, older))
    assert "The migration has started" in words(await moving.send(MIGRATE))
    await eventually(lambda: moving.harness.waits_for("Choose a site"))
    shown = await moving.open(GENERAL)
    assert "Status of your migration" in words(shown)
    assert "cancelled" not in words(shown)
    await moving.harness.migration.choose_site("acme", OWNER)
    await moving.harness.until(ANN, State.AUTHENTICATING)


async def test_another_migration_waits_until_invitations_are_revoked(moving: AdminBrowser) -> None:
    """Otherwise a person could be invited and removed at the same time."""
    again = form(await moving.open(GENERAL), f"{GENERAL}/refresh") | {"again": "1"}
    moving.harness.world.atlassian.problem = ServiceUnavailable("Atlassian is away.")
    await cancelled(moving, undo=1)
    await eventually(lambda: shows(moving, "are being revoked"))
    assert not page(await moving.open(GENERAL)).select("#migrate")
    assert "are being revoked" in words(await moving.post(MIGRATE, again))


async def test_another_migration_starts_after_a_failed_one(admin_browser: AdminBrowser) -> None:
    """The first migration fails because its initiator is no account admin. The page says that it ended early."""
    admin_browser.harness.world.opsgenie.add(RosterPerson(email=ANN, email_verified=True))
    await admin_browser.sign_in()
    await admin_browser.harness.start(initiator=ANN)
    await eventually(lambda: shows(admin_browser, "The last migration ended early."))
    assert (await admin_browser.harness.migration.summary()).run_state is RunState.FAILED
    assert "The migration has started" in words(await admin_browser.send(MIGRATE))


async def test_a_completed_migration_can_be_neither_cancelled_nor_restarted(admin_browser: AdminBrowser) -> None:
    """Forms that were loaded before the migration completed are refused too."""
    await admin_browser.sign_in()
    again = form(await admin_browser.open(GENERAL), MIGRATE) | {"again": "1", "reason": WHY, "undo": "1"}
    await admin_browser.harness.start()
    await admin_browser.harness.handle.result()
    assert "is already complete; nothing was started" in words(await admin_browser.post(MIGRATE, again))
    run = (await admin_browser.harness.migration.summary()).run
    for path, refusal in ((CANCEL, "has ended"), (UNDO, "nothing to undo")):
        assert (await admin_browser.open(path)).url.path == GENERAL
        assert "This page is out of date" in words(await admin_browser.post(path, again))
        assert refusal in words(await admin_browser.post(path, again | {"run": run}))
