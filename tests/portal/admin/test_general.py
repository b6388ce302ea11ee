"""Settings → General, the choice of a site, the report and the audit: over real HTTP and a real worker."""

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


async def begun(office: AdminBrowser) -> None:
    """Sign in and begin a migration, which then waits for the choice of a site."""
    await office.sign_in()
    await office.send(MIGRATE)
    await eventually(lambda: office.bench.waits_for("Choose a site"))


async def test_the_banner_invites_until_a_migration_runs(office: AdminBrowser) -> None:
    """Before, there is the banner on each page and the button; the button starts a migration in the visitor's name."""
    await office.sign_in()
    settings = ("/settings/general", "/settings/users", "/settings/audit")
    for path in settings:
        assert page(await office.open(path)).select_one('aside.banner a[href="/settings/general#connection"]')
    assert "The migration has begun" in words(await office.send(MIGRATE))
    for path in settings:
        assert page(await office.open(path)).select_one("aside.banner") is None
    await eventually(lambda: office.bench.waits_for("Choose a site"))
    progress = await office.bench.migration.progress()
    assert progress.initiator == OWNER_EMAIL
    assert (await office.bench.migration.audit()).entries[-1].by == OWNER


async def test_an_account_name_that_fits_no_migration_starts_none(office: AdminBrowser, portal_url: str) -> None:
    """The button checks the name that Opsgenie gave as the page does, whatever mail headers would make of it."""
    office.bench.world.opsgenie.account = office.bench.account = "=?utf-8?q?acme=0D=0ABcc:=20eve@example.com?="
    await office.sign_in()
    assert (await office.open("/settings/general")).status_code == 404
    # The page has no form, so the form's token comes from the session itself.
    cookies = "; ".join(f"{name}={value}" for name, value in office.browser.cookies.items())
    visitor = Request({"type": "http", "headers": [(b"cookie", cookies.encode())]})
    session = Sessions([KEY], secure=urlsplit(portal_url).scheme == "https").read(visitor)
    assert session is not None
    await office.post(MIGRATE, {"csrf": session.csrf})
    with pytest.raises(RPCError, match="not found"):
        await office.bench.handle.describe()


