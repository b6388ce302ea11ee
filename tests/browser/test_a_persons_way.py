"""A person's way in a real browser: from the mail over Atlassian's page to *done*, with every process real."""

from playwright.async_api import Browser, Page, expect

from dev.demo.mails import Mail, MailKind
from dev.demo.records import AtlassianAccount, SamplePerson
from tests.browser.chromium import DESKTOP, PHONE, look_at
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.conftest import machine
from tests.e2e.machine import Machine
from tests.workflows.harness import eventually

__all__ = ["machine"]


async def begun(machine: Machine, name: str, *people: SamplePerson) -> int:
    """Start a migration of these people; return the number of the last mail before.

    An owner needs nothing, and somebody else never reads mail: so it is not over when these people are done.
    """
    owner = SamplePerson(f"olga@{name}.example.com", "Olga Owner", role="owner", atlassian=AtlassianAccount.VERIFIED)
    away = SamplePerson(f"away@{name}.example.com", "Ada Away")
    since = await machine.load(Account(name, [owner, away, *people]))
    ran = await machine.starter("start", name, "--initiator", owner.email, "--site", accounts.SITE, "--yes")
    assert ran.code == 0, ran
    return since


async def mail(machine: Machine, since: int, email: str, purpose: MailKind) -> Mail:
    """Wait for somebody's mail, and return it."""
    found: list[Mail] = []

    def came() -> bool:
        found[:] = [one for one in machine.mails(since) if (one.recipient, one.kind) == (email, purpose)]
        return bool(found)

    await eventually(came)
    return found[-1]


async def title(page: Page) -> str:
    """Return what the page is called."""
    return (await page.locator("h1").inner_text()).strip()


async def test_from_the_mail_to_done(browser: Browser, machine: Machine) -> None:
    """Verify, think about declining, set up the account at Atlassian, come back: each page passes the rules."""
    bo = SamplePerson("bo@way.example.com", "Bo Lind", verified=False)
    since = await begun(machine, "way", bo)
    context = await browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]  # a literal
    page = await context.new_page()
    first = await mail(machine, since, bo.email, MailKind.VERIFY)
    await page.goto(first.link)
    await look_at(page, "verify")
    await page.get_by_role("link", name="This is not my account").click()
    await look_at(page, "decline")
    await page.get_by_role("link", name="It is my account").click()
    await page.get_by_role("button", name="Confirm my email address").click()
    await look_at(page, "verified")
    second = await mail(machine, since, bo.email, MailKind.AUTHENTICATE)
    await page.goto(second.link)
    await look_at(page, "authenticate")
    await page.get_by_role("button", name="Continue to Atlassian").click()
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Set up account").click()
    await page.get_by_role("link", name="Continue").click()
    await expect(page.locator("h1")).to_have_text("You are all set")
    await look_at(page, "done")
    await context.close()


async def test_in_japanese_on_a_phone_without_scripts(browser: Browser, machine: Machine) -> None:
    """Nothing of the way needs scripts, English or a large screen."""
    rin = SamplePerson("rin@phone.example.com", "小林 凛", verified=False, locale="ja_JP")
    since = await begun(machine, "phone", rin)
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]  # a literal
    page = await context.new_page()
    await page.goto((await mail(machine, since, rin.email, MailKind.VERIFY)).link)
    assert await title(page) == "メールアドレスを確認してください"
    assert await page.locator("html").get_attribute("lang") == "ja"
    await page.get_by_role("button", name="メールアドレスを確認する").click()
    await page.goto((await mail(machine, since, rin.email, MailKind.AUTHENTICATE)).link)
    await page.get_by_role("button", name="Atlassian に進む").click()
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Set up account").click()
    await page.get_by_role("link", name="Continue").click()
    await expect(page.locator("h1")).to_have_text("すべて完了しました")
    await context.close()
