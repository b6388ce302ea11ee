"""A person's journey in a real browser, from the email through Atlassian's page to *done*. Every process is real."""

from playwright.async_api import Browser, Page, expect

from dev.demo.mails import Mail, MailKind
from dev.demo.records import AtlassianAccount, SamplePerson
from tests.browser.chromium import DESKTOP, PHONE, check_page
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.conftest import machine
from tests.e2e.machine import Machine
from tests.workflows.harness import eventually

__all__ = ["machine"]


async def start_migration(machine: Machine, name: str, *people: SamplePerson) -> int:
    """Start a migration of these people; return the number of emails that were sent before.

    An owner and a person who never reads email keep it from completing when these people are done.
    """
    owner = SamplePerson(f"olga@{name}.example.com", "Olga Owner", role="owner", atlassian=AtlassianAccount.VERIFIED)
    away = SamplePerson(f"away@{name}.example.com", "Ada Away")
    since = await machine.load(Account(name, [owner, away, *people]))
    ran = await machine.starter("start", name, "--initiator", owner.email, "--site", accounts.SITE, "--yes")
    assert ran.code == 0, ran
    return since


async def wait_for_mail(machine: Machine, since: int, email: str, purpose: MailKind) -> Mail:
    """Wait for an email to a person, and return it."""
    found: list[Mail] = []

    def came() -> bool:
        found[:] = [one for one in machine.mails(since) if (one.recipient, one.kind) == (email, purpose)]
        return bool(found)

    await eventually(came)
    return found[-1]


async def title(page: Page) -> str:
    """Return the page's heading."""
    return (await page.locator("h1").inner_text()).strip()


async def test_a_person_goes_from_the_email_to_done(browser: Browser, machine: Machine) -> None:
    """The person verifies, visits the decline page, sets up the account and returns. Each page is accessible."""
    bo = SamplePerson("bo@way.example.com", "Bo Lind", verified=False)
    since = await start_migration(machine, "way", bo)
    context = await browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]  # a literal
    page = await context.new_page()
    first = await wait_for_mail(machine, since, bo.email, MailKind.VERIFY)
    await page.goto(first.link)
    await check_page(page, "verify")
    await page.get_by_role("link", name="This is not my account").click()
    await check_page(page, "decline")
    await page.get_by_role("link", name="This is my account").click()
    await page.get_by_role("button", name="Confirm my email address").click()
    await check_page(page, "verified")
    second = await wait_for_mail(machine, since, bo.email, MailKind.AUTHENTICATE)
    await page.goto(second.link)
    await check_page(page, "authenticate")
    await page.get_by_role("button", name="Continue to Atlassian").click()
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Set up account").click()
    await page.get_by_role("link", name="Continue").click()
    await expect(page.locator("h1")).to_have_text("You are all set")
    await check_page(page, "done")
    await context.close()


async def test_the_journey_works_in_japanese_on_a_phone_without_scripts(browser: Browser, machine: Machine) -> None:
    """No step needs scripts, English, or a large screen."""
    rin = SamplePerson("rin@phone.example.com", "小林 凛", verified=False, locale="ja_JP")
    since = await start_migration(machine, "phone", rin)
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]  # a literal
    page = await context.new_page()
    await page.goto((await wait_for_mail(machine, since, rin.email, MailKind.VERIFY)).link)
    assert await title(page) == "メールアドレスを確認してください"
    assert await page.locator("html").get_attribute("lang") == "ja"
    await page.get_by_role("button", name="メールアドレスを確認する").click()
    await page.goto((await wait_for_mail(machine, since, rin.email, MailKind.AUTHENTICATE)).link)
    await page.get_by_role("button", name="Atlassian に進む").click()
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Set up account").click()
    await page.get_by_role("link", name="Continue").click()
    await expect(page.locator("h1")).to_have_text("すべて完了しました")
    await context.close()
