"""Settings → General, choosing a site, the report and the audit: over HTTP with a real worker."""

import csv
import io
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.requests import Request
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from landbridge.client import stuck_tasks
from landbridge.client.answers import FailingTask, MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain import roster
from landbridge.domain.audit import Act
from landbridge.domain.links import Purpose
from landbridge.domain.messages import Step
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import ADMIN, RosterPerson
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import Site
from landbridge.domain.text import text
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.platform.exits import TemporalUnreachable
from landbridge.portal.admin.sessions import Sessions
from tests.portal.admin.admin_browser import AdminBrowser, form, page, title, words
from tests.portal.conftest import KEY
from tests.workflows.harness import OWNER_EMAIL, eventually

OWNER = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
NEW = {"name": "acme-new", "first_name": "Olga", "last_name": "Owner"}
ADAM = "adam@example.com"
MIGRATE, REVIEW, SITE = "/settings/general/migrate", "/settings/site/review", "/settings/site"


async def start_in_portal(admin_browser: AdminBrowser) -> None:
    """Sign in and start a migration, which then waits for a site to be chosen."""
    await admin_browser.sign_in()
    await admin_browser.send(MIGRATE)
    await eventually(lambda: admin_browser.harness.waits_for("Choose a site"))


async def test_the_banner_is_shown_until_a_migration_runs(admin_browser: AdminBrowser) -> None:
    """The button starts a migration in the name of the signed-in person."""
    await admin_browser.sign_in()
    settings = ("/settings/general", "/settings/users", "/settings/audit")
    for path in settings:
        assert page(await admin_browser.open(path)).select_one('aside.banner a[href="/settings/general#connection"]')
    assert "The migration has started" in words(await admin_browser.send(MIGRATE))
    for path in settings:
        assert page(await admin_browser.open(path)).select_one("aside.banner") is None
    await eventually(lambda: admin_browser.harness.waits_for("Choose a site"))
    progress = await admin_browser.harness.migration.progress()
    assert progress.initiator == OWNER_EMAIL
    assert (await admin_browser.harness.migration.audit()).entries[-1].by == OWNER


async def test_an_invalid_account_name_starts_no_migration(admin_browser: AdminBrowser, portal_url: str) -> None:
    """The button validates the account name that Opsgenie returned, as the page does."""
    admin_browser.harness.world.opsgenie.account = admin_browser.harness.account = (
        "=?utf-8?q?acme=0D=0ABcc:=20eve@example.com?="
    )
    await admin_browser.sign_in()
    assert (await admin_browser.open("/settings/general")).status_code == 404
    # This page has no form, so the test takes the CSRF token from the session.
    cookies = "; ".join(f"{name}={value}" for name, value in admin_browser.browser.cookies.items())
    visitor = Request({"type": "http", "headers": [(b"cookie", cookies.encode())]})
    session = Sessions([KEY], secure=urlsplit(portal_url).scheme == "https").read(visitor)
    assert session is not None
    await admin_browser.post(MIGRATE, {"csrf": session.csrf})
    with pytest.raises(RPCError, match="not found"):
        await admin_browser.harness.handle.describe()


