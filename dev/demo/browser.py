"""A web browser as far as these people need one: it shows a page, fills in its form, presses its button."""

import ssl
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx2
from bs4 import BeautifulSoup, Tag

_PATIENCE = 20.0
"""Seconds for one page."""


class PageDoesNotOpen(Exception):
    """Nobody answers, or the server has trouble: worth another try in a while."""


class Page:
    """What is on the screen."""

    def __init__(self, response: httpx2.Response) -> None:
        self.url = str(response.url)
        self._seen = BeautifulSoup(response.text, "html.parser")
        self.title = _words(self._seen.find("h1"))

    @property
    def button(self) -> str:
        """What the form's button says; empty if there is no form."""
        return _words(self._form.find("button")) if self._form else ""

    @property
    def asks_for(self) -> set[str]:
        """The names of the fields that are to be filled in."""
        return set(self._fields()) - set(self.filled_in())

    @property
    def target(self) -> str:
        """Where the form goes."""
        return urljoin(self.url, str(self._form.get("action", ""))) if self._form else ""

    def filled_in(self) -> dict[str, str]:
        """Return what stands in the form already."""
        return {name: value for name, value in self._fields().items() if value}

    def onward(self, label: str) -> str:
        """Return where the link leads that begins with these words; empty if there is none."""
        links = (link for link in self._seen.find_all("a", href=True) if _words(link).startswith(label))
        return next((urljoin(self.url, str(link["href"])) for link in links), "")

    @property
    def leads_on(self) -> str:
        """Where the page leads by itself at once; empty if it stays."""
        refresh = self._seen.select_one('meta[http-equiv="refresh"]')
        wait, _, url = str(refresh["content"]).partition(";url=") if refresh else ("", "", "")
        return urljoin(self.url, url) if wait == "0" else ""

    @property
    def _form(self) -> Tag | None:
        form = self._seen.find("form")
        return form if isinstance(form, Tag) else None

    def _fields(self) -> dict[str, str]:
        inputs = self._form.find_all("input", attrs={"name": True}) if self._form else []
        return {str(field["name"]): str(field.get("value", "")) for field in inputs}


class Browser:
    """One person's: it has their cookies, and goes where a page leads by itself."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(follow_redirects=True, timeout=_PATIENCE, verify=_trust())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def open(self, url: str) -> Page:
        """Open a page.

        Raises:
            PageDoesNotOpen: it cannot be shown now.

        """
        return await self._show("GET", url)

    async def press(self, page: Page, typed: Mapping[str, str] | None = None) -> Page:
        """Press the button of the page's form, with what was typed into its fields, and return the next page.

        Raises:
            PageDoesNotOpen: it cannot be shown now.

        """
        return await self._show("POST", page.target, {**page.filled_in(), **(typed or {})})

    async def peek(self, url: str) -> None:
        """Ask for a page's head only, as some programs do.

        Raises:
            PageDoesNotOpen: it cannot be shown now.

        """
        await self._show("HEAD", url)

    async def _show(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Page:
        try:
            response = await self._client.request(method, url, data=form)
        except httpx2.TransportError:
            raise PageDoesNotOpen from None
        if response.is_server_error:
            raise PageDoesNotOpen
        page = Page(response)
        return await self.open(page.leads_on) if page.leads_on else page


@cache
def _trust() -> ssl.SSLContext:
    # One for all: each costs 20 ms.
    return ssl.create_default_context()


def _words(tag: object) -> str:
    return " ".join(tag.get_text().split()) if isinstance(tag, Tag) else ""
