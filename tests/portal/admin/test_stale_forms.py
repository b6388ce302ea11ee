"""A form counts for what it was shown for: for this migration, this task, this person; otherwise nothing is changed."""

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
async def second(bench: MigrationHarness, portal_url: str) -> AsyncIterator[AdminBrowser]:
    """The browser of another admin."""
    bench.world.opsgenie.add(RosterPerson(email=ADAM, name="Adam", role=ADMIN, email_verified=True))
    bench.world.atlassian.account(ADAM, verified=True)
    async with httpx2.AsyncClient(base_url=portal_url, timeout=30) as browser:
        yield AdminBrowser(browser, bench)


async def moving(bench: MigrationHarness) -> None:
    """Start a migration that waits for one person, whom it has invited."""
    bench.world.opsgenie.add(RosterPerson(email=ANN, name="Ann Lee", email_verified=True))
    await bench.start()
    await eventually(lambda: bench.step_is(Step.VERIFY))
    await eventually(lambda: bench.world.post.sent(ANN))


async def restarted(bench: MigrationHarness) -> None:
    """Let somebody else cancel the migration and start it again, up to where it waits for people."""
    await bench.migration.cancel(WHY, BY)
    await bench.handle.result()
    await started_again(bench)


async def started_again(bench: MigrationHarness) -> None:
    """Let somebody else start a migration again that is over, and wait until it waits for people."""
    mails = len(bench.world.post.sent(ANN))
    await migrations.start(bench.client, bench.request(), again=True)
    await eventually(lambda: bench.step_is(Step.VERIFY))
    await eventually(lambda: len(bench.world.post.sent(ANN)) > mails)


async def acts(bench: MigrationHarness) -> list[Act]:
    """What was done in the migration that runs, oldest first."""
    started = (await bench.migration.summary()).started_at
    return [entry.act for entry in reversed((await bench.migration.audit()).entries) if entry.at >= started]


async def test_an_undo_never_cancels_a_migration_that_runs(office: AdminBrowser, second: AdminBrowser) -> None:
    """Somebody started it again while the page stood open that asks whether to revoke the invitations."""
    await moving(office.bench)
    await office.bench.migration.cancel(WHY, BY)
    await office.bench.handle.result()
    await office.sign_in()
    asked = form(await office.open(UNDO), UNDO)
    await second.sign_in(ADAM)
    await second.send(MIGRATE)
    await eventually(lambda: office.bench.waits_for("Choose a site"))
    refused = words(await office.post(UNDO, asked))
    assert (await office.bench.migration.summary()).run_state is RunState.RUNNING
    assert (await office.bench.migration.progress()).cancelled == ""
    assert office.bench.world.atlassian.calls["revoke"] == 0
    assert AGAIN in refused
    assert "nothing was changed" in refused


async def test_two_admins_who_report_one_task_done_confirm_it_once(office: AdminBrowser, second: AdminBrowser) -> None:
    """The second press is about the task that is done already, and not about the one that came after it."""
    bench = office.bench
    bench.world.atlassian.by_hand = True
    await bench.start(site="", new_site=NEW)
    await eventually(lambda: bench.waits_for("Create the site fresh."))
    await office.sign_in()
    await second.sign_in(ADAM)
    both = [(one, form(await one.open(GENERAL), CONFIRM)) for one in (office, second)]
    bench.world.atlassian.listed_sites[0] = bench.world.atlassian.listed_sites[0].model_copy(update={"name": "fresh"})
    (first, filled), (late, same) = both
    assert "Thank you" in words(await first.post(CONFIRM, filled))
    await eventually(lambda: bench.waits_for("Connect the Opsgenie account"))
    refused = words(await late.post(CONFIRM, same))
    assert "no longer waits for" in refused
    assert bench.world.atlassian.connections == {}
    assert await bench.waits_for("Connect the Opsgenie account")
    assert "Thank you" in words(await late.send(CONFIRM))
    await bench.handle.result()
    assert bench.world.atlassian.connections


async def test_no_form_of_the_last_migration_changes_the_next_one(office: AdminBrowser, second: AdminBrowser) -> None:
    """Every form on the pages of one migration, sent after somebody else has started it again."""
    bench = office.bench
    await moving(bench)
    await office.sign_in()
    found = await bench.migration.person(ANN)
    person = f"{USERS}/{found.cohort}/{found.person.number}"
    pages = (GENERAL, CANCEL, USERS, f"{USERS}/resend-all?group=waiting", person)
    filled: dict[str, dict[str, str]] = {}
    for path in pages:
        shown = await office.open(path)
        assert shown.url.path == path.partition("?")[0]
        for action in {str(one["action"]) for one in page(shown).find_all("form")} - {"/sign-out", f"{USERS}/search"}:
            filled[action] = form(shown, action)
    assert len(filled) == len(("refresh", "pause", "deadline", "cancel", "resend", "resend-all")) + len(
        ("resend", "verify", "authenticate", "exclude", "correct-email")
    ) - len(("verify",))  # Ann's address is verified, so that there is no button for it.
    filled[f"{person}/verify"] = filled[f"{person}/authenticate"]
    typed = {"reason": "x", "undo": "1", "email": "new@example.com", "only": ANN, "deadline": "2099-03-01T18:00"}
    await restarted(bench)
    await second.sign_in(ADAM)
    mails = len(bench.world.post.mails)
    for action, fields in filled.items():
        refused = words(await office.post(action, typed | fields))
        assert AGAIN in refused, action
        # What is sent by hand, or was shown before there was a migration, names none.
        unnamed = {name: value for name, value in (typed | fields).items() if name != "run"}
        assert "out of date" in words(await office.post(action, unnamed)), action
    assert await acts(bench) == [Act.START]
    assert len(bench.world.post.mails) == mails
    ann = await bench.person(ANN)
    assert (ann.state, ann.email) == (State.AUTHENTICATING, ANN)


