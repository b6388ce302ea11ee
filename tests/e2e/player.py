"""Plays the people: reads their mail, opens links, and presses buttons."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx2
from bs4 import BeautifulSoup

from dev.demo import mails
from dev.demo.mails import Mail, MailboxReader, MailKind, key

_POLL_SECONDS = 0.05
_CONCURRENCY = 6
_PASSWORD = "correct horse battery"  # noqa: S105 - the emulator forgets it


class PageUnavailable(Exception):
    """The page cannot be served now; a retry may succeed."""


class Player:
    """Acts for everyone who receives mail, except the `idle` ones."""

    def __init__(self, mailbox: Path, since: int, idle: Collection[str] = ()) -> None:
        self._mailbox = mailbox
        self._idle = {key(who) for who in idle}
        self._reader = MailboxReader(mailbox, since)
        self.asleep = False
        """While it is set, nobody reads mail."""
        self.delay: Callable[[], float] = lambda: 0
        """Returns the seconds between the delivery of a mail and the person's action."""
        self.confirmed: dict[str, int] = {}
        """Who confirmed the email address, by `mails.key`, and the number of the newest mail just before."""
        self.clicks = 0
        """How many buttons of mailed links were pressed."""
        self.problems: list[str] = []
        """Unexpected pages, as sentences."""

    async def play(self) -> None:
        """Act on each mail, until cancelled."""
        slots = asyncio.Semaphore(_CONCURRENCY)
        async with (
            httpx2.AsyncClient(timeout=30, follow_redirects=True, limits=httpx2.Limits(keepalive_expiry=1)) as browser,
            asyncio.TaskGroup() as people,
        ):
            while True:
                for mail in [] if self.asleep else self._reader.new():
                    people.create_task(self._act(browser, slots, mail))
                await asyncio.sleep(_POLL_SECONDS)

    async def _act(self, browser: httpx2.AsyncClient, slots: asyncio.Semaphore, mail: Mail) -> None:
        if mail.kind is MailKind.NOTICE or key(mail.recipient) in self._idle:
            return
        await asyncio.sleep(self.delay())
        while True:
            try:
                async with slots:
                    await self._follow(browser, mail)
            except (PageUnavailable, httpx2.TransportError):
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return

    async def _follow(self, browser: httpx2.AsyncClient, mail: Mail) -> None:
        page = await _open(browser, "GET", mail.link)
        if (button := page.form_to(f"/{mail.kind}/")) is None:
            return
        if button.endswith("/new"):
            self.problems.append(f"The link of mail {mail.number} no longer works")
            return
        # Recorded first: the request may take effect although its answer is lost.
        self.clicks += 1
        if mail.kind is MailKind.VERIFY:
            self.confirmed.setdefault(key(mail.recipient), mails.newest(self._mailbox))
        page = await _open(browser, "POST", button)
        if mail.kind is MailKind.AUTHENTICATE:
            await self._set_up(browser, page, mail.recipient)

    async def _set_up(self, browser: httpx2.AsyncClient, page: "_Page", recipient: str) -> None:
        """Fill in Atlassian's page, and return to the portal."""
        fields = {"email": recipient, "name": "", "password": _PASSWORD}
        if (atlassian := page.link_to("/signup") or page.link_to("/login")) is not None:
            page = await _open(browser, "GET", atlassian)
        for path in ("/signup", "/login"):
            if (button := page.form_to(path)) is not None:
                filled = {name: value or fields.get(name, "") for name, value in page.fields().items()}
                page = await _open(browser, "POST", button, filled)
        if (back := page.link_to("/return/")) is not None:
            await _open(browser, "GET", back)


class _Page:
    def __init__(self, response: httpx2.Response) -> None:
        self._url = str(response.url)
        self._soup = BeautifulSoup(response.text, "html.parser")

    def form_to(self, path: str) -> str | None:
        """Return the target of the first form whose target contains `path`."""
        return self._first_target("form", "action", path)

    def fields(self) -> dict[str, str]:
        return {str(field["name"]): str(field.get("value", "")) for field in self._soup.select("form input[name]")}

    def link_to(self, path: str) -> str | None:
        return self._first_target("a", "href", path)

    def _first_target(self, tag: str, attribute: str, path: str) -> str | None:
        targets = (urljoin(self._url, str(one[attribute])) for one in self._soup.select(f"{tag}[{attribute}]"))
        return next((target for target in targets if path in target), None)


async def _open(browser: httpx2.AsyncClient, method: str, url: str, data: dict[str, str] | None = None) -> _Page:
    response = await browser.request(method, url, data=data)
    # All people share one IP address here, and exceed the portal's rate limit for one address.
    if response.status_code in {httpx2.codes.SERVICE_UNAVAILABLE, httpx2.codes.TOO_MANY_REQUESTS}:
        raise PageUnavailable
    assert response.status_code in {200, 202, 410}, f"{method} {response.request.url.path}: {response.status_code}"
    return _Page(response)


@asynccontextmanager
async def playing(mailbox: Path, since: int, idle: Collection[str] = ()) -> AsyncIterator[Player]:
    """Have people act while the body runs."""
    player = Player(mailbox, since, idle)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(player.play())
        yield player
        playing.cancel()
