"""The people of the sample account. They do what people can do: read their mail, open links, press buttons.

They know no more than people know. There is no private door here to the migration, its store or the emulator.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dev.demo import mails
from dev.demo.browser import Browser, Page, PageDoesNotOpen
from dev.demo.mails import Mail

_LOOK_SECONDS = 0.2
"""Between two looks into the mailbox folder."""
_TRIES = 10
"""Times that someone opens a page which does not show, or presses buttons in a row."""
_NEW_LINK = "Send me a new link"
_SEED = 25
"""Of the pauses people make: the same in every demo."""


class Habit(StrEnum):
    """How someone deals with mail that wants something of them."""

    PROMPT = "opens the mail and does what it says"
    SCANNED = "has a mail scanner that opens every link first"
    INTERRUPTED = "opens the page, is called away, and comes back later"
    FORGETFUL = "cannot find the mail, asks the admin for it, and then opens the old one"


class Doing(StrEnum):
    """What someone did."""

    SCANNED = "reads a mail whose link a scanner has opened"
    LEFT = "opens the page and is called away"
    CONFIRMED = "confirms the email address"
    SET_UP = "sets up the Atlassian account"
    SIGNED_IN = "signs in by single sign-on"
    CALLED = "cannot find the mail and calls the admin"
    ASKED = "has opened an old mail and asks for a new link"


@dataclass(frozen=True)
class AdminAct:
    """Something that a person did, as they would tell it."""

    email: str
    """As `domain.addresses.key` compares it."""
    name: str
    doing: Doing
    newest_mail: int = 0
    """The newest mail, of anyone, when they did it."""
    still_asked: bool = True
    """After a scanner: the page asked the person all the same."""


class People:
    """Everyone who gets mail."""

    def __init__(
        self,
        mailbox: Path,
        names: Mapping[str, str],
        habits: Mapping[str, Habit],
        *,
        call_admin: Callable[[str], None],
        tell: Callable[[AdminAct], None],
    ) -> None:
        """Take the folder in which mail arrives.

        Arguments:
            mailbox: the folder.
            names: everyone's name by address, as `domain.addresses.key` compares it.
            habits: of those who do not simply do what their mail says, by the same.
            call_admin: by phone, so to speak; gets the address.
            tell: gets each deed.

        """
        self._mailbox = mailbox
        self._names = names
        self._habits = habits
        self._call_admin = call_admin
        self._tell = tell

    async def live(self) -> None:
        """Read mail as it comes, everyone their own, until cancelled."""
        inboxes: dict[str, asyncio.Queue[Mail]] = {}
        arrivals = mails.Arrivals(self._mailbox)
        async with asyncio.TaskGroup() as group:
            while True:
                for mail in arrivals.new():
                    for email in mail.recipients:
                        if email not in inboxes:
                            inboxes[email] = asyncio.Queue()
                            group.create_task(self._someone(email, inboxes[email]).live(), name="a person")
                        inboxes[email].put_nowait(mail)
                await asyncio.sleep(_LOOK_SECONDS)

    def _someone(self, email: str, inbox: asyncio.Queue[Mail]) -> "_Person":
        def tell(doing: Doing, *, newest_mail: int = 0, still_asked: bool = True) -> None:
            self._tell(AdminAct(email, self._names.get(email, email), doing, newest_mail, still_asked))

        return _Person(
            email,
            self._names.get(email, ""),
            self._habits.get(email, Habit.PROMPT),
            inbox,
            newest_mail=lambda: mails.newest(self._mailbox),
            call_admin=lambda: self._call_admin(email),
            tell=tell,
        )


class _Person:
    """One of them."""

    def __init__(
        self,
        email: str,
        name: str,
        habit: Habit,
        inbox: asyncio.Queue[Mail],
        *,
        newest_mail: Callable[[], int],
        call_admin: Callable[[], None],
        tell: Callable[..., None],
    ) -> None:
        self._email = email
        self._name = name
        self._habit = habit
        self._inbox = inbox
        self._newest_mail = newest_mail
        self._call_admin = call_admin
        self._tell = tell
        self._chance = random.Random(f"{_SEED} {email}")  # noqa: S311 - how long somebody dawdles is no secret

    async def live(self) -> None:
        """Deal with one mail after the other."""
        async with AsyncExitStack() as opened:
            browser = await opened.enter_async_context(Browser())
            while True:
                mail = await self._inbox.get()
                if not mail.link:
                    continue
                await self._pause(0.8, 5)
                if self._habit is Habit.FORGETFUL:
                    self._habit = Habit.PROMPT
                    mail = await self._lose_and_find(browser, mail)
                await self._deal_with(browser, mail)

    async def _deal_with(self, browser: Browser, mail: Mail) -> None:
        for _ in range(_TRIES):
            try:
                return await self._follow(browser, mail.link)
            except PageDoesNotOpen:
                await self._pause(0.5, 1.5)
        return None

    async def _follow(self, browser: Browser, link: str) -> None:
        if self._habit is Habit.SCANNED:
            async with Browser() as scanner:
                await scanner.peek(link)
                await scanner.open(link)
        page = await browser.open(link)
        if self._habit is Habit.SCANNED:
            self._tell(Doing.SCANNED, still_asked=bool(page.button) and page.button != _NEW_LINK)
        if self._habit is Habit.INTERRUPTED:
            self._tell(Doing.LEFT)
            await self._pause(1, 2)
            page = await browser.open(link)
        self._habit = Habit.PROMPT
        for _ in range(_TRIES):
            if not page.button:
                break
            await self._pause(0.3, 1)
            page = await self._fill_in_and_press(browser, page)
        if onward := page.onward("Continue to"):
            await browser.open(onward)

    async def _fill_in_and_press(self, browser: Browser, page: Page) -> Page:
        wanted = page.asks_for
        # Told before it is done: nobody may have seen the mail that comes of it yet.
        if page.button == _NEW_LINK:
            self._tell(Doing.ASKED)
        elif page.button.startswith("Confirm"):
            self._tell(Doing.CONFIRMED, newest_mail=self._newest_mail())
        elif "password" in wanted:
            self._tell(Doing.SET_UP)
        elif "single sign-on" in page.button:
            self._tell(Doing.SIGNED_IN)
        answers = {"email": self._email, "name": self._name, "password": secrets.token_urlsafe(12)}
        return await browser.press(page, {field: answers[field] for field in wanted})

    async def _lose_and_find(self, browser: Browser, old: Mail) -> Mail:
        """Ask the admin for the mail, open the old one all the same, and return the newest."""
        self._tell(Doing.CALLED)
        self._call_admin()
        newest = await self._inbox.get()
        await self._pause(1.5, 2)
        with suppress(PageDoesNotOpen, TimeoutError):
            await self._follow(browser, old.link)
            async with asyncio.timeout(5):
                newest = await self._inbox.get()
        return newest

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._chance.uniform(least, most))
