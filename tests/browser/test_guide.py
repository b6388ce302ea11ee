"""An owner follows the guide in a real browser, from the banner to the completion page."""

from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.sites import Site
from landbridge.integrations.link_tokens import SignedLinks
from tests.browser.chromium import check_page
from tests.portal.conftest import KEY
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually

ANN, BEN = "ann@example.com", "ben@example.com"


def prepare(harness: MigrationHarness) -> None:
    """Add two people, a site that the owner cannot choose, and a site name that is taken."""
    harness.world.opsgenie.add(
        RosterPerson(email=ANN, name="Ann Lee", email_verified=True),
        RosterPerson(email=BEN, name="Ben <b>Ortiz</b>"),
    )
    harness.world.atlassian.listed_sites.append(
        Site(id="cloud-wiki", name="acme-wiki", url="https://acme-wiki.atlassian.net")
    )
    harness.world.atlassian.taken.add("acme-ops")


async def open_link(page: Page, harness: MigrationHarness) -> None:
    """Open the newest sign-in link, as from an email program."""
    await eventually(lambda: bool(harness.world.mailer.sign_in_links))
    claims = harness.world.mailer.sign_in_links[-1].claims
    await page.goto(urlsplit(SignedLinks("https://x.example", [KEY]).sign_in_url(claims)).path)


async def sign_in(page: Page, harness: MigrationHarness) -> None:
    """Sign in, starting at the portal's root."""
    await page.goto("/")
    await page.get_by_label("Your email address in Opsgenie").fill(OWNER_EMAIL)
    await page.get_by_role("button", name="Send me a link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")
    await open_link(page, harness)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("General")


async def reload_until_shown(page: Page, text: str) -> None:
    """Reload the page, as people without scripts do, until it shows a text."""

    async def shown() -> bool:
        await page.goto("/settings/general")
        return await page.get_by_text(text).count() > 0

    await eventually(shown)


async def test_an_owner_completes_the_guide(desktop: Page, harness: MigrationHarness) -> None:
    """The owner signs in, starts, enters a taken name, chooses a suggestion, migrates and reads the report."""
    prepare(harness)
    page = desktop
    await page.goto("/")
    await check_page(page, "sign-in")
    await sign_in(page, harness)
    # 1 - Initiating the connection
    await check_page(page, "general-invitation")
    await page.get_by_role("link", name="Start the migration").click()
    await page.get_by_role("button", name="Migrate to an Atlassian site").click()
    # 2 - Connect an existing Atlassian site: the page shows this task without a reload
    await page.get_by_role("link", name="Choose a site").click()
    await expect(page.get_by_label("acme-wiki")).to_be_disabled()
    await check_page(page, "choose-a-site")
    # 4 - Create a new Atlassian site
    name = page.get_by_label("Site name")
    await name.fill("Acme Ops")
    await expect(page.get_by_text("A site name may contain only lowercase letters")).to_be_visible()
    await check_page(page, "invalid-site-name")
    await name.fill("acme-ops")
    await expect(page.locator("#name-problem")).to_be_empty()
    await page.get_by_label("First name").fill("Olga")
    await page.get_by_label("Last name").fill("Owner")
    await page.get_by_role("button", name="Create this site").click()
    await check_page(page, "review")
    await page.get_by_role("button", name="Migrate").click()
    await expect(page.get_by_role("alert")).to_contain_text("is or was already in use")
    await check_page(page, "taken-site-name")
    await page.get_by_role("button", name="acme-ops-team").click()
    await page.get_by_role("button", name="Migrate").click()
    # 5 - Authentication Process
    await expect(page.get_by_role("status").first).to_contain_text("Your team is moving")
    await expect(page.get_by_text("1 of 3 people are connected")).to_be_visible()
    await check_page(page, "general-running")
    # 6 - Check if your users are verified
    await harness.until(BEN, State.EMAIL_UNVERIFIED)
    await page.get_by_role("link", name="Open the report").click()
    await expect(page.get_by_text("Ben <b>Ortiz</b>")).to_be_visible()
    await check_page(page, "report-so-far")
    await page.get_by_role("link", name="Back to General").click()
    for email in (ANN, BEN):
        harness.world.atlassian.account(email, verified=True)
    await page.get_by_role("button", name="Refresh now").click()
    # 7 - Migration complete
    await expect(page.get_by_text("The migration is complete")).to_be_visible()
    await check_page(page, "general-complete")
    await page.get_by_role("link", name="Open the report").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Migration complete")
    await check_page(page, "report-complete")
    await page.get_by_role("link", name="Audit").click()
    await expect(page.get_by_role("row")).to_have_count(4)
    await check_page(page, "audit")
    await page.go_back()
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Download everyone as CSV").click()
    assert len((await (await started.value).path()).read_text().splitlines()) == 4


