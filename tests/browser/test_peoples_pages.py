"""The pages that people meet when something is not as usual, held against the accessibility rules."""

from urllib.parse import urlsplit

from playwright.async_api import Browser

from landbridge.domain.links import LinkState, Purpose
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.portal.clients import Clients
from tests.browser.chromium import PHONE, look_at
from tests.portal.conftest import KEY, PORTAL_URL, running, settings
from tests.portal.desk import InMemoryLinkClient, NoAdmins, claims

LINKS, AUTHENTICATION = SignedLinks(PORTAL_URL, [KEY]), claims(Purpose.AUTHENTICATION)
LINK, RETURN = (urlsplit(url).path for url in (LINKS.url(AUTHENTICATION), LINKS.return_url(AUTHENTICATION)))


async def test_unusual_pages_pass_the_rules_in_another_language(browser: Browser) -> None:
    """Expired, closed, declined, checking: on a phone, in German, whose words are long."""
    desk = InMemoryLinkClient()
    async with running(Clients(links=desk, admins=NoAdmins()), lambda url: settings(portal_url=url)) as url:
        context = await browser.new_context(base_url=url, viewport=PHONE)  # type: ignore[arg-type]  # a literal
        page = await context.new_page()
        for state in (LinkState.EXPIRED, LinkState.CLOSED, LinkState.DECLINED):
            desk.show(state=state, locale="de_DE")
            await page.goto(LINK)
            assert await page.locator("html").get_attribute("lang") == "de"
            await look_at(page, f"{state}-de")
        desk.show(locale="de_DE")
        await page.goto(f"{RETURN}?check=99")
        await look_at(page, "checking-de")
        await context.close()