async def test_a_choice_counts_for_the_migration_and_the_task_it_was_made_for(
    office: AdminBrowser, second: AdminBrowser
) -> None:
    """One admin names a new site; another, who saw the same page, does not choose another site over it."""
    bench = office.bench
    bench.world.atlassian.by_hand = True
    await bench.start(site="")
    await eventually(lambda: bench.waits_for("Choose a site"))
    await office.sign_in()
    await second.sign_in(ADAM)
    chosen = await office.send(f"{SITE}/review", on=SITE, site="acme")
    review = await second.send(f"{SITE}/review", on=SITE, **NEW.model_dump())
    assert "Something is left" in words(await second.post(SITE, form(review, SITE)))
    refused = await office.post(SITE, form(chosen, SITE))
    assert "no longer waits for the task choose-site" in words(refused)
    assert await bench.waits_for("Create the site fresh.")
    # What it is now was shown with the refusal: the next press is about that.
    await bench.migration.cancel(WHY, BY)
    await bench.handle.result()
    await migrations.start(bench.client, bench.request(site=""), again=True)
    await eventually(lambda: bench.waits_for("Choose a site"))
    assert AGAIN in words(await office.post(SITE, form(chosen, SITE)))
    assert (await bench.migration.progress()).site is None


async def test_a_pause_ends_for_who_saw_it(office: AdminBrowser, second: AdminBrowser) -> None:
    """The page showed the pause of yesterday; somebody else has paused since, for another reason."""
    bench = office.bench
    await moving(bench)
    await bench.migration.pause("The mail server moves.", BY)
    await office.sign_in()
    resume = f"{GENERAL}/resume"
    seen = form(await office.open(GENERAL), resume)
    await second.sign_in(ADAM)
    await second.send(resume)
    await second.send(f"{GENERAL}/pause", reason="The works council has to agree.")
    assert "Somebody paused the migration" in words(await office.post(resume, seen))
    assert (await bench.migration.progress()).paused == "The works council has to agree."
    assert "Resumed" in words(await office.send(resume))


async def test_a_deadline_replaces_the_one_that_was_shown(office: AdminBrowser, second: AdminBrowser) -> None:
    """Nobody sets another admin's new deadline back without having seen it."""
    bench = office.bench
    await moving(bench)
    await office.sign_in()
    await second.sign_in(ADAM)
    action = f"{GENERAL}/deadline"
    seen = form(await office.open(GENERAL), action)
    await second.send(action, deadline="2099-05-01T18:00", at_deadline="keep_waiting")
    refused = await office.post(action, seen | {"at_deadline": "complete_partial"})
    assert "changed the deadline meanwhile" in words(refused)
    progress = await bench.migration.progress()
    assert progress.deadline is not None
    assert (progress.deadline.month, progress.at_deadline) == (5, AtDeadline.KEEP_WAITING)
    assert "The deadline is set" in words(await office.send(action, at_deadline="complete_partial"))


async def test_what_is_done_for_a_person_is_about_the_address_that_was_shown(
    office: AdminBrowser, second: AdminBrowser
) -> None:
    """Somebody has corrected it since: nobody vouches for the new address, or gives up on its person, unseen."""
    bench = office.bench
    bench.world.opsgenie.add(RosterPerson(email="ben@example.com", name="Ben"))
    await moving(bench)
    await eventually(lambda: bench.world.post.sent("ben@example.com"))
    await office.sign_in()
    await second.sign_in(ADAM)
    found = await bench.migration.person("ben@example.com")
    person = f"{USERS}/{found.cohort}/{found.person.number}"
    shown, listed = await office.open(person), form(await office.open(USERS), f"{USERS}/resend")
    await second.send(f"{person}/correct-email", on=person, email="right@example.com")
    typed = {"reason": "gone", "email": "other@example.com"}
    for act in ("resend", "verify", "authenticate", "exclude", "correct-email"):
        refused = words(await office.post(f"{person}/{act}", typed | form(shown, f"{person}/{act}")))
        assert "was corrected meanwhile" in refused, act
    resent = words(await office.post(f"{USERS}/resend", listed | {"only": "ben@example.com"}))
    assert "was corrected meanwhile" in resent
    ben = await bench.person("right@example.com")
    assert (ben.state in {State.ARRIVED, State.EMAIL_UNVERIFIED}, ben.email_verified) == (True, False)


async def test_facts_about_a_former_address_are_ignored(office: AdminBrowser) -> None:
    """A signal cannot be refused; by hand it may come at any time."""
    bench = office.bench
    bench.world.opsgenie.add(RosterPerson(email="ben@example.com", name="Ben"))
    await moving(bench)
    await bench.migration.correct_email("ben@example.com", "right@example.com", BY)
    other = {"email": "right@example.com", "run": "0123456789ab"}
    for signal in ("email_verified", "account_authenticated"):
        await bench.handle.signal(signal, {"email": "ben@example.com"})
        await bench.handle.signal(signal, other)
        await bench.cohort().signal(signal, other)
    await bench.handle.signal("email_verified", {"email": ANN})
    await bench.until("right@example.com", State.EMAIL_UNVERIFIED)
    assert not (await bench.person("right@example.com")).email_verified