async def test_the_guide_works_on_a_phone_without_scripts(plain: Page, harness: MigrationHarness) -> None:
    """Every step works with links and buttons alone, on a small screen."""
    prepare(harness)
    page = plain
    await sign_in(page, harness)
    await page.get_by_role("button", name="Migrate to an Atlassian site").click()
    await reload_until_shown(page, "Choose a site, or name a new one.")
    await page.get_by_role("link", name="Choose a site").click()
    await page.get_by_label("acme acme.atlassian.net").check()
    await page.get_by_role("button", name="Use this site").click()
    await page.get_by_role("button", name="Migrate").click()
    await reload_until_shown(page, "1 of 3 people are connected")
    for email in (ANN, BEN):
        harness.world.atlassian.account(email, verified=True)
    await page.get_by_role("button", name="Refresh now").click()
    await reload_until_shown(page, "The migration is complete")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


async def test_the_pages_fit_a_phone(phone: Page, harness: MigrationHarness) -> None:
    """Nothing is cut off or needs sideways scrolling, in light and dark mode."""
    prepare(harness)
    page = phone
    await sign_in(page, harness)
    await check_page(page, "general-invitation")
    await harness.start(site="")
    await reload_until_shown(page, "Choose a site, or name a new one.")
    await check_page(page, "general-waiting")
    await page.goto("/settings/site")
    await check_page(page, "choose-a-site")
    await harness.migration.choose_site("acme", by=Actor())
    await reload_until_shown(page, "1 of 3 people are connected")
    await check_page(page, "general-running")
    await page.goto("/settings/report")
    await check_page(page, "report-so-far")


async def test_a_cancelled_migration_can_be_started_again(
    desktop: Page, phone: Page, harness: MigrationHarness
) -> None:
    """The cancel page asks for confirmation. The status then updates without a reload and offers another migration."""
    prepare(harness)
    await harness.start()
    await harness.until(ANN, State.AUTHENTICATING)
    page = desktop
    await sign_in(page, harness)
    await page.get_by_role("link", name="Cancel this migration").click()
    await check_page(page, "cancel")
    await page.get_by_role("button", name="Cancel the migration").click()
    await expect(page.get_by_label("Reason for cancelling")).to_be_focused()
    await page.get_by_label("Reason for cancelling").fill("The merger is off.")
    await page.get_by_label("Also revoke the invitations").check()
    await page.get_by_role("button", name="Cancel the migration").click()
    # Invitations may be revoked before the migration has ended, so wait for the next refresh of the page.
    await expect(page.get_by_role("button", name="Migrate to an Atlassian site")).to_be_visible()
    await expect(page.get_by_text("were revoked")).to_be_visible()
    await check_page(page, "general-cancelled")
    await phone.context.add_cookies(await page.context.cookies())  # type: ignore[arg-type]  # what one context gives
    await phone.goto("/settings/general")
    await check_page(phone, "general-cancelled")
    await page.get_by_role("button", name="Migrate to an Atlassian site").click()
    await expect(page.get_by_role("link", name="Choose a site")).to_be_visible()
    await phone.goto("/settings/general/cancel")
    await check_page(phone, "cancel")


async def test_a_hidden_page_stops_polling_and_refreshes_when_shown(desktop: Page, harness: MigrationHarness) -> None:
    """A hidden page sends no requests. When it becomes visible, it refreshes immediately."""
    await harness.start(site="")
    page, asked = desktop, list[str]()
    await sign_in(page, harness)
    await expect(page.get_by_role("link", name="Choose a site")).to_be_visible()
    await page.evaluate("document.getElementById('live').dataset.seconds = 3600")
    await set_visibility(page, hidden=True)
    # Count only `fetch` requests, because the browser may request the icon at any time.
    page.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)
    await harness.migration.pause("Over the holidays.", Actor())
    await set_visibility(page, hidden=True)
    assert asked == []
    await set_visibility(page, hidden=False)
    await expect(page.get_by_text("Over the holidays.")).to_be_visible()


async def set_visibility(page: Page, *, hidden: bool) -> None:
    """Make the page believe that it is hidden or visible; a headless browser is never hidden."""
    await page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


async def test_the_guide_works_with_the_keyboard(desktop: Page, harness: MigrationHarness) -> None:
    """Tab, space and enter are enough to sign in, start and choose a site. The focus is always visible."""
    prepare(harness)
    page = desktop
    await page.goto("/")
    await focus(page, "Your email address in Opsgenie")
    await page.keyboard.type(OWNER_EMAIL)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")
    await open_link(page, harness)
    await press(page, "Sign in")
    await press(page, "Migrate to an Atlassian site")
    await expect(page.get_by_role("link", name="Choose a site")).to_be_visible()
    await press(page, "Choose a site")
    await focus(page, "acme")
    await page.keyboard.press("Space")
    await press(page, "Use this site")
    await press(page, "Migrate")
    await expect(page.get_by_role("status").first).to_contain_text("Your team is moving")


async def press(page: Page, name: str) -> None:
    """Move to a button or link with Tab, and press it."""
    await focus(page, name)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def focus(page: Page, name: str) -> None:
    """Press Tab until the element with this name has the focus, and assert that the focus is visible."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [(e.labels?.[0]?.innerText ?? e.innerText ?? '').trim(), s.outlineStyle]; }"
        )
        if focused[0].startswith(name):
            assert focused[1] != "none", f"the focus on {name} cannot be seen"
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")
