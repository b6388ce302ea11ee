"""Settings → Users over real HTTP: who is shown, found, mailed again, and what is done for one person."""

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
async def users(office: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> AdminBrowser:
    """An owner in front of 16 people in several cohorts, who all got their first mail."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    monkeypatch.setattr(listing, "PAGE", 10)
    bench = office.bench
    bench.world.opsgenie.add(
        RosterPerson(email=ANN, name="Ann Lée", email_verified=True),
        RosterPerson(email=BEN, name="Ben <b>Ortiz</b>"),
        RosterPerson(email=GONE, name="=1+1", email_verified=True),
        *(RosterPerson(email=f"p{n}@example.com", email_verified=True) for n in range(12)),
    )
    bench.world.post.refused.add(GONE)
    await bench.start(rules=Rules(resend_cooldown=timedelta(hours=1)))
    await eventually(lambda: bench.step_is(Step.VERIFY))
    await office.sign_in()
    return office


def people(response: httpx2.Response) -> list[str]:
    """Return the addresses of the people on a page."""
    found = [row.get_text(" ") for row in page(response).select("tbody th")]
    return [re.findall(r"\S+@\S+", text)[0] for text in found]


def link(response: httpx2.Response, label: str) -> str:
    """Return where a link leads."""
    found = next((a for a in page(response).find_all("a") if label in a.get_text()), None)
    assert isinstance(found, Tag), f"no link {label}: {words(response)}"
    return str(found["href"])


async def search(users: AdminBrowser, text: str, on: str = USERS) -> httpx2.Response:
    """Search from a page."""
    return await users.send(f"{USERS}/search", on=on, search=text)


async def person(users: AdminBrowser, email: str) -> str:
    """Return the path of someone's page."""
    response = await search(users, email)
    assert people(response) == [email]
    return linked(response).partition("?")[0]


def linked(response: httpx2.Response) -> str:
    """Return where the list leads to its first person."""
    return str(page(response).select_one("tbody th a")["href"])  # type: ignore[index]  # there is one


async def ticked(users: AdminBrowser, on: str, *emails: str) -> httpx2.Response:
    """Tick people on a page, and press the button."""
    shown = await users.open(on)
    boxes = {str(box["value"]) for box in page(shown).select('input[name="person"]')}
    assert boxes >= set(emails)
    fields = form(shown, f"{USERS}/resend") | {"person": list(emails)}
    return await users.post(f"{USERS}/resend", fields)


async def test_pages_and_filters_show_everyone_once(users: AdminBrowser) -> None:
    """As many to a page as fit; each filter says how many it shows."""
    first = await users.open(USERS)
    second = await users.open(link(first, "Next page"))
    assert len(people(first)) == 10
    assert len(set(people(first) + people(second))) == 16
    assert "Next page" not in words(second)
    assert len(people(await users.open(link(second, "First page")))) == 10
    for label, emails in (("Done 1", [OWNER_EMAIL]), ("Not verified 1", [BEN]), ("Waiting for you 1", [GONE])):
        assert people(await users.open(link(first, label))) == emails
    nobody = await users.open(link(first, "Not moved 0"))
    assert "There is nobody in this group." in words(nobody)
    for path in ("?group=everybody", "?page=second", "?page=9.9.9"):
        assert (await users.open(USERS + path)).status_code == 404
    assert "There is nobody on this page any more." in words(await users.open(f"{USERS}?page=99.1"))


async def test_a_search_stays_out_of_addresses(users: AdminBrowser) -> None:
    """What is searched for stands on the page and in no address; it can be narrowed, paged and cleared."""
    found = await search(users, "LEE")
    assert people(found) == [ANN]
    assert "lee" not in str(found.url).lower()
    many = await search(users, "EXAMPLE example.com")
    assert people(many) == people(await users.open(str(many.url)))
    assert len(people(many)) == 10
    assert len(people(await users.open(link(many, "Next page")))) == 6
    assert people(await users.open(link(many, "Waiting for you"))) == [GONE]
    assert len(people(await users.open(link(many, "Clear the search")))) == 10
    assert "Nobody has this in the name" in words(await search(users, "<script>alert(1)</script>"))
    assert (await search(users, " ")).url.query == b""
    whole = await search(users, f" <mailto:{BEN.upper()}>; ")
    assert people(whole) == [BEN]
    assert "Ben <b>Ortiz</b>" in words(whole)


async def test_no_address_stands_in_a_link(users: AdminBrowser) -> None:
    """Links and forms name people by numbers, since paths are logged."""
    for path in (USERS, f"{USERS}?group=for_admins", await person(users, ANN)):
        shown = page(await users.open(path))
        paths = [str(a["href"]) for a in shown.find_all("a")] + [str(f["action"]) for f in shown.find_all("form")]
        assert not [path for path in paths if "@" in path or "%40" in path]


async def test_mail_is_sent_again_to_those_who_are_ticked(users: AdminBrowser) -> None:
    """Whoever got one moments ago gets none, and the page says why; one who was unreachable is tried again."""
    post = users.bench.world.post
    nobody = await users.post(f"{USERS}/resend", form(await users.open(USERS), f"{USERS}/resend"))
    assert "Nobody is ticked." in words(nobody)
    post.refused.clear()
    some = await ticked(users, f"{USERS}?group=for_admins", GONE)
    assert "One mail will go out." in words(some)
    assert some.url.query == b"group=for_admins"
    await eventually(lambda: post.sent(GONE))
    again = await ticked(users, USERS, *people(await users.open(USERS))[1:4])
    assert "0 mails will go out." in words(again)
    assert "3 people get none now." in words(again)
    assert "wait" in words(again)
    one = {**form(await users.open(USERS), f"{USERS}/resend"), "only": ANN, "person": BEN}
    alone = await users.post(f"{USERS}/resend", one)
    assert "No mail was sent. A mail went out moments ago" in words(alone)


def test_reasons_that_differ_in_a_number_are_told_once() -> None:
    """The longest wait stands for all; and no more different ones than one can read."""
    reasons = [text("A mail went out moments ago; wait {total_seconds} seconds.", total_seconds=n) for n in (9, 30, 28)]
    waits = [NotSent(email="x", reason=reason) for reason in reasons]
    told = i18n.negotiate("en").render(listing.told(Resent(queued=1_200, not_now=3, refused=waits)))
    assert told == "1,200 mails will go out. 3 people get none now. A mail went out moments ago; wait 30 seconds."


async def test_who_declined_is_marked(users: AdminBrowser) -> None:
    """The list and the report say it in the reader's words, and what to do about it; the file has it too."""
    declined = users.bench.world.post.link(BEN, Purpose.VERIFICATION)
    assert await TemporalLinkClient(users.bench.client).decline(declined)
    await users.bench.until(BEN, State.ATTENTION)
    for path in (f"{USERS}?group=for_admins", "/settings/report"):
        marks = page(await users.open(path)).select(".mark")
        assert [mark.get_text() for mark in marks] == ["says it is not theirs"]
    assert "or resend, which asks them again" in words(await users.open("/settings/report"))
    rows = csv.DictReader(io.StringIO((await users.open("/settings/report.csv")).text))
    assert {row["email"] for row in rows if row["declined"] == "True"} == {BEN}


async def test_a_whole_group_is_mailed_again_once_that_was_confirmed(users: AdminBrowser) -> None:
    """The page before says how many they are."""
    group = await users.open(f"{USERS}?group=for_admins")
    ask = await users.open(link(group, "Resend to all of them"))
    assert "Waiting for you: one person" in words(ask)
    users.bench.world.post.refused.clear()
    done = await users.post(f"{USERS}/resend-all", form(ask, f"{USERS}/resend-all"))
    assert "One mail will go out." in words(done)
    await eventually(lambda: users.bench.world.post.sent(GONE))
    assert (await users.open(f"{USERS}/resend-all?group=done")).status_code == 404


async def test_an_admin_helps_one_person(users: AdminBrowser) -> None:
    """Correct, verify, authenticate, exclude: each under the admin's name, in the person's timeline and the audit."""
    ben, gone, ann = await person(users, BEN), await person(users, GONE), await person(users, ANN)
    shown = await users.open(ben)
    assert title(shown) == "Ben <b>Ortiz</b>"
    assert "Recorded under your name" in words(await users.send(f"{ben}/verify", on=ben))
    await users.bench.until(BEN, State.AUTHENTICATING)
    assert OWNER_EMAIL in words(await users.open(ben)).partition("What happened")[2]
    await users.send(f"{ben}/authenticate", on=ben)
    await users.bench.until(BEN, State.CONNECTED)
    over = await users.open(ben)
    assert "What you can do" not in words(over)
    assert "is someone's already" in words(await users.send(f"{gone}/correct-email", on=gone, email=ANN))
    assert "cannot be used" in words(await users.send(f"{gone}/correct-email", on=gone, email="no address"))
    corrected = await users.send(f"{gone}/correct-email", on=gone, email="Back <back@example.com>;")
    assert "Corrected" in words(corrected)
    assert f"formerly {GONE}" in words(corrected)
    assert "Give a reason" in words(await users.send(f"{ann}/exclude", on=ann, reason=" "))
    excluded = await users.send(f"{ann}/exclude", on=ann, reason="left the company")
    assert "Excluded: nothing is awaited" in words(excluded)
    assert "Reason left the company" in words(excluded)
    acts = {(entry.act, entry.by.name) for entry in (await users.bench.migration.audit()).entries}
    assert {(act, OWNER_EMAIL) for act in ("verify", "authenticate", "correct_email", "exclude")} <= acts


async def test_the_way_back_from_a_person_leads_to_the_list_one_came_from(users: AdminBrowser) -> None:
    """Also after something was done for them; whoever came from elsewhere is led to everyone."""
    group = f"{USERS}?group=for_admins"
    there = linked(await users.open(group))
    path, _, query = there.partition("?")
    users.bench.world.post.refused.clear()
    for shown in (await users.open(there), await users.send(f"{path}/resend?{query}", on=there)):
        assert link(shown, "Back to the list") == group
    found = await search(users, "lee")
    assert people(await users.open(link(await users.open(linked(found)), "Back to the list"))) == [ANN]
    assert link(await users.open(path), "Back to all users") == USERS


async def test_what_is_not_possible_any_more_is_told(users: AdminBrowser) -> None:
    """A form that was open too long does nothing, and says so on the person's page."""
    ann = await person(users, ANN)
    before = await users.open(ann)
    forms = {act: form(before, f"{ann}/{act}") for act in ("resend", "authenticate", "exclude")}
    soon = await users.post(f"{ann}/resend", forms["resend"])
    assert "A mail went out moments ago" in words(soon)
    await users.send(f"{ann}/exclude", on=ann, reason="left")
    for act, fields in forms.items():
        answer = await users.post(f"{ann}/{act}", fields | {"reason": "again"})
        assert answer.url.path == ann
        assert "in this state: Excluded" in words(answer) or "Nothing is awaited" in words(answer)


async def test_nobody_else_sees_people_or_acts(office: AdminBrowser) -> None:
    """Whoever is not signed in is led to where one signs in; a form without the session's token is refused."""
    for path in (USERS, f"{USERS}/1/1", f"{USERS}/resend-all?group=waiting"):
        assert (await office.open(path)).url.path == "/sign-in"
    await office.sign_in()
    fields = {"person": ANN, "search": "x", "group": "for_admins", "reason": "x", "email": ANN}
    person = [f"1/1/{act}" for act in ("resend", "verify", "authenticate", "exclude", "correct-email")]
    for act in ("resend", "search", "resend-all", *person):
        assert (await office.post(f"{USERS}/{act}", fields)).status_code == 403


async def test_before_the_migration_there_is_nobody(office: AdminBrowser) -> None:
    """The page says so, and whose page it would be does not exist."""
    await office.sign_in()
    assert "There is nobody here yet" in words(await office.open(USERS))
    nobody = await office.open(f"{USERS}/1/1")
    assert nobody.status_code == 404
    assert page(nobody).select_one('a[href="/settings/general"]')
    assert "email" not in words(nobody)


@pytest.mark.parametrize("path", [USERS, f"{USERS}?group=unverified"])
async def test_while_no_worker_answers_no_group_is_called_empty(
    users: AdminBrowser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The numbers come from Temporal, but who it is only workers tell."""
    status = await users.bench.migration.status()

    async def unanswered(_: Migration) -> MigrationStatus:
        return status.model_copy(update={"progress": None})

    monkeypatch.setattr(Migration, "status", unanswered)
    shown = words(await users.open(path))
    assert "No worker answers right now" in shown
    assert "nobody in this group" not in shown


async def test_while_no_worker_answers_there_is_no_export(users: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that fetches it learns that it can come again, and gets no page instead of a file."""
    status = await users.bench.migration.status()

    async def unanswered(_: Migration) -> MigrationStatus:
        return status.model_copy(update={"progress": None})

    monkeypatch.setattr(Migration, "status", unanswered)
    answer = await users.browser.get("/settings/report.csv")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


async def test_an_act_that_no_worker_answers_sends_nobody_to_a_terminal(
    users: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owners and admins start no workers; they learn that it may still be done, and when to look again."""

    async def unanswered(_: Migration, _by: Actor) -> None:
        raise NoWorkerAnswers("No worker answers about the migration. Start one (worker.py) and look again.")

    monkeypatch.setattr(Migration, "refresh", unanswered)
    said = words(await users.send("/settings/general/refresh"))
    assert "No worker answers right now: what you asked for may still be done. Look again in a few minutes." in said
    assert "worker.py" not in said


async def test_the_export_has_everyone_and_runs_nothing(users: AdminBrowser) -> None:
    """One line each, all cohorts; text that a spreadsheet would run begins with an apostrophe."""
    listed = await users.open(USERS)
    answer = await users.open(link(listed, "Download everyone as CSV"))
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert len(rows) == 16
    assert rows[GONE]["name"] == "'=1+1"
    assert rows[ANN]["next_mail"] > rows[ANN]["mailed_at"]
