"""A form applies only to the migration, the task and the person that the page showed."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.domain.audit import Act
from landbridge.domain.messages import Step
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import ADMIN, RosterPerson
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import NewSite
from tests.portal.admin.admin_browser import AdminBrowser, form, page, words
from tests.workflows.harness import MigrationHarness, eventually

ADAM, ANN = "adam@example.com", "ann@example.com"
GENERAL, SITE, USERS = "/settings/general", "/settings/site", "/settings/users"
CANCEL, UNDO, CONFIRM, MIGRATE = f"{GENERAL}/cancel", f"{GENERAL}/undo", f"{GENERAL}/confirm", f"{GENERAL}/migrate"
BY, WHY = Actor(name="somebody else"), "The merger is off."
NEW = NewSite(name="fresh", first_name="Olga", last_name="Owner")
AGAIN = "started again"


@pytest.fixture
async def second(harness: MigrationHarness, portal_url: str) -> AsyncIterator[AdminBrowser]:
    """The browser of another admin."""
    harness.world.opsgenie.add(RosterPerson(email=ADAM, name="Adam", role=ADMIN, email_verified=True))
    harness.world.atlassian.account(ADAM, verified=True)
    async with httpx2.AsyncClient(base_url=portal_url, timeout=30) as browser:
        yield AdminBrowser(browser, harness)


async def moving(harness: MigrationHarness) -> None:
    """Start a migration that waits for one invited person."""
    harness.world.opsgenie.add(RosterPerson(email=ANN, name="Ann Lee", email_verified=True))
    await harness.start()
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await eventually(lambda: harness.world.mailer.sent(ANN))


async def restarted(harness: MigrationHarness) -> None:
    """Cancel the migration and start it again as another admin, until it waits for people."""
    await harness.migration.cancel(WHY, BY)
    await harness.handle.result()
    await started_again(harness)


async def started_again(harness: MigrationHarness) -> None:
    """Start an ended migration again as another admin, until it waits for people."""
    mails = len(harness.world.mailer.sent(ANN))
    await migrations.start(harness.client, harness.request(), again=True)
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await eventually(lambda: len(harness.world.mailer.sent(ANN)) > mails)


async def actions(harness: MigrationHarness) -> list[Act]:
    """Return the audited actions of the running migration, oldest first."""
    started = (await harness.migration.summary()).started_at
    return [entry.act for entry in reversed((await harness.migration.audit()).entries) if entry.at >= started]


async def test_revoking_invitations_never_affects_a_newer_migration(
    admin_browser: AdminBrowser, second: AdminBrowser
) -> None:
    """Another admin starts a new migration while the confirmation page of the old one is open."""
    await moving(admin_browser.harness)
    await admin_browser.harness.migration.cancel(WHY, BY)
    await admin_browser.harness.handle.result()
    await admin_browser.sign_in()
    asked = form(await admin_browser.open(UNDO), UNDO)
    await second.sign_in(ADAM)
    await second.send(MIGRATE)
    await eventually(lambda: admin_browser.harness.waits_for("Choose a site"))
    refused = words(await admin_browser.post(UNDO, asked))
    assert (await admin_browser.harness.migration.summary()).run_state is RunState.RUNNING
    assert (await admin_browser.harness.migration.progress()).cancelled == ""
    assert admin_browser.harness.world.atlassian.calls["revoke"] == 0
    assert AGAIN in refused
    assert "nothing was changed" in refused


async def test_a_task_confirmed_by_two_admins_is_confirmed_once(
    admin_browser: AdminBrowser, second: AdminBrowser
) -> None:
    """The second press does not confirm the next task."""
    harness = admin_browser.harness
    harness.world.atlassian.by_hand = True
    await harness.start(site="", new_site=NEW)
    await eventually(lambda: harness.waits_for("Create the site fresh."))
    await admin_browser.sign_in()
    await second.sign_in(ADAM)
    both = [(one, form(await one.open(GENERAL), CONFIRM)) for one in (admin_browser, second)]
    harness.world.atlassian.listed_sites[0] = harness.world.atlassian.listed_sites[0].model_copy(
        update={"name": "fresh"}
    )
    (first, filled), (late, same) = both
    assert "Thank you" in words(await first.post(CONFIRM, filled))
    await eventually(lambda: harness.waits_for("Connect the Opsgenie account"))
    refused = words(await late.post(CONFIRM, same))
    assert "no longer waits for" in refused
    assert harness.world.atlassian.connections == {}
    assert await harness.waits_for("Connect the Opsgenie account")
    assert "Thank you" in words(await late.send(CONFIRM))
    await harness.handle.result()
    assert harness.world.atlassian.connections


async def test_forms_of_an_older_migration_are_refused(admin_browser: AdminBrowser, second: AdminBrowser) -> None:
    """All forms of one migration are refused after another admin has started a new migration."""
    harness = admin_browser.harness
    await moving(harness)
    await admin_browser.sign_in()
    found = await harness.migration.person(ANN)
    person = f"{USERS}/{found.cohort}/{found.person.number}"
    pages = (GENERAL, CANCEL, USERS, f"{USERS}/resend-all?group=waiting", person)
    filled: dict[str, dict[str, str]] = {}
    for path in pages:
        shown = await admin_browser.open(path)
        assert shown.url.path == path.partition("?")[0]
        for action in {str(one["action"]) for one in page(shown).find_all("form")} - {"/sign-out", f"{USERS}/search"}:
            filled[action] = form(shown, action)
    assert len(filled) == len(("refresh", "pause", "deadline", "cancel", "resend", "resend-all")) + len(
        ("resend", "verify", "authenticate", "exclude", "correct-email")
    ) - len(("verify",))  # Ann's address is verified, so her page has no button to verify it.
    filled[f"{person}/verify"] = filled[f"{person}/authenticate"]
    typed = {"reason": "x", "undo": "1", "email": "new@example.com", "only": ANN, "deadline": "2099-03-01T18:00"}
    await restarted(harness)
    await second.sign_in(ADAM)
    mails = len(harness.world.mailer.mails)
    for action, fields in filled.items():
        refused = words(await admin_browser.post(action, typed | fields))
        assert AGAIN in refused, action
        # Forms sent by hand, and forms loaded before there was a migration, name no run.
        unnamed = {name: value for name, value in (typed | fields).items() if name != "run"}
        assert "out of date" in words(await admin_browser.post(action, unnamed)), action
    assert await actions(harness) == [Act.START]
    assert len(harness.world.mailer.mails) == mails
    ann = await harness.person(ANN)
    assert (ann.state, ann.email) == (State.AUTHENTICATING, ANN)


async def test_a_site_choice_applies_only_to_its_migration_and_task(
    admin_browser: AdminBrowser, second: AdminBrowser
) -> None:
    """A second admin who has the same page open cannot replace the first admin's choice."""
    harness = admin_browser.harness
    harness.world.atlassian.by_hand = True
    await harness.start(site="")
    await eventually(lambda: harness.waits_for("Choose a site"))
    await admin_browser.sign_in()
    await second.sign_in(ADAM)
    chosen = await admin_browser.send(f"{SITE}/review", on=SITE, site="acme")
    review = await second.send(f"{SITE}/review", on=SITE, **NEW.model_dump())
    assert "There is something" in words(await second.post(SITE, form(review, SITE)))
    refused = await admin_browser.post(SITE, form(chosen, SITE))
    assert "no longer waits for the task choose-site" in words(refused)
    assert await harness.waits_for("Create the site fresh.")
    # A new migration waits for the same task and still refuses the form of the old migration.
    await harness.migration.cancel(WHY, BY)
    await harness.handle.result()
    await migrations.start(harness.client, harness.request(site=""), again=True)
    await eventually(lambda: harness.waits_for("Choose a site"))
    assert AGAIN in words(await admin_browser.post(SITE, form(chosen, SITE)))
    assert (await harness.migration.progress()).site is None


