"""People, who can do no more than people can: read their mail, open its link, press the buttons they see."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx2
from bs4 import BeautifulSoup

from tests.verifier import Mail, Mailed, key, read_mail, written

_BETWEEN_LOOKS = 0.05
_AT_ONCE = 6
_PASSWORD = "correct horse battery"  # noqa: S105 - the emulator forgets it


class Away(Exception):
    """A page is not there just now: whoever wants it comes back later."""


class Player:
    """Plays everyone who gets mail from now on, but those who are `idle`."""

    def __init__(self, mailbox: Path, since: int, idle: Collection[str] = ()) -> None:
        self._mailbox = mailbox
        self._idle = {key(who) for who in idle}
        self._since = since
        # Several mails are written at once, so that one with a lower number may appear later.
        self._seen: set[Path] = set()
        self.asleep = False
        """Nobody looks into a mailbox while they sleep."""
        self.dawdle: Callable[[], float] = lambda: 0
        """Seconds that someone lets pass before acting on a mail."""
        self.pressed: set[tuple[str, Mailed]] = set()
        """Who pressed the button of which kind of mail."""
        self.told: list[str] = []
        """What people came across that they did not expect."""

    async def play(self) -> None:
        """Act on every mail, until cancelled."""
        hands = asyncio.Semaphore(_AT_ONCE)
        async with (
            httpx2.AsyncClient(timeout=30, follow_redirects=True, limits=httpx2.Limits(keepalive_expiry=1)) as browser,
            asyncio.TaskGroup() as people,
        ):
            while True:
                for file in [] if self.asleep else sorted(self._mailbox.glob("*.eml")):
                    if int(file.stem) > self._since and file not in self._seen:
                        self._seen.add(file)
                        people.create_task(self._act(browser, hands, read_mail(file)))
                await asyncio.sleep(_BETWEEN_LOOKS)

    async def _act(self, browser: httpx2.AsyncClient, hands: asyncio.Semaphore, mail: Mail) -> None:
        if mail.purpose is Mailed.NOTICE or key(mail.recipient) in self._idle:
            return
        await asyncio.sleep(self.dawdle())
        while True:
            try:
                async with hands:
                    await self._follow(browser, mail)
            except (Away, httpx2.TransportError):
                await asyncio.sleep(_BETWEEN_LOOKS)
            else:
                return

    async def _follow(self, browser: httpx2.AsyncClient, mail: Mail) -> None:
        page = await _open(browser, "GET", mail.link)
        if (button := page.form_to(f"/{mail.purpose}/")) is None:
            return
        if button.endswith("/new"):
            self.told.append(f"mail {mail.number}: the link does not work any more")
            return
        # It may be heard even where no answer comes back.
        self.pressed.add((key(mail.recipient), mail.purpose))
        page = await _open(browser, "POST", button)
        if mail.purpose is Mailed.AUTHENTICATE:
            await self._set_up(browser, page, mail.recipient)

    async def _set_up(self, browser: httpx2.AsyncClient, page: "_Page", recipient: str) -> None:
        """Fill in Atlassian's page, and come back."""
        fields = {"email": written(recipient), "name": "", "password": _PASSWORD}
        if (away := page.link_to("/signup") or page.link_to("/login")) is not None:
            page = await _open(browser, "GET", away)
        for path in ("/signup", "/login"):
            if (button := page.form_to(path)) is not None:
                filled = {name: value or fields.get(name, "") for name, value in page.fields().items()}
                page = await _open(browser, "POST", button, filled)
        if (onward := page.link_to("/return/")) is not None:
            await _open(browser, "GET", onward)


class _Page:
    def __init__(self, response: httpx2.Response) -> None:
        self._url = str(response.url)
        self._soup = BeautifulSoup(response.text, "html.parser")

    def form_to(self, path: str) -> str | None:
        """Return where the page's form goes if that is a path that begins so."""
        return next(
            (where for form in self._soup.select("form") if path in (where := self._there(form["action"]))), None
        )

    def fields(self) -> dict[str, str]:
        return {str(field["name"]): str(field.get("value", "")) for field in self._soup.select("form input[name]")}

    def link_to(self, path: str) -> str | None:
        return next((where for a in self._soup.select("a[href]") if path in (where := self._there(a["href"]))), None)

    def _there(self, where: object) -> str:
        return urljoin(self._url, str(where))


async def _open(browser: httpx2.AsyncClient, method: str, url: str, data: dict[str, str] | None = None) -> _Page:
    response = await browser.request(method, url, data=data)
    # Everyone comes from one address here, and many at once are more than the portal takes of one.
    if response.status_code in {httpx2.codes.SERVICE_UNAVAILABLE, httpx2.codes.TOO_MANY_REQUESTS}:
        raise Away
    assert response.status_code in {200, 202, 410}, f"{method} {response.request.url.path}: {response.status_code}"
    return _Page(response)


@asynccontextmanager
async def playing(mailbox: Path, since: int, idle: Collection[str] = ()) -> AsyncIterator[Player]:
    """Have people act beside the test; what surprises them fails it."""
    player = Player(mailbox, since, idle)
    async with asyncio.TaskGroup() as beside:
        playing = beside.create_task(player.play())
        yield player
        playing.cancel()
