"""Settings → Users in a real browser: on a desktop, on a phone without scripts, and with the keyboard."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from landbridge.domain import roster
from landbridge.domain.messages import Step
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from tests.browser.chromium import DESKTOP, PHONE, check_page
from tests.browser.test_guide import focus, sign_in
from tests.workflows.harness import MigrationHarness, eventually

ANN, BEN, GONE = "ann@example.com", "ben@example.com", "gone@example.com"
USERS = "/settings/users"
ENOUGH_FOR_A_STATE = 170
"""In pixels: enough for a date in small print on one line and the longest state on two lines."""


@pytest.fixture
async def crowd(harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch) -> MigrationHarness:
    """Thirteen people in several cohorts, who have received their first email. One of them is unreachable."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    harness.world.opsgenie.add(
        RosterPerson(email=ANN, name="Ann Lee", email_verified=True),
        RosterPerson(email=BEN, name="Ben <b>Ortiz</b>"),
        RosterPerson(email=GONE, name="Günther-Maximilian von Hohenstein zu Altenburg", email_verified=True),
        RosterPerson(email=f"{'very-long-' * 5}address@{'sub-' * 9}domain.example.com", name="F. O'Neill-García"),
        RosterPerson(email="away@example.com", name="Away", blocked=True),
        *(RosterPerson(email=f"p{n}@example.com", name=f"Person {n}", email_verified=n % 3 > 0) for n in range(7)),
    )
    harness.world.mailer.refused.add(GONE)
    await harness.start(rules=Rules(resend_cooldown=timedelta(hours=1)))
    await eventually(lambda: harness.step_is(Step.VERIFY))
    return harness


async def search(page: Page, text: str) -> None:
    """Search with the form on the page."""
    await page.goto(USERS)
    await page.get_by_label("Name or email address").fill(text)
    await page.get_by_role("button", name="Search").click()


async def test_an_admin_finds_and_helps_people(desktop: Page, crowd: MigrationHarness) -> None:
    """Uses the list, a filter, a search, selecting everyone, and one person's page. axe reports no violations."""
    page = desktop
    await sign_in(page, crowd)
    await page.get_by_role("link", name="Users").click()
    await expect(page.locator("tbody tr")).to_have_count(13)
    await check_page(page, "users")
    await page.get_by_label("Select everyone on this page").check()
    await expect(page.locator("#selected")).to_have_text("Selected: 11")
    await page.get_by_label("Ann Lee", exact=True).uncheck()
    await expect(page.locator("#selected")).to_have_text("Selected: 10")
    crowd.world.mailer.refused.clear()
    await page.get_by_role("button", name="Resend to selected people").click()
    await expect(page.get_by_role("status").first).to_contain_text(
        "One email will be sent. 9 people do not receive an email now."
    )
    await check_page(page, "users-resent")
    await page.get_by_role("link", name="Not verified").click()
    await page.get_by_role("link", name="Resend to everyone in this group…").click()
    await check_page(page, "users-resend-all")
    await page.get_by_role("button", name="Resend to everyone in this group").click()
    await expect(page.get_by_role("alert")).to_contain_text("0 emails will be sent.")
    await search(page, "ortiz")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await check_page(page, "users-found")
    await page.get_by_role("link", name="Ben <b>Ortiz</b>").click()
    await page.get_by_text("Confirm manually").click()
    await check_page(page, "person")
    await page.get_by_role("button", name="Mark the Opsgenie email as verified").click()
    await expect(page.get_by_role("status").first).to_contain_text("Recorded under your name")
    await crowd.until(BEN, State.AUTHENTICATING)
    await search(page, "very-long")
    state = await page.locator("td", has=page.locator(".state")).bounding_box()
    assert state
    assert state["width"] > ENOUGH_FOR_A_STATE, "a long address leaves room for the rest"
    await page.get_by_role("link", name="F. O'Neill-García").click()
    await page.get_by_label("Reason for excluding this person from the migration").fill(
        "Nobody reads this mailbox. " * 5
    )
    await page.get_by_role("button", name="Exclude").click()
    await expect(page.get_by_role("status").first).to_contain_text("Excluded")
    lines = "moments => moments.map(moment => moment.getClientRects().length)"
    assert set(await page.locator(".timeline time").evaluate_all(lines)) == {1}
    await page.get_by_role("link", name="Audit").click()
    await check_page(page, "audit-of-long-addresses")
    await search(page, "nobody of this name")
    await expect(page.get_by_text("No name or address contains this text")).to_be_visible()
    await check_page(page, "users-nobody-found")


async def test_users_works_on_a_phone_without_scripts(plain: Page, phone: Page, crowd: MigrationHarness) -> None:
    """Each person is a card that fits the screen. Search, selection and exclusion work with forms alone."""
    page = plain
    await sign_in(page, crowd)
    await search(page, "günther")
    await page.get_by_role("checkbox").last.check()
    crowd.world.mailer.refused.clear()
    await page.get_by_role("button", name="Resend to selected people").click()
    await expect(page.get_by_role("status").first).to_contain_text("One email will be sent.")
    await page.get_by_role("link", name="Günther-Maximilian").click()
    await page.get_by_label("Reason for excluding this person from the migration").fill("left the company")
    await page.get_by_role("button", name="Exclude").click()
    await expect(page.get_by_role("status").first).to_contain_text("Excluded")
    await phone.context.add_cookies(await page.context.cookies())  # type: ignore[arg-type]  # what one context gives
    await phone.goto(USERS)
    await check_page(phone, "users")
    await phone.get_by_role("link", name="Günther-Maximilian").click()
    await check_page(phone, "person")


async def test_long_words_and_names_fit(
    desktop: Page, browser: Browser, portal_url: str, crowd: MigrationHarness
) -> None:
    """In German, on a desktop and on a phone, nothing is cut off and no word of the navigation is broken."""
    await sign_in(desktop, crowd)
    for size in (DESKTOP, PHONE):
        context = await browser.new_context(base_url=portal_url, viewport=size, locale="de")  # type: ignore[arg-type]  # a literal
        await context.add_cookies(await desktop.context.cookies())  # type: ignore[arg-type]  # what one context gives
        page = await context.new_page()
        for path in ("general", "users", "report", "audit", "general/cancel"):
            await page.goto(f"/settings/{path}")
            assert await page.locator("html").get_attribute("lang") == "de"
            await check_page(page, f"{path.replace('/', '-')}-de")
            for tab in await page.locator(".sections a").all():
                box = await tab.bounding_box()
                assert box
                assert box["height"] < 60
        await context.close()


async def test_users_works_with_the_keyboard(desktop: Page, crowd: MigrationHarness) -> None:
    """Tab, space and enter are enough to find a person and resend their email."""
    page = desktop
    await sign_in(page, crowd)
    await page.goto(USERS)
    await focus(page, "Name or email address")
    await page.keyboard.type("günther")
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(1)
    crowd.world.mailer.refused.clear()
    await focus(page, "Resend to selected people")
    for _ in range(2):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(page.locator("#selected")).to_have_text("Selected: 1")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").first).to_contain_text("One email will be sent.")
