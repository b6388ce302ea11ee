"""What can befall a running migration: each blow is struck, lasts a moment, and is over."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.service import RPCError

from landbridge.domain import ids
from landbridge.platform.exits import Exit
from tests.chaos.machine import WORKERS, Ruin
from tests.e2e.scenario import Scenario
from tests.integrations.smtp.scripted import DOT, Act, Heard, Script, nothing_special
from tests.workflows.harness import eventually
from workflows.support import options

API = ("/v2/users", "users/search", "users/invite", "provisioning/v1", "role-assignments", "/workspaces")
HTTP: tuple[dict[str, Any], ...] = (
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 503, "body": "<html>Sorry</html>"},
    {"status": 200, "body": ""},
    {"truncate": 7},
    {"drop": True},
    {"afterCommit": True, "drop": True},
    {"afterCommit": True, "status": 500},
    {"delay": 0.5},
)
"""None of them is for people to mend."""
NONSENSE: tuple[Any, ...] = (
    None,
    [],
    7,
    "\0",
    {"email": 7},
    {"email": None},
    {"email": "nobody@example.com", "by": [1]},
)
PACE = 0.03
"""Seconds that the mail server takes over every answer, so that mails are under way when something strikes."""


@dataclass
class Blows:
    """Everything that can be struck, and what it excuses."""

    ruin: Ruin
    scenario: Scenario
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - moments, not secrets
    duplicates_at_most: int = 0
    """Mails that may come twice by now, but for those that the mail server itself never answered to."""

    # Processes.

    async def a_worker_is_killed(self) -> None:
        """`kill -9`."""
        await self._again(self.chance.choice(WORKERS))

    async def temporal_is_killed(self) -> None:
        """`kill -9`; it may come back too late for a slice's sign of life."""
        await self._again("temporal")

    async def both_are_killed(self) -> None:
        """All of them."""
        self.duplicates_at_most += 2 * options.MAIL_BATCH
        names = [*WORKERS, "temporal"]
        await asyncio.gather(*map(self.ruin.kill, names))
        for name in reversed(names):
            await self.ruin.start(name)

    async def the_portal_is_killed(self) -> None:
        """`kill -9`."""
        await self._again("portal", excused=0)

    async def the_services_are_killed(self) -> None:
        """`kill -9`."""
        await self._again("emulator", excused=0)

    async def workers_are_rolled(self) -> None:
        """SIGTERM, one after the other: 0 each time, and no mail twice."""
        for name in WORKERS:
            assert await self.ruin.stop(name) == 0
            await self.ruin.start(name)

    async def a_worker_is_frozen(self) -> None:
        """For longer than Temporal waits for it, or not."""
        self.duplicates_at_most += options.MAIL_BATCH
        name = self.chance.choice(WORKERS)
        self.ruin.freeze(name)
        await asyncio.sleep(self.chance.choice((2, 8)))
        self.ruin.thaw(name)

    async def temporal_is_frozen(self) -> None:
        """For a while; what it hears too late may be done again."""
        self.duplicates_at_most += options.MAIL_BATCH
        self.ruin.freeze("temporal")
        await asyncio.sleep(self.chance.uniform(1, 4))
        self.ruin.thaw("temporal")

    async def nobody_works(self) -> None:
        """People go on clicking."""
        assert [await self.ruin.stop(name) for name in WORKERS] == [0, 0]
        await asyncio.sleep(2)
        for name in WORKERS:
            await self.ruin.start(name)

    # People.

    async def the_command_is_given_again(self) -> None:
        """Twice at once."""
        codes = {ran.code for ran in await asyncio.gather(self.scenario.start(), self.scenario.start())}
        assert codes <= {Exit.DONE, Exit.UNREACHABLE}, codes

    async def nonsense_is_signalled(self) -> None:
        """To the migration and to its cohort."""
        account = self.scenario.account.name
        for workflow in (ids.migration(account), ids.cohort(account, 1)):
            handle = self.ruin.client.get_workflow_handle(workflow)
            for name in ("email_verified", "account_authenticated", "links_used", "cohort_status", "no_such"):
                for nonsense in NONSENSE:
                    with suppress(RPCError):
                        await handle.signal(name, nonsense)

    # The mail server.

    async def mails_are_greylisted(self) -> None:
        """Whoever comes for the first time is to come again."""
        known = set[str]()

        def greylist(heard: Heard) -> str | None:
            if not heard.line.startswith("RCPT") or heard.recipient in known:
                return None
            known.add(heard.recipient)
            return "451 4.7.1 greylisted"

        await self._mischief(greylist)

    async def the_mail_server_is_busy(self) -> None:
        """4xx to every sender."""
        await self._mischief(self._at("MAIL", "450 4.3.2 busy"))

    async def mails_are_dropped_after_the_dot(self) -> None:
        """Stored, and not acknowledged."""
        await self._mischief(self._at(DOT, Act.DROP, often=0.2))

    async def mails_are_lost_after_the_dot(self) -> None:
        """Neither stored nor acknowledged."""
        await self._mischief(self._at(DOT, Act.LOSE, often=0.2))

    async def connections_are_reset(self) -> None:
        """At any command."""
        await self._mischief(self._at("", Act.RESET, often=0.05))

    async def mails_are_cut(self) -> None:
        """In the middle of the body."""
        self.ruin.post.server.bite = self.chance.randrange(2_000)
        await self._mischief(self._at("DATA", Act.CUT, often=0.3))

    async def few_mails_go_over_one_connection(self) -> None:
        """421 after some."""
        await self._mischief(lambda heard: "421 4.7.0 enough" if heard.line[:4] == "MAIL" and heard.mails > 1 else None)

    async def few_connections_are_allowed(self) -> None:
        """421 beyond two."""
        post = self.ruin.post
        await self._mischief(
            lambda heard: "421 4.7.0 too many" if heard.line[:4] == "EHLO" and post.server.open_now > 2 else None
        )

    async def the_mail_server_babbles(self) -> None:
        """Answers that make no sense, and one that never ends."""
        await self._mischief(self._at("RCPT", self.chance.choice(("what?", "99 bottles", Act.BABBLE)), often=0.1))

    async def the_mail_server_is_slow(self) -> None:
        """Over every answer."""
        self.ruin.post.take_time(0.4)
        await self._mischief(nothing_special)
        self.ruin.post.take_time(PACE)

    async def the_mail_server_crashes(self) -> None:
        """And is away for a while."""
        self.ruin.post.close()
        await asyncio.sleep(self.chance.uniform(0.5, 3))
        await self.ruin.post.open()

    async def the_mail_server_is_closed(self) -> None:
        """It greets nobody."""
        await self.ruin.post.reopen("421 4.3.2 down for maintenance")
        await self._moment()
        await self.ruin.post.reopen()

    # What only people can mend.

    async def the_login_is_refused(self) -> None:
        """535."""
        await self._until_resumed(self.with_refused_login())

    async def the_sender_is_refused(self) -> None:
        """550 to MAIL."""
        await self._until_resumed(self.with_refused_sender())

    async def starttls_is_stripped(self) -> None:
        """The server offers none."""
        await self._until_resumed(self.without_starttls())

    async def the_certificate_has_expired(self) -> None:
        """Since yesterday."""
        await self._until_resumed(self.with_expired_certificate())

    async def the_certificate_is_anothers(self) -> None:
        """Of the same authority."""
        await self._until_resumed(self.with_anothers_certificate())

    async def the_key_is_revoked(self) -> None:
        """Atlassian answers 401."""
        await self._until_resumed(self.with_revoked_key())

    # The services.

    async def the_services_stumble(self) -> None:
        """Over some of the next calls."""
        await self.ruin.order(*({"match": self.chance.choice(API), **self.chance.choice(HTTP)} for _ in range(4)))

    # What is wrong for as long as it lasts.

    def with_refused_login(self) -> AbstractAsyncContextManager[None]:
        """535."""
        return self._mischievous(self._at("AUTH", "535 5.7.8 wrong"))

    def with_refused_sender(self) -> AbstractAsyncContextManager[None]:
        """550 to MAIL."""
        return self._mischievous(self._at("MAIL", "550 5.1.8 bad sender"))

    def without_starttls(self) -> AbstractAsyncContextManager[None]:
        """The server offers none."""
        return self._dressed(starttls=False)

    def with_expired_certificate(self) -> AbstractAsyncContextManager[None]:
        """Since yesterday."""
        return self._dressed(valid_for=timedelta(days=-1))

    def with_anothers_certificate(self) -> AbstractAsyncContextManager[None]:
        """Of an authority that is trusted."""
        return self._dressed(name="other.example")

    @asynccontextmanager
    async def with_revoked_key(self) -> AsyncIterator[None]:
        """Atlassian answers 401."""
        await self.ruin.order({"match": "users/search", "status": 401, "times": 1_000})
        yield
        await self.ruin.call_off()

    # How it is done.

    async def _moment(self) -> None:
        await asyncio.sleep(self.chance.uniform(1, 3))

    async def _again(self, name: str, excused: int = options.MAIL_BATCH) -> None:
        """Kill a program and start it again."""
        self.duplicates_at_most += excused
        await self.ruin.kill(name)
        await self.ruin.start(name)

    def _at(self, verb: str, answer: str | Act, *, often: float = 1) -> Script:
        return lambda heard: answer if heard.line.startswith(verb) and self.chance.random() < often else None

    async def _mischief(self, script: Script) -> None:
        async with self._mischievous(script):
            await self._moment()

    @asynccontextmanager
    async def _mischievous(self, script: Script) -> AsyncIterator[None]:
        self.ruin.post.mischief = script
        yield
        self.ruin.post.mischief = nothing_special

    @asynccontextmanager
    async def _dressed(
        self, *, starttls: bool = True, name: str = "localhost", valid_for: timedelta = timedelta(days=1)
    ) -> AsyncIterator[None]:
        post = self.ruin.post
        usual = post.certificate
        post.starttls, post.certificate = starttls, post.authority.certificate(name, valid_for=valid_for)
        yield
        post.starttls, post.certificate = True, usual

    async def _until_resumed(self, wrong: AbstractAsyncContextManager[None]) -> None:
        """Have something wrong until `status` tells it, unless nothing comes of it; then mend it, and resume."""
        async with wrong:
            await self.ruin.post.reopen()
            with suppress(TimeoutError):
                async with asyncio.timeout(8):
                    await eventually(self._reported)
        await self.ruin.post.reopen()
        await self.ruin.resume(self.scenario.account)

    async def _reported(self) -> bool:
        status = await self.ruin.status(self.scenario.account)
        return status is not None and bool(status.problems)


def kinds() -> list[str]:
    """Return the names of all blows."""
    return [name for name, what in vars(Blows).items() if not name.startswith(("_", "with")) and callable(what)]
