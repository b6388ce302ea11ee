"""People's pages in unusual states, checked against the accessibility rules."""

from urllib.parse import urlsplit

from playwright.async_api import Browser

from landbridge.domain.links import LinkState, Purpose
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.portal.clients import Clients
from tests.browser.chromium import PHONE, check_page
from tests.portal.conftest import KEY, PORTAL_URL, running, settings
from tests.portal.fake_clients import InMemoryLinkClient, NoAdmins, claims

LINKS, AUTHENTICATION = SignedLinks(PORTAL_URL, [KEY]), claims(Purpose.AUTHENTICATION)
LINK, RETURN = (urlsplit(url).path for url in (LINKS.url(AUTHENTICATION), LINKS.return_url(AUTHENTICATION)))


async def test_pages_in_unusual_states_pass_the_accessibility_rules(browser: Browser) -> None:
    """The states are expired, closed, declined and checking, on a phone and in German, which has long words."""
    link_client = InMemoryLinkClient()
    async with running(Clients(links=link_client, admins=NoAdmins()), lambda url: settings(portal_url=url)) as url:
        context = await browser.new_context(base_url=url, viewport=PHONE)  # type: ignore[arg-type]  # a literal
        page = await context.new_page()
        for state in (LinkState.EXPIRED, LinkState.CLOSED, LinkState.DECLINED):
            link_client.show(state=state, locale="de_DE")
            await page.goto(LINK)
            assert await page.locator("html").get_attribute("lang") == "de"
            await check_page(page, f"{state}-de")
        link_client.show(locale="de_DE")
        await page.goto(f"{RETURN}?check=99")
        await check_page(page, "checking-de")
        await context.close()
