"""Settings → Users over HTTP: the list, search, resend, and the actions for one person."""

import csv
import io
import re
from datetime import timedelta

import httpx2
import pytest
from bs4 import Tag

from landbridge import i18n
from landbridge.client.answers import MigrationStatus
from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.links import TemporalLinkClient
from landbridge.client.migration import Migration
from landbridge.domain import roster
from landbridge.domain.links import Purpose
from landbridge.domain.messages import NotSent, Resent, Step
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.text import text
from landbridge.portal.admin import users as listing
from tests.portal.admin.admin_browser import AdminBrowser, form, page, title, words
from tests.workflows.harness import OWNER_EMAIL, eventually

USERS = "/settings/users"
ANN, BEN, GONE = "ann@example.com", "ben@example.com", "gone@example.com"


@pytest.fixture
async def users(admin_browser: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> AdminBrowser:
    """The browser of an owner with 16 people in several cohorts. Everyone has received the first email."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    monkeypatch.setattr(listing, "PAGE", 10)
    harness = admin_browser.harness
    harness.world.opsgenie.add(
        RosterPerson(email=ANN, name="Ann Lée", email_verified=True),
        RosterPerson(email=BEN, name="Ben <b>Ortiz</b>"),
        RosterPerson(email=GONE, name="=1+1", email_verified=True),
        *(RosterPerson(email=f"p{n}@example.com", email_verified=True) for n in range(12)),
    )
    harness.world.mailer.refused.add(GONE)
    await harness.start(rules=Rules(resend_cooldown=timedelta(hours=1)))
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await admin_browser.sign_in()
    return admin_browser


def people(response: httpx2.Response) -> list[str]:
    """Return the addresses of the people on a page."""
    found = [row.get_text(" ") for row in page(response).select("tbody th")]
    return [re.findall(r"\S+@\S+", text)[0] for text in found]


def link(response: httpx2.Response, label: str) -> str:
    """Return a link's target."""
    found = next((a for a in page(response).find_all("a") if label in a.get_text()), None)
    assert isinstance(found, Tag), f"no link {label}: {words(response)}"
    return str(found["href"])


async def search(users: AdminBrowser, text: str, on: str = USERS) -> httpx2.Response:
    """Search with a page's form."""
    return await users.send(f"{USERS}/search", on=on, search=text)


async def person(users: AdminBrowser, email: str) -> str:
    """Return the path of a person's page."""
    response = await search(users, email)
    assert people(response) == [email]
    return linked(response).partition("?")[0]


def linked(response: httpx2.Response) -> str:
    """Return the list's link to its first person."""
    return str(page(response).select_one("tbody th a")["href"])  # type: ignore[index]  # there is one


async def resend_selected(users: AdminBrowser, on: str, *emails: str) -> httpx2.Response:
    """Select people on a page, and resend."""
    shown = await users.open(on)
    boxes = {str(box["value"]) for box in page(shown).select('input[name="person"]')}
    assert boxes >= set(emails)
    fields = form(shown, f"{USERS}/resend") | {"person": list(emails)}
    return await users.post(f"{USERS}/resend", fields)


async def test_pages_and_filters_show_everyone_once(users: AdminBrowser) -> None:
    """All pages but the last are full, and each filter shows its number of people."""
    first = await users.open(USERS)
    second = await users.open(link(first, "Next page"))
    assert len(people(first)) == 10
    assert len(set(people(first) + people(second))) == 16
    assert "Next page" not in words(second)
    assert len(people(await users.open(link(second, "First page")))) == 10
    for label, emails in (("Done 1", [OWNER_EMAIL]), ("Not verified 1", [BEN]), ("Action needed 1", [GONE])):
        assert people(await users.open(link(first, label))) == emails
    nobody = await users.open(link(first, "Not moved 0"))
    assert "There is nobody in this group." in words(nobody)
    for path in ("?group=everybody", "?page=second", "?page=9.9.9"):
        assert (await users.open(USERS + path)).status_code == 404
    assert "There is nobody left on this page." in words(await users.open(f"{USERS}?page=99.1"))


async def test_a_search_is_not_in_urls(users: AdminBrowser) -> None:
    """Search results can be filtered, paged and cleared."""
    found = await search(users, "LEE")
    assert people(found) == [ANN]
    assert "lee" not in str(found.url).lower()
    many = await search(users, "EXAMPLE example.com")
    assert people(many) == people(await users.open(str(many.url)))
    assert len(people(many)) == 10
    assert len(people(await users.open(link(many, "Next page")))) == 6
    assert people(await users.open(link(many, "Action needed"))) == [GONE]
    assert len(people(await users.open(link(many, "Clear the search")))) == 10
    assert "No name or address contains this text" in words(await search(users, "<script>alert(1)</script>"))
    assert (await search(users, " ")).url.query == b""
    whole = await search(users, f" <mailto:{BEN.upper()}>; ")
    assert people(whole) == [BEN]
    assert "Ben <b>Ortiz</b>" in words(whole)


async def test_links_contain_no_email_addresses(users: AdminBrowser) -> None:
    """Links and forms contain numbers instead of addresses, because paths are logged."""
    for path in (USERS, f"{USERS}?group=for_admins", await person(users, ANN)):
        shown = page(await users.open(path))
        paths = [str(a["href"]) for a in shown.find_all("a")] + [str(f["action"]) for f in shown.find_all("form")]
        assert not [path for path in paths if "@" in path or "%40" in path]


async def test_emails_are_resent_to_selected_people(users: AdminBrowser) -> None:
    """People in the cool-down are skipped, and the page says why. Unreachable people are retried."""
    post = users.harness.world.mailer
    nobody = await users.post(f"{USERS}/resend", form(await users.open(USERS), f"{USERS}/resend"))
    assert "Nobody is selected." in words(nobody)
    post.refused.clear()
    some = await resend_selected(users, f"{USERS}?group=for_admins", GONE)
    assert "One email will be sent." in words(some)
    assert some.url.query == b"group=for_admins"
    await eventually(lambda: post.sent(GONE))
    again = await resend_selected(users, USERS, *people(await users.open(USERS))[1:4])
    assert "0 emails will be sent." in words(again)
    assert "3 people do not receive an email now." in words(again)
    assert "wait" in words(again)
    one = {**form(await users.open(USERS), f"{USERS}/resend"), "only": ANN, "person": BEN}
    alone = await users.post(f"{USERS}/resend", one)
    assert "No email was sent. An email was sent moments ago" in words(alone)


def test_reasons_that_differ_in_a_number_are_shown_once() -> None:
    """The page shows the largest number, and only the first few different reasons."""
    reasons = [text("An email was sent moments ago; wait {seconds} seconds.", seconds=n) for n in (9, 30, 28)]
    waits = [NotSent(email="x", reason=reason) for reason in reasons]
    report = listing.describe_resend(Resent(queued=1_200, not_now=3, refused=waits))
    assert i18n.negotiate("en").render(report) == (
        "1,200 emails will be sent. 3 people do not receive an email now. "
        "An email was sent moments ago; wait 30 seconds."
    )


async def test_people_who_declined_are_marked(users: AdminBrowser) -> None:
    """The list, the report and the CSV file mark them and say what to do."""
    declined = users.harness.world.mailer.link(BEN, Purpose.VERIFICATION)
    assert await TemporalLinkClient(users.harness.client).decline(declined)
    await users.harness.until(BEN, State.ATTENTION)
    for path in (f"{USERS}?group=for_admins", "/settings/report"):
        marks = page(await users.open(path)).select(".mark")
        assert [mark.get_text() for mark in marks] == ["says this is not their account"]
    assert "or resend, which asks them again" in words(await users.open("/settings/report"))
    rows = csv.DictReader(io.StringIO((await users.open("/settings/report.csv")).text))
    assert {row["email"] for row in rows if row["declined"] == "True"} == {BEN}


async def test_resending_to_a_group_needs_confirmation(users: AdminBrowser) -> None:
    """The confirmation page shows the number of people."""
    group = await users.open(f"{USERS}?group=for_admins")
    ask = await users.open(link(group, "Resend to everyone in this group"))
    assert "Action needed: one person" in words(ask)
    users.harness.world.mailer.refused.clear()
    done = await users.post(f"{USERS}/resend-all", form(ask, f"{USERS}/resend-all"))
    assert "One email will be sent." in words(done)
    await eventually(lambda: users.harness.world.mailer.sent(GONE))
    assert (await users.open(f"{USERS}/resend-all?group=done")).status_code == 404


async def test_actions_for_one_person_are_applied_and_recorded(users: AdminBrowser) -> None:
    """Correct, verify, authenticate and exclude appear in the timeline and the audit, with the admin's name."""
    ben, gone, ann = await person(users, BEN), await person(users, GONE), await person(users, ANN)
    shown = await users.open(ben)
    assert title(shown) == "Ben <b>Ortiz</b>"
    assert "Recorded under your name" in words(await users.send(f"{ben}/verify", on=ben))
    await users.harness.until(BEN, State.AUTHENTICATING)
    assert OWNER_EMAIL in words(await users.open(ben)).partition("History")[2]
    await users.send(f"{ben}/authenticate", on=ben)
    await users.harness.until(BEN, State.CONNECTED)
    over = await users.open(ben)
    assert "What you can do" not in words(over)
    assert "already belongs to another person" in words(await users.send(f"{gone}/correct-email", on=gone, email=ANN))
    assert "cannot be used" in words(await users.send(f"{gone}/correct-email", on=gone, email="no address"))
    corrected = await users.send(f"{gone}/correct-email", on=gone, email="Back <back@example.com>;")
    assert "Corrected" in words(corrected)
    assert f"formerly {GONE}" in words(corrected)
    assert "Give a reason" in words(await users.send(f"{ann}/exclude", on=ann, reason=" "))
    excluded = await users.send(f"{ann}/exclude", on=ann, reason="left the company")
    assert "Excluded: the migration no longer waits" in words(excluded)
    assert "Reason left the company" in words(excluded)
    acts = {(entry.act, entry.by.name) for entry in (await users.harness.migration.audit()).entries}
    assert {(act, OWNER_EMAIL) for act in ("verify", "authenticate", "correct_email", "exclude")} <= acts


async def test_a_persons_page_links_back_to_its_list(users: AdminBrowser) -> None:
    """The link is kept after an action. Without a list, the page links to everyone."""
    group = f"{USERS}?group=for_admins"
    there = linked(await users.open(group))
    path, _, query = there.partition("?")
    users.harness.world.mailer.refused.clear()
    for shown in (await users.open(there), await users.send(f"{path}/resend?{query}", on=there)):
        assert link(shown, "Back to the list") == group
    found = await search(users, "lee")
    assert people(await users.open(link(await users.open(linked(found)), "Back to the list"))) == [ANN]
    assert link(await users.open(path), "Back to all users") == USERS


async def test_an_outdated_action_is_refused_with_a_reason(users: AdminBrowser) -> None:
    """The person's page shows the reason."""
    ann = await person(users, ANN)
    before = await users.open(ann)
    forms = {act: form(before, f"{ann}/{act}") for act in ("resend", "authenticate", "exclude")}
    soon = await users.post(f"{ann}/resend", forms["resend"])
    assert "An email was sent moments ago" in words(soon)
    await users.send(f"{ann}/exclude", on=ann, reason="left")
    for act, fields in forms.items():
        answer = await users.post(f"{ann}/{act}", fields | {"reason": "again"})
        assert answer.url.path == ann
        assert page(answer).select_one(".flash.error[role=alert]"), act


async def test_users_needs_a_session_and_the_csrf_token(admin_browser: AdminBrowser) -> None:
    """Other requests are refused or redirected to the sign-in page."""
    for path in (USERS, f"{USERS}/1/1", f"{USERS}/resend-all?group=waiting"):
        assert (await admin_browser.open(path)).url.path == "/sign-in"
    await admin_browser.sign_in()
    fields = {"person": ANN, "search": "x", "group": "for_admins", "reason": "x", "email": ANN}
    person = [f"1/1/{act}" for act in ("resend", "verify", "authenticate", "exclude", "correct-email")]
    for act in ("resend", "search", "resend-all", *person):
        assert (await admin_browser.post(f"{USERS}/{act}", fields)).status_code == 403


async def test_users_is_empty_before_the_migration(admin_browser: AdminBrowser) -> None:
    """No person has a page yet."""
    await admin_browser.sign_in()
    assert "There are no people here yet" in words(await admin_browser.open(USERS))
    nobody = await admin_browser.open(f"{USERS}/1/1")
    assert nobody.status_code == 404
    assert page(nobody).select_one('a[href="/settings/general"]')
    assert "email" not in words(nobody)


@pytest.mark.parametrize("path", [USERS, f"{USERS}?group=unverified"])
async def test_without_a_worker_no_group_is_shown_as_empty(
    users: AdminBrowser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Temporal knows the counts, but only a worker can list the people."""
    status = await users.harness.migration.status()

    async def unanswered(_: Migration) -> MigrationStatus:
        return status.model_copy(update={"progress": None})

    monkeypatch.setattr(Migration, "status", unanswered)
    shown = words(await users.open(path))
    assert "No worker is responding" in shown
    assert "nobody in this group" not in shown


async def test_without_a_worker_the_export_is_answered_with_503(
    users: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response has `Retry-After`, and no partial file is sent."""
    status = await users.harness.migration.status()

    async def unanswered(_: Migration) -> MigrationStatus:
        return status.model_copy(update={"progress": None})

    monkeypatch.setattr(Migration, "status", unanswered)
    answer = await users.browser.get("/settings/report.csv")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


async def test_an_action_without_a_worker_says_when_to_check_again(
    users: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The action may still be carried out. The page does not ask admins to start workers, which they cannot."""

    async def unanswered(_: Migration, _by: Actor) -> None:
        raise NoWorkerAnswers("No worker responds for the migration. Start one (worker.py) and check again.")

    monkeypatch.setattr(Migration, "refresh", unanswered)
    page_text = words(await users.send("/settings/general/refresh"))
    assert "No worker is responding. Your request may still be carried out; check again in a few minutes." in page_text
    assert "worker.py" not in page_text


async def test_the_export_has_everyone_and_no_formulas(users: AdminBrowser) -> None:
    """The file has one line for each person. Cells that a spreadsheet would execute begin with an apostrophe."""
    listed = await users.open(USERS)
    answer = await users.open(link(listed, "Download everyone as CSV"))
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert len(rows) == 16
    assert rows[GONE]["name"] == "'=1+1"
    assert rows[ANN]["next_mail"] > rows[ANN]["mailed_at"]
