"""Take the screenshots for the README: `make screens`. They show sample data only.

Pytest collects this file only when it is named, so that ordinary test runs do not change the pictures.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, expect

from landbridge.client.links import TemporalLinkClient
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.messages import Step
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import ADMIN, RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from landbridge.integrations.link_tokens import SignedLinks
from tests.browser import chromium
from tests.browser.test_guide import reload_until_shown, sign_in
from tests.portal.conftest import KEY
from tests.workflows.harness import PROOFS, MigrationHarness, eventually

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
ANN, BEN, BO, GONE, RIN = (
    "ann.lee@example.com",
    "ben@example.com",
    "bo@example.com",
    "gone@example.com",
    "rin@example.com",
)
PEOPLE = (
    RosterPerson(email="adam@example.com", name="Adam Novak", role=ADMIN, email_verified=True),
    RosterPerson(email=ANN, name="Ann Lee", email_verified=True),
    RosterPerson(email=BEN, name="Ben Ortiz"),
    RosterPerson(email=BO, name="Bo Lind", email_verified=True),
    RosterPerson(email="away@example.com", name="Emre Demir", blocked=True),
    RosterPerson(email=GONE, name="Günther von Hohenstein", email_verified=True),
    RosterPerson(email="maya@example.com", name="Maya Rao", email_verified=True),
    RosterPerson(email=RIN, name="小林 凛", locale="ja_JP"),
    RosterPerson(email="zoe@example.com", name="Zoé Martin"),
)
OPERATOR = Actor(name="ops")


def prepare(harness: MigrationHarness, account: str) -> None:
    """Add the people, and a site that the owner cannot choose."""
    harness.account = harness.world.opsgenie.account = account
    harness.world.opsgenie.add(*PEOPLE)
    harness.world.mailer.refused.add(GONE)
    wiki = Site(id="cloud-wiki", name="acme-wiki", url="https://acme-wiki.atlassian.net")
    harness.world.atlassian.listed_sites.append(wiki)


async def everyone_mailed(harness: MigrationHarness) -> None:
    """Start the migration, and wait until it waits for people and two of them are done."""
    await harness.start(rules=Rules(resend_cooldown=timedelta(hours=1)))
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await harness.until(GONE, State.UNREACHABLE)
    for email in ("maya@example.com", "adam@example.com"):
        await harness.migration.authenticate(email, OPERATOR)
        await harness.until(email, State.CONNECTED)
    await eventually(lambda: harness.world.mailer.sent("zoe@example.com"))
    assert await TemporalLinkClient(harness.client, PROOFS).decline(
        harness.world.mailer.link("zoe@example.com", Purpose.VERIFICATION)
    )
    await harness.until("zoe@example.com", State.ATTENTION)


async def take(page: Page, name: str, title: str, *, dark: bool = False, up_to: int = 0) -> None:
    """Save a screenshot of a page, no taller than its content."""
    # A click does not wait for the next page, so wait for its heading.
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await page.wait_for_load_state()
    FOLDER.mkdir(parents=True, exist_ok=True)
    assert page.viewport_size
    size = page.viewport_size
    there_is = await page.evaluate(
        "Math.ceil(Math.max(...[...document.body.children].map(e => e.getBoundingClientRect().bottom))) + 32"
    )
    height = min(there_is, up_to or size["height"])
    await page.emulate_media(color_scheme="dark" if dark else "light")
    await page.set_viewport_size({"width": size["width"], "height": height})
    await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
    await page.set_viewport_size(size)


def path(url: str) -> str:
    """Return the path of a URL, so that it opens on the portal under test."""
    return urlsplit(url).path


def mailed(harness: MigrationHarness, email: str, purpose: Purpose) -> LinkClaims:
    """Return the claims of the newest link of this purpose that a person has received."""
    return harness.world.mailer.link(email, purpose)


async def test_owners_and_admins(desktop: Page, harness: MigrationHarness) -> None:
    """The pages from the sign-in to the report of a completed migration."""
    prepare(harness, "acme")
    page = desktop
    await page.goto("/")
    await take(page, "sign-in", "Sign in")
    await sign_in(page, harness)
    await take(page, "banner", "General")
    await page.get_by_role("button", name="Migrate to an Atlassian site").click()
    await page.get_by_role("link", name="Choose a site").click()
    await take(page, "choose-a-site", "Choose a site")
    await page.get_by_label("Site name").fill("acme-operations")
    await page.get_by_label("First name").fill("Olga")
    await page.get_by_label("Last name").fill("Owner")
    await page.get_by_role("button", name="Create this site").scroll_into_view_if_needed()
    await take(page, "new-site", "Choose a site")
    await page.get_by_role("button", name="Create this site").click()
    await take(page, "review", "Ready to migrate?")


async def test_a_running_migration(desktop: Page, phone: Page, harness: MigrationHarness) -> None:
    """General, the list, a person, the report, the audit, and the cancel page."""
    prepare(harness, "acme-ops")
    await everyone_mailed(harness)
    page = desktop
    await sign_in(page, harness)
    await page.reload()
    await take(page, "general", "General", up_to=1450)
    await take(page, "general-dark", "General", dark=True)
    await page.goto("/settings/general/cancel")
    await take(page, "cancel", "Cancel this migration?")
    await page.goto("/settings/users")
    await take(page, "users", "Users", up_to=1450)
    await page.goto("/settings/report")
    await take(page, "report", "Report so far")
    await page.goto("/settings/users")
    await page.get_by_role("link", name="Günther").click()
    await take(page, "person", "Günther von Hohenstein")
    await page.get_by_label("Correct the email address").fill("guenther@example.com")
    await page.get_by_role("button", name="Correct").click()
    await page.goto("/settings/audit")
    await take(page, "audit", "Audit")
    await phone.context.add_cookies(await page.context.cookies())  # type: ignore[arg-type]  # what one context gives
    await phone.goto("/settings/users")
    await take(phone, "users-phone", "Users")
    await phone.get_by_role("link", name="Ann Lee").click()
    await take(phone, "person-phone", "Ann Lee", up_to=965)
    await harness.migration.cancel("The merger is off.", OPERATOR, undo=True)
    await reload_until_shown(page, "were revoked")
    await take(page, "cancelled", "General", up_to=1100)


async def test_a_completed_migration(desktop: Page, harness: MigrationHarness) -> None:
    """The pages of a migration in which everyone has moved."""
    harness.account = harness.world.opsgenie.account = "acme-labs"
    harness.world.opsgenie.add(*PEOPLE[:4])
    for person in PEOPLE[:4]:
        harness.world.atlassian.account(person.email, verified=True)
    await harness.start()
    await harness.handle.result()
    await sign_in(desktop, harness)
    await take(desktop, "complete", "General")


async def test_peoples_pages(desktop: Page, browser: Browser, portal_url: str, harness: MigrationHarness) -> None:
    """The pages behind emailed links; one of them in Japanese on a phone."""
    prepare(harness, "acme-it")
    await everyone_mailed(harness)
    links, page = SignedLinks("https://x.example", [KEY]), desktop
    verify = path(links.url(mailed(harness, BEN, Purpose.VERIFICATION)))
    await page.goto(verify)
    await take(page, "verify", "Confirm your email address")
    await page.goto(f"{verify}/decline")
    await take(page, "decline", "Is this not your account?")
    back = mailed(harness, BO, Purpose.AUTHENTICATION)
    await page.goto(path(links.url(back)))
    await take(page, "authenticate", "Set up your Atlassian account")
    harness.world.atlassian.account(BO, verified=True)
    await page.goto(path(links.return_url(back)))
    await page.get_by_role("heading", name="You are all set").wait_for()
    await take(page, "done", "You are all set")
    size = chromium.PHONE
    context = await browser.new_context(base_url=portal_url, viewport=size)  # type: ignore[arg-type]  # a literal
    japanese = await context.new_page()
    await japanese.goto(path(links.url(mailed(harness, RIN, Purpose.VERIFICATION))))
    await take(japanese, "verify-japanese-phone", "メールアドレスを確認してください")
    await context.close()
