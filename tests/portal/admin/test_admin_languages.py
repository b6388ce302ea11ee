"""An owner who reads German sees no English on any page."""

import re
from datetime import timedelta

import httpx2
import pytest

from landbridge.client.answers import RunState
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.links import Purpose
from landbridge.domain.messages import Step
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from tests.portal.admin.admin_browser import AdminBrowser, form, page, words
from tests.workflows.harness import eventually

ANN, BEN, CY, DEE, GONE = (f"{name}@example.com" for name in ("ann", "ben", "cy", "dee", "gone"))
GENERAL, SITE, USERS, AUDIT, REPORT = (f"/settings/{name}" for name in ("general", "site", "users", "audit", "report"))
REASON = "Nach den Ferien"
ENGLISH = re.compile(
    r"(?<![-\w])(the|is|are|were|and|of|they|their|this|you|your|not|no|has|have|with|by|to|for|since|any|been|waiting|running|"
    r"done|email|sent|mail|verified|account|user|owner|moments|seconds|address|people|person's|near|names|free|who|what|when|again|made|ask)(?![-\w])",
    re.IGNORECASE,
)
"""English words that German uses only as parts of longer words."""


def check_german(response: httpx2.Response) -> None:
    """Check that a page is in German and contains no English except names."""
    found = page(response)
    assert found.html is not None
    assert found.html["lang"] == "de"
    for name in found.find_all(["bdi", "h1", "title"] if "/users/" in response.url.path else "bdi"):
        name.extract()
    page_text = " ".join(found.get_text(" ").split())
    english = [page_text[max(0, match.start() - 40) : match.end() + 40] for match in ENGLISH.finditer(page_text)]
    assert english == [], f"{response.url}: {english}"


@pytest.fixture
async def german(admin_browser: AdminBrowser) -> AdminBrowser:
    """A browser that accepts German, for an account with people in every state."""
    admin_browser.browser.headers["Accept-Language"] = "de-DE,de;q=0.9,en;q=0.5"
    world = admin_browser.harness.world
    world.opsgenie.add(
        RosterPerson(email=ANN, name="Ann Lee", email_verified=True),
        RosterPerson(email=BEN, name="Ben Ortiz"),
        RosterPerson(email=CY, name="Cy Young", blocked=True),
        RosterPerson(email=DEE, name="Dee Dee", email_verified=True),
        RosterPerson(email=DEE, name="Dee Twice", email_verified=True),
        RosterPerson(email=GONE, name="Gus Gone", email_verified=True),
    )
    world.mailer.refused.add(GONE)
    world.atlassian.listed_sites.append(Site(id="w", name="wiki", url="https://wiki.atlassian.net"))
    world.atlassian.taken.add("acme-ops")
    return admin_browser


async def test_choosing_a_site_is_translated(german: AdminBrowser) -> None:
    """The banner, the waiting page, invalid names and sites, and the summary."""
    check_german(await german.open("/"))
    check_german(await german.ask_for_link())
    check_german(await german.post(await german.link()))
    for path in (USERS, AUDIT):
        check_german(await german.open(path))
    check_german(await german.send(f"{GENERAL}/migrate"))
    await eventually(lambda: german.harness.waits_for("Choose a site"))
    for path in (GENERAL, USERS, SITE):
        check_german(await german.open(path))
    checked = await german.browser.get(f"{SITE}/check?name=Acme%20Ops")
    assert "'Acme Ops' passt nicht" in checked.json()["problem"]
    names = {"name": "acme-ops", "first_name": "Olga", "last_name": "Owner"}
    summary = await german.send(f"{SITE}/review", on=SITE, **names)
    check_german(summary)
    taken = await german.post(SITE, form(summary, SITE))
    check_german(taken)
    assert "'acme-ops' ist vergeben" in words(taken)
    for site in ("wiki", "nowhere"):
        check_german(await german.send(f"{SITE}/review", on=SITE, name="", site=site))
    check_german(await german.open(GENERAL))


async def test_a_running_migration_is_translated(german: AdminBrowser) -> None:
    """The status, people in every state, tasks, refusals, and the end."""
    harness = german.harness
    await german.sign_in()
    await harness.start(rules=Rules(resend_cooldown=timedelta(hours=1)))
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await harness.until(GONE, State.UNREACHABLE)
    link = harness.world.mailer.link(BEN, Purpose.VERIFICATION)
    assert await TemporalLinkClient(harness.client).decline(link)
    await harness.until(BEN, State.ATTENTION)
    for path in (GENERAL, USERS, f"{USERS}?group=for_admins", f"{USERS}?group=not_moved", REPORT):
        check_german(await german.open(path))
    listed = await german.open(USERS)
    paths = {link.text.strip(): str(link["href"]) for link in page(listed).select("tbody th a")}
    for name, act in (
        ("Ann Lee", "resend"),
        ("Ann Lee", "correct-email"),
        ("Ben Ortiz", "resend"),
        ("Ben Ortiz", "verify"),
        ("Dee Twice", "correct-email"),
        ("Gus Gone", "exclude"),
        ("Dee Dee", "authenticate"),
    ):
        check_german(await german.open(paths[name]))
        fields = {"email": "a@example.com, b@example.com", "reason": REASON}
        check_german(await german.send(f"{paths[name]}/{act}", on=paths[name], **fields))
    for path in paths.values():
        check_german(await german.open(path))
    check_german(await german.post(f"{USERS}/resend", form(listed, f"{USERS}/resend") | {"person": [ANN, DEE]}))
    check_german(await german.post(f"{USERS}/resend", form(listed, f"{USERS}/resend") | {"person": []}))
    check_german(await german.send(f"{USERS}/resend-all", on=f"{USERS}/resend-all?group=waiting"))
    for act, typed in (
        ("confirm", {}),
        ("deadline", {"deadline": "2001-01-01T00:00"}),
        ("deadline", {"deadline": "2101-01-01T00:00", "at_deadline": "complete_partial"}),
        ("deadline", {"deadline": ""}),
        ("refresh", {}),
        ("pause", {"reason": ""}),
        ("resume", {}),
    ):
        # Without an open task no page has a confirm button, so the test uses another form, as an outdated page could.
        shown = form(await german.open(GENERAL), f"{GENERAL}/{'refresh' if act == 'confirm' else act}")
        check_german(await german.post(f"{GENERAL}/{act}", shown | typed))
    check_german(await german.open(AUDIT))
    check_german(await german.open(f"{GENERAL}/cancel"))
    check_german(await german.send(f"{GENERAL}/cancel", on=f"{GENERAL}/cancel", reason=REASON, undo="1"))
    await harness.handle.result()
    await eventually(lambda: is_over(german))
    for path in (GENERAL, USERS, REPORT, AUDIT):
        check_german(await german.open(path))


async def is_over(german: AdminBrowser) -> bool:
    """Return whether the migration was cancelled and its invitations are revoked."""
    undo = await german.harness.migration.undo()
    return (await german.harness.migration.status()).run_state is RunState.CANCELED and undo is not None and undo.over
