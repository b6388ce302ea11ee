"""The people of the sample account: they read their mail, open links and press buttons.

They use their mail and the web only. They have no access to the migration, its store or the emulator's state.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dev.demo import mails
from dev.demo.browser import Browser, Page, PageUnavailable
from dev.demo.mails import Mail, MailKind

_POLL_SECONDS = 0.2
"""Time between two reads of the mailbox folder."""
_MAX_ATTEMPTS = 10
"""How often a person tries to open a page, and how many buttons in a row a person presses."""
_NEW_LINK = "Send me a new link"
_SEED = 25
"""Makes everyone's pauses the same in every demo."""


class Habit(StrEnum):
    """How a person deals with mail."""

    PROMPT = "opens the mail and does what it asks for"
    SCANNED = "has a mail scanner that opens every link first"
    INTERRUPTED = "opens the page, leaves, and comes back later"
    FORGETFUL = "cannot find the mail, asks the admin for a new one, and then opens the old one"


class Action(StrEnum):
    """What a person did."""

    SCANNED = "opens a link that a mail scanner opened before"
    LEFT = "opens the page and leaves it"
    CONFIRMED = "confirms the email address"
    SET_UP = "sets up the Atlassian account"
    SIGNED_IN = "signs in with single sign-on"
    CALLED = "cannot find the mail and calls the admin"
    REQUESTED = "opens an old mail and requests a new link"


@dataclass(frozen=True)
class PersonAction:
    """One action of one person."""

    email: str
    """As `mails.key` returns it."""
    name: str
    action: Action
    newest_mail: int = 0
    """With `CONFIRMED`: the number of the newest mail to anyone, just before the person confirmed."""
    link_works: bool = True
    """With `SCANNED`: whether the page still shows its button."""


class People:
    """Everyone who receives mail."""

    def __init__(
        self,
        mailbox: Path,
        names: Mapping[str, str],
        habits: Mapping[str, Habit],
        *,
        call_admin: Callable[[str], None],
        report: Callable[[PersonAction], None],
    ) -> None:
        """Create the people.

        Arguments:
            mailbox: the folder into which mail is delivered.
            names: everyone's name, by `mails.key` of the address.
            habits: everyone's habit, by the same key; the default is `PROMPT`.
            call_admin: called with the address of a person who cannot find a mail.
            report: called with each action, before its effects can be seen.

        """
        self._mailbox = mailbox
        self._names = names
        self._habits = habits
        self._call_admin = call_admin
        self._report = report

    async def act(self) -> None:
        """Have everyone act on their mail, until cancelled."""
        inboxes: dict[str, asyncio.Queue[Mail]] = {}
        reader = mails.MailboxReader(self._mailbox)
        async with asyncio.TaskGroup() as group:
            while True:
                for mail in reader.new():
                    for email in map(mails.key, mail.recipients):
                        if email not in inboxes:
                            inboxes[email] = asyncio.Queue()
                            group.create_task(self._person(email, inboxes[email]).act(), name="a person")
                        inboxes[email].put_nowait(mail)
                await asyncio.sleep(_POLL_SECONDS)

    def _person(self, email: str, inbox: asyncio.Queue[Mail]) -> "_Person":
        def report(action: Action, *, newest_mail: int = 0, link_works: bool = True) -> None:
            self._report(PersonAction(email, self._names.get(email, email), action, newest_mail, link_works))

        return _Person(
            email,
            self._names.get(email, ""),
            self._habits.get(email, Habit.PROMPT),
            inbox,
            newest_mail=lambda: mails.newest(self._mailbox),
            call_admin=lambda: self._call_admin(email),
            report=report,
        )


class _Person:
    """One person."""

    def __init__(
        self,
        email: str,
        name: str,
        habit: Habit,
        inbox: asyncio.Queue[Mail],
        *,
        newest_mail: Callable[[], int],
        call_admin: Callable[[], None],
        report: Callable[..., None],
    ) -> None:
        self._email = email
        self._name = name
        self._habit = habit
        self._inbox = inbox
        self._newest_mail = newest_mail
        self._call_admin = call_admin
        self._report = report
        self._chance = random.Random(f"{_SEED} {email}")  # noqa: S311 - pauses, not secrets

    async def act(self) -> None:
        """Act on each mail, until cancelled."""
        async with Browser() as browser:
            while True:
                mail = await self._inbox.get()
                if mail.kind is MailKind.NOTICE:
                    continue
                await self._pause(0.8, 5)
                if self._habit is Habit.FORGETFUL:
                    self._habit = Habit.PROMPT
                    mail = await self._lose_mail(browser, mail)
                await self._act_on(browser, mail)

    async def _act_on(self, browser: Browser, mail: Mail) -> None:
        for _ in range(_MAX_ATTEMPTS):
            with suppress(PageUnavailable):
                await self._follow(browser, mail.link)
                return
            await self._pause(0.5, 1.5)

    async def _follow(self, browser: Browser, link: str) -> None:
        if self._habit is Habit.SCANNED:
            async with Browser() as scanner:
                await scanner.peek(link)
                await scanner.open(link)
        page = await browser.open(link)
        if self._habit is Habit.SCANNED:
            self._report(Action.SCANNED, link_works=bool(page.button) and page.button != _NEW_LINK)
        if self._habit is Habit.INTERRUPTED:
            self._report(Action.LEFT)
            await self._pause(1, 2)
            page = await browser.open(link)
        self._habit = Habit.PROMPT
        for _ in range(_MAX_ATTEMPTS):
            if not page.button:
                break
            await self._pause(0.3, 1)
            page = await self._fill_in_and_press(browser, page)
        if target := page.link_target("Continue to"):
            await browser.open(target)

    async def _fill_in_and_press(self, browser: Browser, page: Page) -> Page:
        missing = page.empty_fields
        # Report before pressing the button, because that may cause a mail immediately.
        if page.button == _NEW_LINK:
            self._report(Action.REQUESTED)
        elif page.button.startswith("Confirm"):
            self._report(Action.CONFIRMED, newest_mail=self._newest_mail())
        elif "password" in missing:
            self._report(Action.SET_UP)
        elif "single sign-on" in page.button:
            self._report(Action.SIGNED_IN)
        values = {"email": self._email, "name": self._name, "password": secrets.token_urlsafe(12)}
        return await browser.press(page, {field: values[field] for field in missing})

    async def _lose_mail(self, browser: Browser, old: Mail) -> Mail:
        """Call the admin for a new mail, open the old mail anyway, and return the newest mail."""
        self._report(Action.CALLED)
        self._call_admin()
        newest = await self._inbox.get()
        await self._pause(1.5, 2)
        with suppress(PageUnavailable, TimeoutError):
            await self._follow(browser, old.link)
            async with asyncio.timeout(5):
                newest = await self._inbox.get()
        return newest

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._chance.uniform(least, most))
