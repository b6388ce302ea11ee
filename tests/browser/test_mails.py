"""The emails in a phone's email program, checked against the accessibility rules."""

import pytest
from playwright.async_api import Browser

from landbridge.domain.activity_io import NoticeKind
from landbridge.domain.links import Purpose
from landbridge.emails import Rendered
from tests.browser.chromium import PHONE, WCAG, check_page
from tests.integrations.smtp.test_emails import notice, personal

MAILS = {
    **{f"mail-{purpose}": personal(purpose=purpose, reminder=True, locale="de_DE") for purpose in Purpose},
    **{
        f"mail-{kind}": notice(kind, "ja_JP", reason="The merger is off.", by="olga@example.com") for kind in NoticeKind
    },
}


@pytest.mark.parametrize("name", MAILS)
async def test_an_email_passes_the_accessibility_rules_in_light_and_dark(browser: Browser, name: str) -> None:
    """Colours, language and tables are accessible, and no content is wider than the screen."""
    mail: Rendered = MAILS[name]
    context = await browser.new_context(viewport=PHONE)  # type: ignore[arg-type]  # a literal
    page = await context.new_page()
    await page.set_content(mail.html)
    # An email program shows the mail inside its own page, which has the landmarks.
    await check_page(page, name, WCAG)
    await context.close()