async def test_resuming_ends_only_the_pause_that_was_shown(admin_browser: AdminBrowser, second: AdminBrowser) -> None:
    """Another admin has resumed and paused again, with another reason, since the page was loaded."""
    harness = admin_browser.harness
    await moving(harness)
    await harness.migration.pause("The mail server moves.", BY)
    await admin_browser.sign_in()
    resume = f"{GENERAL}/resume"
    seen = form(await admin_browser.open(GENERAL), resume)
    await second.sign_in(ADAM)
    await second.send(resume)
    await second.send(f"{GENERAL}/pause", reason="The works council has to agree.")
    assert "An admin paused the migration" in words(await admin_browser.post(resume, seen))
    assert (await harness.migration.progress()).paused == "The works council has to agree."
    assert "Resumed" in words(await admin_browser.send(resume))


async def test_a_deadline_replaces_only_the_one_that_was_shown(
    admin_browser: AdminBrowser, second: AdminBrowser
) -> None:
    """A newer deadline that another admin has set is kept."""
    harness = admin_browser.harness
    await moving(harness)
    await admin_browser.sign_in()
    await second.sign_in(ADAM)
    action = f"{GENERAL}/deadline"
    seen = form(await admin_browser.open(GENERAL), action)
    await second.send(action, deadline="2099-05-01T18:00", at_deadline="keep_waiting")
    refused = await admin_browser.post(action, seen | {"at_deadline": "complete_partial"})
    assert "deadline was changed in the meantime" in words(refused)
    progress = await harness.migration.progress()
    assert progress.deadline is not None
    assert (progress.deadline.month, progress.at_deadline) == (5, AtDeadline.KEEP_WAITING)
    assert "The deadline is set" in words(await admin_browser.send(action, at_deadline="complete_partial"))