async def test_a_failing_workflow_task_is_shown_with_its_remedy(
    admin_browser: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy replaces the message that no worker is responding."""
    await start_in_portal(admin_browser)
    task = FailingTask(
        workflow_id=admin_browser.harness.handle.id,
        event=7,
        since=datetime(2026, 11, 28, tzinfo=UTC),
        attempts=3,
        problem=text("A workflow task has failed."),
        remedy=text("Go back to build 1."),
    )

    async def task_of(_: Client, workflow: WorkflowExecutionDescription) -> FailingTask | None:
        return task if workflow.id == task.workflow_id else None

    monkeypatch.setattr(stuck_tasks, "task_of", task_of)
    shown = words(await admin_browser.open("/settings/general"))
    assert f"{task.problem} {task.remedy}" in shown


async def test_pressing_migrate_twice_starts_one_migration(admin_browser: AdminBrowser) -> None:
    """The second press reports that the migration is already running."""
    await admin_browser.sign_in()
    usual = form(await admin_browser.open("/settings/general"), MIGRATE)
    await admin_browser.post(MIGRATE, usual)
    assert "is already running" in words(await admin_browser.post(MIGRATE, usual))


async def test_all_seven_steps_are_shown(admin_browser: AdminBrowser) -> None:
    """Each step has its status, and tasks for admins come first."""
    await start_in_portal(admin_browser)
    shown = await admin_browser.open("/settings/general")
    assert len(page(shown).select("ol.steps > li")) == len(Step)
    assert "action needed" in words(shown)
    assert page(shown).select_one('section.task a[href="/settings/site"]')


async def test_an_existing_site_is_chosen_after_a_summary(admin_browser: AdminBrowser) -> None:
    """Nothing changes until the button on the summary page is pressed."""
    await start_in_portal(admin_browser)
    review = await admin_browser.send(REVIEW, on=SITE, site="acme")
    assert title(review) == "Ready to migrate?"
    assert "acme.atlassian.net" in words(review)
    assert (await admin_browser.harness.migration.progress()).site is None
    assert "Your team is moving" in words(await admin_browser.post(SITE, form(review, SITE)))
    await admin_browser.harness.until(OWNER_EMAIL, State.CONNECTED)
    chosen = [e for e in (await admin_browser.harness.migration.audit()).entries if e.act is Act.CHOOSE_SITE]
    assert [(entry.by, entry.about) for entry in chosen] == [(OWNER, "acme")]


async def test_a_choice_can_be_changed_on_the_summary_page(admin_browser: AdminBrowser) -> None:
    """The form still contains everything that the admin had filled in."""
    await start_in_portal(admin_browser)
    for filled in ({"site": "acme"}, NEW | {"site": ""}):
        review = await admin_browser.send(REVIEW, on=SITE, **filled)
        change = page(review).select_one(f'button[formaction="{REVIEW}"]')
        assert change is not None
        shown = await admin_browser.post(REVIEW, form(review, SITE) | {str(change["name"]): str(change["value"])})
        assert title(shown) == "Choose a site"
        chosen = page(shown).select_one('input[name="site"][checked]')
        assert (str(chosen["value"]) if chosen else "") == filled["site"]
    kept = [str(field["value"]) for field in page(shown).select("#name, #first-name, #last-name")]
    assert sorted(kept) == sorted(NEW.values())
    assert (await admin_browser.harness.migration.progress()).site is None


async def test_a_site_without_site_admin_rights_is_disabled_and_refused(admin_browser: AdminBrowser) -> None:
    """The page says why the site is disabled, and the server refuses a forged form for it."""
    wiki = Site(id="cloud-wiki", name="acme-wiki", url="https://acme-wiki.atlassian.net")
    admin_browser.harness.world.atlassian.listed_sites.append(wiki)
    await start_in_portal(admin_browser)
    shown = page(await admin_browser.open(SITE)).select_one('input[value="acme-wiki"]')
    assert shown is not None
    assert shown.has_attr("disabled")
    for action in (REVIEW, SITE):
        fields = form(await admin_browser.open(SITE), REVIEW) | {"site": "acme-wiki"}
        refused = await admin_browser.post(action, fields)
        assert refused.status_code == 422
        assert "not a site admin" in words(refused)
    assert (await admin_browser.harness.migration.progress()).site is None


def names(response: httpx2.Response) -> list[str]:
    """Return the first and last name that the form for a new site contains."""
    return [str(field["value"]) for field in page(response).select("#first-name, #last-name")]


@pytest.mark.parametrize(
    "name, first_and_last",
    [("Ana de la Cruz", ["Ana de la", "Cruz"]), ("森\u3000健二", ["健二", "森"]), ("김 민준", ["민준", "김"])],
)
async def test_a_full_name_is_split_by_script(
    admin_browser: AdminBrowser, name: str, first_and_last: list[str]
) -> None:
    """The last word is the last name. In Chinese, Japanese and Korean the first word is."""
    admin_browser.harness.world.opsgenie.people_listed[0] = RosterPerson(
        email=OWNER_EMAIL, name=name, role=roster.OWNER
    )
    await start_in_portal(admin_browser)
    assert names(await admin_browser.open(SITE)) == first_and_last


async def test_another_admin_sees_for_whom_the_site_is_created(admin_browser: AdminBrowser) -> None:
    """The initiator becomes the site admin, so the form does not contain the other admin's name."""
    admin_browser.harness.world.opsgenie.add(
        RosterPerson(email=ADAM, name="Adam Novak", role=ADMIN, email_verified=True)
    )
    wiki = Site(id="cloud-wiki", name="acme-wiki", url="https://acme-wiki.atlassian.net")
    admin_browser.harness.world.atlassian.listed_sites.append(wiki)
    await start_in_portal(admin_browser)
    assert names(await admin_browser.open(SITE)) == ["Olga", "Owner"]
    await admin_browser.sign_in(ADAM)
    shown = await admin_browser.open(SITE)
    assert names(shown) == ["", ""]
    assert f"make {OWNER_EMAIL} a site admin" in words(shown)
    assert f"created for {OWNER_EMAIL}" in words(shown)
    review = words(await admin_browser.send(REVIEW, on=SITE, **NEW, site=""))
    assert f"If {OWNER_EMAIL} has no Atlassian account yet" in review


async def test_a_taken_name_comes_back_with_suggestions(admin_browser: AdminBrowser) -> None:
    """The form keeps its fields and offers available names as buttons."""
    admin_browser.harness.world.atlassian.taken.add("acme-new")
    await start_in_portal(admin_browser)
    review = await admin_browser.send(REVIEW, on=SITE, **NEW, site="")
    refused = await admin_browser.post(SITE, form(review, SITE))
    assert (refused.status_code, "already in use" in words(refused)) == (422, True)
    suggestions = [str(button["value"]) for button in page(refused).select('button[name="suggestion"]')]
    assert suggestions
    # Enter in a field presses the form's first button, so that must not be a suggested name.
    assert not page(refused).select("form:has(#name) button")[0].has_attr("name")
    wanted = form(await admin_browser.open(SITE), REVIEW) | NEW | {"suggestion": suggestions[0]}
    await admin_browser.post(SITE, form(await admin_browser.post(REVIEW, wanted), SITE))
    created = (await admin_browser.harness.handle.result()).site
    assert created is not None
    assert created.name == suggestions[0]


@pytest.mark.parametrize("name", ["ab", "Acme", "-acme", "acme!", "", "x" * 64, "<b>"])
async def test_an_invalid_name_is_refused_by_script_and_server(admin_browser: AdminBrowser, name: str) -> None:
    """A script checks the name while the person types. Without scripts, the server checks the submitted form."""
    await start_in_portal(admin_browser)
    outcome = (await admin_browser.browser.get("/settings/site/check", params={"name": name})).json()["problem"]
    assert outcome.startswith(("A site name must have", "A site name may contain"))
    refused = await admin_browser.send(REVIEW, on=SITE, **NEW | {"name": name}, site="")
    assert refused.status_code == 422
    assert (await admin_browser.browser.get("/settings/site/check", params={"name": "acme-new"})).json() == {
        "problem": ""
    }


async def test_tasks_are_confirmed_in_the_portal(admin_browser: AdminBrowser) -> None:
    """A task without an API is shown with its URL. The migration continues when an admin confirms the task."""
    admin_browser.harness.world.atlassian.by_hand = True
    await start_in_portal(admin_browser)
    review = await admin_browser.send(REVIEW, on=SITE, site="acme")
    await admin_browser.post(SITE, form(review, SITE))
    await eventually(lambda: admin_browser.harness.waits_for("Connect the Opsgenie account"))
    shown = await admin_browser.open("/settings/general")
    assert "Connect the Opsgenie account in its settings." in words(shown)
    await admin_browser.send("/settings/general/confirm")
    assert await admin_browser.harness.handle.result()


async def test_pause_resume_and_deadline_are_applied_and_confirmed(admin_browser: AdminBrowser) -> None:
    """Each action is recorded in the name of the signed-in person."""
    await start_in_portal(admin_browser)
    assert "Paused: The mail server moves" in words(
        await admin_browser.send("/settings/general/pause", reason="The mail server moves")
    )
    assert "Resumed" in words(await admin_browser.send("/settings/general/resume"))
    set_ = await admin_browser.send(
        "/settings/general/deadline", deadline="2099-03-01T18:00", at_deadline="complete_partial"
    )
    assert page(set_).select_one('dd time[datetime^="2099-03-01T18:00"]')
    progress = await admin_browser.harness.migration.progress()
    assert (progress.paused, progress.at_deadline) == ("", AtDeadline.COMPLETE_PARTIAL)
    refused = await admin_browser.send("/settings/general/deadline", deadline="2001-01-01T00:00")
    assert "is in the past" in words(refused)
    assert "Enter the deadline" in words(await admin_browser.send("/settings/general/deadline", deadline="tomorrow"))
    assert "The deadline was removed" in words(await admin_browser.send("/settings/general/deadline", deadline=""))
    shown = words(await admin_browser.open("/settings/audit"))
    for sign in ("Started the migration", "Paused", "Resumed", "Set the deadline", OWNER_EMAIL, "in the portal"):
        assert sign in shown
    assert "March 1, 2099, 6:00 PM UTC Complete with the people connected so far" in shown.replace("\u202f", " ")
    assert "no deadline Notify admins and keep waiting" in shown


async def test_unproven_requests_are_shown_as_claims(admin_browser: AdminBrowser) -> None:
    """The audit and the person's page show portal requests as the admin's and signals sent by hand as an operator's."""
    harness, ann, bo = admin_browser.harness, "ann@example.com", "bo@example.com"
    harness.world.opsgenie.add(RosterPerson(email=ann), RosterPerson(email=bo))
    await admin_browser.sign_in()
    await harness.start(by=OWNER)
    await harness.until(ann, State.EMAIL_UNVERIFIED)
    await eventually(lambda: harness.world.mailer.sent(bo))
    await admin_browser.send("/settings/general/pause", reason="Look.")
    await harness.handle.execute_update("resume", {"reason": "Look.", "by": {"source": "admin", "name": OWNER_EMAIL}})
    shown = page(await admin_browser.open("/settings/audit"))
    rows = [" ".join(row.get_text(" ").split()) for row in shown.select("tr:has(td)")]
    (paused,), (resumed,) = ([row for row in rows if act in row] for act in ("Paused", "Resumed"))
    assert ("in the portal" in paused, "claimed by an operator" in paused) == (True, False)
    assert ("in the portal" in resumed, "claimed by an operator" in resumed) == (False, True)
    used = harness.world.mailer.link(ann, Purpose.VERIFICATION)
    by_hand = {**used.model_dump(mode="json", exclude={"cohort_id"}), "use": "followed"}
    await harness.cohort().signal("links_used", {"used": [by_hand]})
    links = SignedLinks("https://x.example", [KEY])
    await admin_browser.post(urlsplit(links.url(harness.world.mailer.link(bo, Purpose.VERIFICATION))).path)
    for email, claims in ((ann, True), (bo, False)):
        person = await harness.until(email, State.AUTHENTICATING)
        page_text = words(await admin_browser.open(f"/settings/users/1/{person.number}"))
        assert ("an operator claiming to be the person" in page_text, "the person, with the link" in page_text) == (
            claims,
            not claims,
        )


async def test_a_flash_message_is_shown_once(admin_browser: AdminBrowser) -> None:
    """Reloading the page neither repeats the request nor shows its message again."""
    await start_in_portal(admin_browser)
    assert "is checking Opsgenie and Atlassian" in words(await admin_browser.send("/settings/general/refresh"))
    assert "is checking Opsgenie and Atlassian" not in words(await admin_browser.open("/settings/general"))


async def test_the_report_shows_who_is_not_connected_and_what_to_do(admin_browser: AdminBrowser) -> None:
    """The report groups people by state, with the next step. The CSV file lists everyone, and no cell is a formula."""
    admin_browser.harness.world.opsgenie.add(
        RosterPerson(email="eve@example.com", name="=cmd|'/c calc'!A1", email_verified=True),
        RosterPerson(email="bert@example.com", name="Bert <b>", blocked=True),
    )
    await admin_browser.sign_in()
    await admin_browser.harness.start()
    await admin_browser.harness.until("eve@example.com", State.AUTHENTICATING)
    shown = words(await admin_browser.open("/settings/report"))
    for sign in ("Bert <b>", "Blocked in Opsgenie", "Ask them to open the authentication email"):
        assert sign in shown
    answer = await admin_browser.browser.get("/settings/report.csv")
    assert (
        answer.headers["content-disposition"]
        == f'attachment; filename="landbridge-{admin_browser.harness.account}.csv"'
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["email"] for row in rows} == {OWNER_EMAIL, "eve@example.com", "bert@example.com"}
    assert "'=cmd|'/c calc'!A1" in {row["name"] for row in rows}


async def test_a_completed_migration_is_shown(admin_browser: AdminBrowser) -> None:
    """The banner is gone, and the report stays available."""
    await admin_browser.sign_in()
    await admin_browser.harness.start()
    await admin_browser.harness.handle.result()
    shown = await admin_browser.open("/settings/general")
    assert "The migration is complete" in words(shown)
    assert page(shown).select_one("aside.banner") is None
    assert "Everyone is connected." in words(await admin_browser.open("/settings/report"))
    assert (await admin_browser.harness.migration.status()).run_state is RunState.COMPLETED


async def test_the_last_person_to_return_sees_that_they_are_done(admin_browser: AdminBrowser) -> None:
    """The new Atlassian account completed the migration before the person returned. The closed cohort still answers."""
    admin_browser.harness.world.opsgenie.add(RosterPerson(email="last@example.com", email_verified=True))
    await admin_browser.harness.start()
    await admin_browser.harness.until("last@example.com", State.AUTHENTICATING)
    await eventually(lambda: admin_browser.harness.world.mailer.sent("last@example.com"))
    link = admin_browser.harness.world.mailer.link("last@example.com", Purpose.AUTHENTICATION)
    await admin_browser.harness.migration.authenticate("last@example.com", OWNER)
    await admin_browser.harness.handle.result()
    back = await admin_browser.open(urlsplit(SignedLinks("https://x.example", [KEY]).return_url(link)).path)
    assert (back.status_code, title(back)) == (200, "You are all set")


async def test_large_counts_are_localized(admin_browser: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are summed over all cohorts and formatted for the reader's language."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 40)
    admin_browser.harness.world.opsgenie.add(
        *(RosterPerson(email=f"p{number}@example.com", blocked=True) for number in range(1_200)),
    )
    admin_browser.browser.headers["Accept-Language"] = "de"
    await admin_browser.sign_in()
    await admin_browser.harness.start()
    await eventually(lambda: shows(admin_browser, "von 1.201 Personen"))
    shown = await admin_browser.open("/settings/general")
    assert "1.200 Übersprungen" in words(shown)
    assert "1.201 Personen" in words(await admin_browser.open("/settings/report"))


async def shows(admin_browser: AdminBrowser, text: str) -> bool:
    """Return whether General contains a text."""
    return text in words(await admin_browser.open("/settings/general"))


async def test_without_temporal_the_page_says_when_to_retry(
    admin_browser: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page links back and does not show the text about people's links."""
    await admin_browser.sign_in()

    async def away(_: Migration) -> MigrationStatus:
        raise TemporalUnreachable("Temporal does not answer.")

    monkeypatch.setattr(Migration, "status", away)
    answer = await admin_browser.open("/settings/general")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "Check again in a few minutes" in words(answer)
    assert "link" not in words(answer).casefold()
    assert page(answer).select_one('a.button[href="/settings/general"]')


async def test_admins_share_one_migration(admin_browser: AdminBrowser) -> None:
    """Each request is recorded in the name of the admin who made it."""
    admin_browser.harness.world.opsgenie.add(RosterPerson(email="adam@example.com", role=ADMIN, email_verified=True))
    await start_in_portal(admin_browser)
    admin_browser.browser.cookies.clear()
    await admin_browser.sign_in("adam@example.com")
    assert "Paused" in words(await admin_browser.send("/settings/general/pause", reason="Lunch"))
    assert (await admin_browser.harness.migration.audit()).entries[0].by.name == "adam@example.com"


async def test_pages_without_a_migration_redirect_to_general(admin_browser: AdminBrowser) -> None:
    """Pages that have nothing to show without a migration redirect instead of showing a dead end."""
    await admin_browser.sign_in()
    for path in (SITE, "/settings/report", "/settings/report.csv"):
        assert (await admin_browser.open(path)).url.path == "/settings/general"
    assert "There is nothing here yet." in words(await admin_browser.open("/settings/audit"))
