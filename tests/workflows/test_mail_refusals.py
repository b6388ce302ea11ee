"""Whole migrations against an SMTP server that refuses mail, because of single people or because of us.

A real worker sends through real SMTP connections; the scripted server's own record says who got mail.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from temporalio.client import Client

from adapters.mail import SmtpMailer
from domain.errors import NotFound
from domain.people import Actor, State
from domain.roster import RosterPerson
from domain.rules import Rules
from tests.mail.conftest import PlainLinks
from tests.mail.scripted import DOT, Heard, ScriptedServer, nothing_special
from tests.workflows.bench import OWNER_EMAIL, Bench, benched, eventually
from tests.workflows.test_steps import SELDOM

pytestmark = pytest.mark.timeout(120)

BY = Actor(name=OWNER_EMAIL)
QUIET = Rules(poll_interval=SELDOM, poll_interval_at_most=SELDOM, roster_refresh_interval=SELDOM)
"""Nothing happens by itself but mail."""
RELAY, SPAM = "554 5.7.1 Relay access denied", "554 5.7.1 Message blocked as spam"
REFUSED_TO_ALL = [("RCPT", RELAY, "relays mail"), (DOT, SPAM, "SPF or DKIM")]
"""Where a server that turns everyone away says so, how, and what the migration advises."""


def people(number: int, *, start: int = 1, verified: bool = True) -> list[RosterPerson]:
    """Return so many people who are to be mailed."""
    return [RosterPerson(email=f"person{n}@example.com", email_verified=verified) for n in range(start, start + number)]


@dataclass
class Scene:
    """A migration and its mail server."""

    bench: Bench
    server: ScriptedServer

    def mailed(self) -> Counter[str]:
        """Count the mails that the server took, by recipient; the owner's notices are left out."""
        to = (re.search(rb"^To: (.+?)\r$", mail, re.MULTILINE) for mail in self.server.accepted)
        counted = Counter(found[1].decode() for found in to if found)
        del counted[OWNER_EMAIL]
        return counted

    async def states(self) -> Counter[State]:
        """Count the people by state; empty while there are none."""
        try:
            counts = (await self.bench.migration.status()).counts
        except NotFound:
            return Counter()
        return Counter({state: number for state, number in counts.by_state.items() if number})

    async def paused(self, advice: str) -> bool:
        """Whether `status` tells a trouble with this advice."""
        return any(advice in trouble for trouble in (await self.bench.migration.status()).troubles)

    async def all_mailed(self, everyone: Iterable[RosterPerson]) -> bool:
        """Whether the server took exactly one mail for each of these people, and for nobody else."""
        return self.mailed() == Counter(person.email for person in everyone)


@asynccontextmanager
async def scene(client: Client, *, connections: int = 8) -> AsyncIterator[Scene]:
    """Yield a migration that is not started yet, and the mail server its worker sends through."""
    async with ScriptedServer() as server:
        mailer = SmtpMailer(
            host="127.0.0.1",
            port=server.port,
            username="",
            password="",
            security="none",
            sender="no-reply@example.com",
            ca_file="",
            connections=connections,
            links=PlainLinks(),
        )
        async with benched(client, mailer=mailer) as bench:
            yield Scene(bench, server)
        await mailer.close()


def refuses(server: ScriptedServer, command: str, answer: str, after: int) -> Callable[[Heard], str | None]:
    """Return a script: once so many mails were taken, this command is always answered so."""

    def script(heard: Heard) -> str | None:
        refused = heard.line.startswith(command) and heard.recipient != OWNER_EMAIL
        return answer if refused and len(server.accepted) >= after else None

    return script


@pytest.mark.parametrize("command, answer, advice", REFUSED_TO_ALL)
@pytest.mark.parametrize("after", [0, 10, 500])
async def test_a_server_that_refuses_everyone_pauses_the_migration(
    client: Client, after: int, command: str, answer: str, advice: str
) -> None:
    """From the first mail on or after many: nobody is blamed, and with a mended server everyone gets one mail."""
    everyone = people(after + 60)
    async with scene(client) as told:
        told.server.script = refuses(told.server, command, answer, after)
        told.bench.world.opsgenie.add(*everyone)
        await told.bench.start(rules=QUIET)
        await eventually(lambda: told.paused(advice))
        assert (await told.states())[State.UNREACHABLE] == 0
        told.server.script = nothing_special
        await told.bench.migration.resume(BY)
        await eventually(lambda: told.all_mailed(everyone))
        await eventually(lambda: told.bench.in_trouble(""))
        assert (await told.states())[State.UNREACHABLE] == 0