async def test_what_stands_still_is_told(office: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which workflow task fails and what to do, instead of that no worker runs."""
    await begun(office)
    task = FailingTask(
        workflow_id=office.bench.handle.id,
        event=7,
        since=datetime(2026, 11, 28, tzinfo=UTC),
        attempts=3,
        problem=text("A workflow task has failed."),
        remedy=text("Go back to build 1."),
    )

    async def task_of(_: Client, workflow: WorkflowExecutionDescription) -> FailingTask | None:
        return task if workflow.id == task.workflow_id else None

    monkeypatch.setattr(stuck_tasks, "task_of", task_of)
    shown = words(await office.open("/settings/general"))
    assert f"{task.problem} {task.remedy}" in shown


async def test_pressing_migrate_twice_starts_one_migration(office: AdminBrowser) -> None:
    """The second press is told that it runs already."""
    await office.sign_in()
    usual = form(await office.open("/settings/general"), MIGRATE)
    await office.post(MIGRATE, usual)
    assert "runs already" in words(await office.post(MIGRATE, usual))


async def test_all_seven_steps_are_shown(office: AdminBrowser) -> None:
    """Each with its status, and what waits for the admin is on top."""
    await begun(office)
    shown = await office.open("/settings/general")
    assert len(page(shown).select("ol.steps > li")) == len(Step)
    assert "waiting for you" in words(shown)
    assert page(shown).select_one('section.task a[href="/settings/site"]')


async def test_an_existing_site_is_chosen_after_a_summary(office: AdminBrowser) -> None:
    """Nothing has happened before the button under the summary."""
    await begun(office)
    review = await office.send(REVIEW, on=SITE, site="acme")
    assert title(review) == "Ready to migrate?"
    assert "acme.atlassian.net" in words(review)
    assert (await office.bench.migration.progress()).site is None
    assert "Your team moves now" in words(await office.post(SITE, form(review, SITE)))
    await office.bench.until(OWNER_EMAIL, State.CONNECTED)
    chosen = [e for e in (await office.bench.migration.audit()).entries if e.act is Act.CHOOSE_SITE]
    assert [(entry.by, entry.about) for entry in chosen] == [(OWNER, "acme")]


async def test_what_was_chosen_can_be_changed_before_it_counts(office: AdminBrowser) -> None:
    """The summary leads back to the form with everything that was filled in."""
    await begun(office)
    for filled in ({"site": "acme"}, NEW | {"site": ""}):
        review = await office.send(REVIEW, on=SITE, **filled)
        change = page(review).select_one(f'button[formaction="{REVIEW}"]')
        assert change is not None
        shown = await office.post(REVIEW, form(review, SITE) | {str(change["name"]): str(change["value"])})
        assert title(shown) == "Choose a site"
        chosen = page(shown).select_one('input[name="site"][checked]')
        assert (str(chosen["value"]) if chosen else "") == filled["site"]
    kept = [str(field["value"]) for field in page(shown).select("#name, #first-name, #last-name")]
    assert sorted(kept) == sorted(NEW.values())
    assert (await office.bench.migration.progress()).site is None


async def test_a_site_of_others_is_greyed_and_refused(office: AdminBrowser) -> None:
    """The page says why it cannot be selected; a made-up form does not get through either."""
    wiki = Site(id="cloud-wiki", name="acme-wiki", url="https://acme-wiki.atlassian.net")
    office.bench.world.atlassian.listed_sites.append(wiki)
    await begun(office)
    shown = page(await office.open(SITE)).select_one('input[value="acme-wiki"]')
    assert shown is not None
    assert shown.has_attr("disabled")
    for action in (REVIEW, SITE):
        fields = form(await office.open(SITE), REVIEW) | {"site": "acme-wiki"}
        refused = await office.post(action, fields)
        assert refused.status_code == 422
        assert "not a site admin" in words(refused)
    assert (await office.bench.migration.progress()).site is None


def names(response: httpx2.Response) -> list[str]:
    """Return the first and the last name as the form for a new site comes filled in."""
    return [str(field["value"]) for field in page(response).select("#first-name, #last-name")]


@pytest.mark.parametrize(
    "name, first_and_last",
    [("Ana de la Cruz", ["Ana de la", "Cruz"]), ("森\u3000健二", ["健二", "森"]), ("김 민준", ["민준", "김"])],
)
async def test_a_name_is_taken_apart_as_it_is_written(
    office: AdminBrowser, name: str, first_and_last: list[str]
) -> None:
    """The last name is the last word, but the first one in Chinese, Japanese and Korean."""
    office.bench.world.opsgenie.people_listed[0] = RosterPerson(email=OWNER_EMAIL, name=name, role=roster.OWNER)
    await begun(office)
    assert names(await office.open(SITE)) == first_and_last


async def test_an_admin_who_did_not_start_the_migration_is_told_for_whom_the_site_is(office: AdminBrowser) -> None:
    """The initiator becomes its admin: nobody else's name is filled in, and nobody else is told to become one."""
    office.bench.world.opsgenie.add(RosterPerson(email=ADAM, name="Adam Novak", role=ADMIN, email_verified=True))
    wiki = Site(id="cloud-wiki", name="acme-wiki", url="https://acme-wiki.atlassian.net")
    office.bench.world.atlassian.listed_sites.append(wiki)
    await begun(office)
    assert names(await office.open(SITE)) == ["Olga", "Owner"]
    await office.sign_in(ADAM)
    shown = await office.open(SITE)
    assert names(shown) == ["", ""]
    assert f"make {OWNER_EMAIL} a site admin" in words(shown)
    assert f"created for {OWNER_EMAIL}" in words(shown)
    review = words(await office.send(REVIEW, on=SITE, **NEW, site=""))
    assert f"If {OWNER_EMAIL} has no Atlassian account yet" in review


async def test_a_taken_name_comes_back_with_suggestions(office: AdminBrowser) -> None:
    """What was typed is kept, free names are buttons, and one of them goes through."""
    office.bench.world.atlassian.taken.add("acme-new")
    await begun(office)
    review = await office.send(REVIEW, on=SITE, **NEW, site="")
    refused = await office.post(SITE, form(review, SITE))
    assert (refused.status_code, "taken" in words(refused)) == (422, True)
    suggestions = [str(button["value"]) for button in page(refused).select('button[name="suggestion"]')]
    assert suggestions
    # Enter in a field presses a form's first button, which must not be somebody else's idea of a name.
    assert not page(refused).select("form:has(#name) button")[0].has_attr("name")
    wanted = form(await office.open(SITE), REVIEW) | NEW | {"suggestion": suggestions[0]}
    await office.post(SITE, form(await office.post(REVIEW, wanted), SITE))
    created = (await office.bench.handle.result()).site
    assert created is not None
    assert created.name == suggestions[0]


@pytest.mark.parametrize("name", ["ab", "Acme", "-acme", "acme!", "", "x" * 64, "<b>"])
async def test_a_name_against_the_rules_is_told_at_once_and_by_the_server(office: AdminBrowser, name: str) -> None:
    """The script asks while one types; who has none hears it when the form is sent."""
    await begun(office)
    told = (await office.browser.get("/settings/site/check", params={"name": name})).json()["problem"]
    assert told.startswith("A site name has")
    refused = await office.send(REVIEW, on=SITE, **NEW | {"name": name}, site="")
    assert refused.status_code == 422
    assert (await office.browser.get("/settings/site/check", params={"name": "acme-new"})).json() == {"problem": ""}


async def test_tasks_are_confirmed_in_the_portal(office: AdminBrowser) -> None:
    """What Atlassian has no API for is told with the place to do it, and goes on by a button."""
    office.bench.world.atlassian.by_hand = True
    await begun(office)
    review = await office.send(REVIEW, on=SITE, site="acme")
    await office.post(SITE, form(review, SITE))
    await eventually(lambda: office.bench.waits_for("Connect the Opsgenie account"))
    shown = await office.open("/settings/general")
    assert "Connect the Opsgenie account in its settings." in words(shown)
    await office.send("/settings/general/confirm")
    assert await office.bench.handle.result()


async def test_pausing_resuming_and_the_deadline(office: AdminBrowser) -> None:
    """Each reaches the migration in the visitor's name, and the page says so."""
    await begun(office)
    assert "Paused: The mail server moves" in words(
        await office.send("/settings/general/pause", reason="The mail server moves")
    )
    assert "Resumed" in words(await office.send("/settings/general/resume"))
    set_ = await office.send("/settings/general/deadline", deadline="2099-03-01T18:00", at_deadline="complete_partial")
    assert page(set_).select_one('dd time[datetime^="2099-03-01T18:00"]')
    progress = await office.bench.migration.progress()
    assert (progress.paused, progress.at_deadline) == ("", AtDeadline.COMPLETE_PARTIAL)
    refused = await office.send("/settings/general/deadline", deadline="2001-01-01T00:00")
    assert "lies in the past" in words(refused)
    assert "Write the deadline" in words(await office.send("/settings/general/deadline", deadline="tomorrow"))
    assert "no deadline any more" in words(await office.send("/settings/general/deadline", deadline=""))
    shown = words(await office.open("/settings/audit"))
    for sign in ("Started the migration", "Paused", "Resumed", "Set the deadline", OWNER_EMAIL, "in the portal"):
        assert sign in shown
    assert "March 1, 2099, 6:00 PM UTC It ends with whoever is there" in shown.replace("\u202f", " ")
    assert "no deadline You are told, and it waits on" in shown


async def test_what_nobody_proved_is_shown_as_a_claim(office: AdminBrowser) -> None:
    """In the audit and on a person's page: what the portal did is its admin's, what was sent by hand an operator's."""
    bench, ann, bo = office.bench, "ann@example.com", "bo@example.com"
    bench.world.opsgenie.add(RosterPerson(email=ann), RosterPerson(email=bo))
    await office.sign_in()
    await bench.start(by=OWNER)
    await bench.until(ann, State.EMAIL_UNVERIFIED)
    await eventually(lambda: bench.world.post.sent(bo))
    await office.send("/settings/general/pause", reason="Look.")
    await bench.handle.execute_update("resume", {"reason": "Look.", "by": {"source": "admin", "name": OWNER_EMAIL}})
    shown = page(await office.open("/settings/audit"))
    rows = [" ".join(row.get_text(" ").split()) for row in shown.select("tr:has(td)")]
    (paused,), (resumed,) = ([row for row in rows if act in row] for act in ("Paused", "Resumed"))
    assert ("in the portal" in paused, "claimed by an operator" in paused) == (True, False)
    assert ("in the portal" in resumed, "claimed by an operator" in resumed) == (False, True)
    used = bench.world.post.link(ann, Purpose.VERIFICATION)
    by_hand = {**used.model_dump(mode="json", exclude={"cohort_id"}), "use": "followed"}
    await bench.cohort().signal("links_used", {"used": [by_hand]})
    links = SignedLinks("https://x.example", [KEY])
    await office.post(urlsplit(links.url(bench.world.post.link(bo, Purpose.VERIFICATION))).path)
    for email, claims in ((ann, True), (bo, False)):
        person = await bench.until(email, State.AUTHENTICATING)
        said = words(await office.open(f"/settings/users/1/{person.number}"))
        assert ("who claims to be the person" in said, "the person, by the link" in said) == (claims, not claims)


async def test_what_came_of_an_act_is_said_once(office: AdminBrowser) -> None:
    """Loading the page again neither repeats the act nor its news."""
    await begun(office)
    assert "are asked who joined" in words(await office.send("/settings/general/refresh"))
    assert "are asked who joined" not in words(await office.open("/settings/general"))


async def test_the_report_tells_who_did_not_make_it_and_what_to_do(office: AdminBrowser) -> None:
    """People by state with the next step; the file has everyone, and no spreadsheet takes it for a formula."""
    office.bench.world.opsgenie.add(
        RosterPerson(email="eve@example.com", name="=cmd|'/c calc'!A1", email_verified=True),
        RosterPerson(email="bert@example.com", name="Bert <b>", blocked=True),
    )
    await office.sign_in()
    await office.bench.start()
    await office.bench.until("eve@example.com", State.AUTHENTICATING)
    shown = words(await office.open("/settings/report"))
    for sign in ("Bert <b>", "Blocked in Opsgenie", "Ask them to open the authentication email"):
        assert sign in shown
    answer = await office.browser.get("/settings/report.csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="landbridge-{office.bench.account}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["email"] for row in rows} == {OWNER_EMAIL, "eve@example.com", "bert@example.com"}
    assert "'=cmd|'/c calc'!A1" in {row["name"] for row in rows}


async def test_the_end_is_told(office: AdminBrowser) -> None:
    """A completed migration says so, without the banner, and its report stays."""
    await office.sign_in()
    await office.bench.start()
    await office.bench.handle.result()
    shown = await office.open("/settings/general")
    assert "The migration is complete" in words(shown)
    assert page(shown).select_one("aside.banner") is None
    assert "Nobody: everyone is connected." in words(await office.open("/settings/report"))
    assert (await office.bench.migration.status()).run_state is RunState.COMPLETED


async def test_the_last_to_come_back_from_atlassian_is_all_set(office: AdminBrowser) -> None:
    """Their account ended the migration before they were back; the closed cohort still knows them."""
    office.bench.world.opsgenie.add(RosterPerson(email="last@example.com", email_verified=True))
    await office.bench.start()
    await office.bench.until("last@example.com", State.AUTHENTICATING)
    await eventually(lambda: office.bench.world.post.sent("last@example.com"))
    link = office.bench.world.post.link("last@example.com", Purpose.AUTHENTICATION)
    await office.bench.migration.authenticate("last@example.com", OWNER)
    await office.bench.handle.result()
    back = await office.open(urlsplit(SignedLinks("https://x.example", [KEY]).return_url(link)).path)
    assert (back.status_code, title(back)) == (200, "You are all set")


async def test_large_numbers_are_shown_by_state_as_people_write_them(
    office: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many cohorts there are: of many, as they last showed them."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 40)
    office.bench.world.opsgenie.add(
        *(RosterPerson(email=f"p{number}@example.com", blocked=True) for number in range(1_200)),
    )
    office.browser.headers["Accept-Language"] = "de"
    await office.sign_in()
    await office.bench.start()
    await eventually(lambda: shows(office, "von 1.201 Personen"))
    shown = await office.open("/settings/general")
    assert "1.200 Übersprungen" in words(shown)
    assert "1.201 Personen" in words(await office.open("/settings/report"))


async def shows(office: AdminBrowser, text: str) -> bool:
    """Return whether General says something."""
    return text in words(await office.open("/settings/general"))


async def test_without_temporal_the_page_says_when_to_look_again(
    office: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leads back; what it tells people about their links means nothing here."""
    await office.sign_in()

    async def away(_: Migration) -> MigrationStatus:
        raise TemporalUnreachable("Temporal does not answer.")

    monkeypatch.setattr(Migration, "status", away)
    answer = await office.open("/settings/general")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "look again in a few minutes" in words(answer)
    assert "link" not in words(answer).casefold()
    assert page(answer).select_one('a.button[href="/settings/general"]')


async def test_an_admin_may_do_what_another_began(office: AdminBrowser) -> None:
    """Owners and admins share one migration; each act says whose it was."""
    office.bench.world.opsgenie.add(RosterPerson(email="adam@example.com", role=ADMIN, email_verified=True))
    await begun(office)
    office.browser.cookies.clear()
    await office.sign_in("adam@example.com")
    assert "Paused" in words(await office.send("/settings/general/pause", reason="Lunch"))
    assert (await office.bench.migration.audit()).entries[0].by.name == "adam@example.com"


async def test_pages_without_a_migration_lead_to_the_beginning(office: AdminBrowser) -> None:
    """A link to a page that has nothing to show yet is no dead end."""
    await office.sign_in()
    for path in (SITE, "/settings/report", "/settings/report.csv"):
        assert (await office.open(path)).url.path == "/settings/general"
    assert "There is nothing here yet." in words(await office.open("/settings/audit"))
