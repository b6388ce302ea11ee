"""A minimal web browser: it opens a page, fills in the form, and presses the button."""

import ssl
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx2
from bs4 import BeautifulSoup, Tag

_TIMEOUT_SECONDS = 20.0
"""Timeout of one request."""
_UNAVAILABLE = {
    httpx2.codes.TOO_MANY_REQUESTS,
    httpx2.codes.BAD_GATEWAY,
    httpx2.codes.SERVICE_UNAVAILABLE,
    httpx2.codes.GATEWAY_TIMEOUT,
}


class PageUnavailable(Exception):
    """The server does not answer, is unavailable, or limits the rate. A retry may succeed."""


class Page:
    """A page that was opened."""

    def __init__(self, response: httpx2.Response) -> None:
        self.url = str(response.url)
        self.status = response.status_code
        self._document = BeautifulSoup(response.text, "html.parser")
        self.title = _text(self._document.find("h1"))

    @property
    def button(self) -> str:
        """The text of the form's button; empty if there is no form."""
        return _text(self._form.find("button")) if self._form else ""

    @property
    def empty_fields(self) -> set[str]:
        """The names of the form's fields without a value."""
        return set(self._fields()) - set(self.filled_fields())

    @property
    def target(self) -> str:
        """The URL that the form is sent to; empty if there is no form."""
        return urljoin(self.url, str(self._form.get("action", ""))) if self._form else ""

    def filled_fields(self) -> dict[str, str]:
        """Return the form's fields that have a value already."""
        return {name: value for name, value in self._fields().items() if value}

    def link_target(self, label: str) -> str:
        """Return the target of the link whose text begins with `label`; empty if there is none."""
        links = (link for link in self._document.find_all("a", href=True) if _text(link).startswith(label))
        return next((urljoin(self.url, str(link["href"])) for link in links), "")

    @property
    def redirect_target(self) -> str:
        """The target of the page's immediate redirect (`meta refresh`); empty if there is none."""
        refresh = self._document.select_one('meta[http-equiv="refresh"]')
        wait, _, url = str(refresh["content"]).partition(";url=") if refresh else ("", "", "")
        return urljoin(self.url, url) if wait == "0" else ""

    @property
    def _form(self) -> Tag | None:
        form = self._document.find("form")
        return form if isinstance(form, Tag) else None

    def _fields(self) -> dict[str, str]:
        inputs = self._form.find_all("input", attrs={"name": True}) if self._form else []
        return {str(field["name"]): str(field.get("value", "")) for field in inputs}


class Browser:
    """The browser of one person: it keeps cookies and follows redirects."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(follow_redirects=True, timeout=_TIMEOUT_SECONDS, verify=_tls_context())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def open(self, url: str) -> Page:
        """Open a page.

        Raises:
            PageUnavailable: a retry may succeed.

        """
        return await self._request("GET", url)

    async def press(self, page: Page, typed: Mapping[str, str] | None = None) -> Page:
        """Fill `typed` into the form's fields, press its button, and return the next page.

        Raises:
            PageUnavailable: a retry may succeed.

        """
        return await self._request("POST", page.target, {**page.filled_fields(), **(typed or {})})

    async def peek(self, url: str) -> None:
        """Request a page with HEAD, as some programs do.

        Raises:
            PageUnavailable: a retry may succeed.

        """
        await self._request("HEAD", url)

    async def _request(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Page:
        try:
            response = await self._client.request(method, url, data=form)
        except httpx2.TransportError:
            raise PageUnavailable from None
        if response.status_code in _UNAVAILABLE:
            raise PageUnavailable
        page = Page(response)
        return await self.open(page.redirect_target) if page.redirect_target else page


@cache
def _tls_context() -> ssl.SSLContext:
    # Shared: creating a context takes 20 ms.
    return ssl.create_default_context()


def _text(tag: object) -> str:
    return " ".join(tag.get_text().split()) if isinstance(tag, Tag) else ""
