"""An owner's or admin's browser without scripts, which follows links and submits forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
from bs4 import BeautifulSoup, Tag

from landbridge.integrations.link_tokens import SignedLinks
from tests.portal.conftest import KEY
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
"""Headers that browsers send, besides `Origin`, with a form on one of the portal's own pages."""


def page(response: httpx2.Response) -> BeautifulSoup:
    """Parse a page."""
    return BeautifulSoup(response.text, "html.parser")


def words(response: httpx2.Response) -> str:
    """Return a page's text on one line."""
    return " ".join(page(response).get_text(" ").split())


def title(response: httpx2.Response) -> str:
    """Return a page's heading."""
    heading = page(response).h1
    assert heading, response.text
    return " ".join(heading.text.split())


def form(response: httpx2.Response, action: str) -> dict[str, str]:
    """Return the fields that a form would send if it were submitted unchanged."""
    found = page(response).find("form", action=action)
    assert isinstance(found, Tag), f"no form {action} on {response.url}: {response.text}"
    return {
        str(field["name"]): str(field.get("value", ""))
        for field in found.find_all("input")
        if field.get("name") and (field.get("type") not in {"radio", "checkbox"} or field.has_attr("checked"))
    }


@dataclass
class AdminBrowser:
    """A browser in front of a portal for the Opsgenie account of a `Bench`."""

    browser: httpx2.AsyncClient
    harness: MigrationHarness

    async def open(self, path: str) -> httpx2.Response:
        """Open a page and follow redirects."""
        return await self.browser.get(path, follow_redirects=True)

    async def send(self, action: str, *, on: str = "/settings/general", **fields: object) -> httpx2.Response:
        """Fill in a form on a page, submit it, and return the resulting page."""
        filled = form(await self.open(on), action) | {name: str(value) for name, value in fields.items()}
        return await self.post(action, filled)

    async def post(self, path: str, fields: Mapping[str, str | list[str]] | None = None) -> httpx2.Response:
        """Submit a form as browsers do."""
        return await self.browser.post(path, data=fields, headers=SAME_ORIGIN, follow_redirects=True)

    async def ask_for_link(self, email: str = OWNER_EMAIL) -> httpx2.Response:
        """Request a sign-in link."""
        return await self.post("/sign-in", {"email": email})

    async def link(self, number: int = 1) -> str:
        """Return the path of the link in the `number`-th sign-in email."""
        mails = self.harness.world.mailer.sign_in_links
        await eventually(lambda: len(mails) >= number)
        return urlsplit(SignedLinks("https://x.example", [KEY]).sign_in_url(mails[number - 1].claims)).path

    async def sign_in(self, email: str = OWNER_EMAIL) -> httpx2.Response:
        """Request a link, open it, sign in, and return the first page."""
        before = len(self.harness.world.mailer.sign_in_links)
        await self.ask_for_link(email)
        return await self.post(await self.link(before + 1))

    @property
    def signed_in(self) -> bool:
        """Whether the browser has a session cookie."""
        return any("session" in cookie.name for cookie in self.browser.cookies.jar)
