"""Plays the people: reads their mail, opens links, and presses buttons."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from dev.demo import mails
from dev.demo.browser import Browser, Page, PageUnavailable
from dev.demo.mails import Mail, MailboxReader, MailKind, key

_POLL_SECONDS = 0.05
_CONCURRENCY = 6
_PASSWORD = "correct horse battery"  # noqa: S105 - the emulator forgets it
_EXPECTED_STATUSES = {200, 202, 410}
_MAX_FORMS = 2
"""The sign-up form leads people with single sign-on to the login form."""


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
        async with Browser() as browser, asyncio.TaskGroup() as people:
            while True:
                for mail in [] if self.asleep else self._reader.new():
                    people.create_task(self._act(browser, slots, mail))
                await asyncio.sleep(_POLL_SECONDS)

    async def _act(self, browser: Browser, slots: asyncio.Semaphore, mail: Mail) -> None:
        if mail.kind is MailKind.NOTICE or key(mail.recipient) in self._idle:
            return
        await asyncio.sleep(self.delay())
        while True:
            try:
                async with slots:
                    await self._follow(browser, mail)
            except PageUnavailable:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return

    async def _follow(self, browser: Browser, mail: Mail) -> None:
        page = self._expected(await browser.open(mail.link), mail)
        if page.target.endswith("/new"):
            self.problems.append(f"The link of mail {mail.number} no longer works")
        elif f"/{mail.kind}/" in page.target:
            # Recorded first: the request may take effect although its answer is lost.
            self.clicks += 1
            if mail.kind is MailKind.VERIFY:
                self.confirmed.setdefault(key(mail.recipient), mails.newest(self._mailbox))
            page = self._expected(await browser.press(page), mail)
            if mail.kind is MailKind.AUTHENTICATE:
                await self._set_up(browser, page, mail)

    async def _set_up(self, browser: Browser, page: Page, mail: Mail) -> None:
        """Fill in Atlassian's pages, and return to the portal."""
        values = {"email": mail.recipient, "name": "", "password": _PASSWORD}
        for _ in range(_MAX_FORMS):
            if not page.target:
                break
            page = self._expected(
                await browser.press(page, {name: values.get(name, "") for name in page.empty_fields}), mail
            )
        if back := page.link_target("Continue to"):
            self._expected(await browser.open(back), mail)

    def _expected(self, page: Page, mail: Mail) -> Page:
        if page.status not in _EXPECTED_STATUSES:
            self.problems.append(f"Mail {mail.number} led to a page with status {page.status}")
        return page


@asynccontextmanager
async def playing(mailbox: Path, since: int, idle: Collection[str] = ()) -> AsyncIterator[Player]:
    """Have people act while the body runs."""
    player = Player(mailbox, since, idle)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(player.play())
        yield player
        playing.cancel()