async def test_actions_for_a_person_apply_only_to_the_address_shown(
    admin_browser: AdminBrowser, second: AdminBrowser
) -> None:
    """Another admin has corrected the person's address since the page was loaded."""
    harness = admin_browser.harness
    harness.world.opsgenie.add(RosterPerson(email="ben@example.com", name="Ben"))
    await moving(harness)
    await eventually(lambda: harness.world.mailer.sent("ben@example.com"))
    await admin_browser.sign_in()
    await second.sign_in(ADAM)
    found = await harness.migration.person("ben@example.com")
    person = f"{USERS}/{found.cohort}/{found.person.number}"
    shown, listed = await admin_browser.open(person), form(await admin_browser.open(USERS), f"{USERS}/resend")
    await second.send(f"{person}/correct-email", on=person, email="right@example.com")
    typed = {"reason": "gone", "email": "other@example.com"}
    for act in ("resend", "verify", "authenticate", "exclude", "correct-email"):
        refused = words(await admin_browser.post(f"{person}/{act}", typed | form(shown, f"{person}/{act}")))
        assert "was corrected in the meantime" in refused, act
    resent = words(await admin_browser.post(f"{USERS}/resend", listed | {"only": "ben@example.com"}))
    assert "was corrected in the meantime" in resent
    ben = await harness.person("right@example.com")
    assert (ben.state in {State.ARRIVED, State.EMAIL_UNVERIFIED}, ben.email_verified) == (True, False)


async def test_facts_about_a_former_address_are_ignored(admin_browser: AdminBrowser) -> None:
    """A signal cannot be refused and can be sent by hand at any time, so the workflow has to ignore outdated ones."""
    harness = admin_browser.harness
    harness.world.opsgenie.add(RosterPerson(email="ben@example.com", name="Ben"))
    await moving(harness)
    await harness.migration.correct_email("ben@example.com", "right@example.com", BY)
    other = {"email": "right@example.com", "run": "0123456789ab"}
    for signal in ("email_verified", "account_authenticated"):
        await harness.handle.signal(signal, {"email": "ben@example.com"})
        await harness.handle.signal(signal, other)
        await harness.cohort().signal(signal, other)
    await harness.handle.signal("email_verified", {"email": ANN})
    await harness.until("right@example.com", State.EMAIL_UNVERIFIED)
    assert not (await harness.person("right@example.com")).email_verified
