"""The faults that tests inject into a running migration: each begins, lasts a moment, and ends."""

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
from tests.chaos.faulty_stack import WORKERS, FaultyStack
from tests.e2e.scenario import Scenario
from tests.integrations.smtp.scripted import DOT, Act, Heard, Script, nothing_special
from tests.workflows.harness import eventually
from workflows.support import options

API = ("/v2/users", "users/search", "users/invite", "provisioning/v1", "role-assignments", "/workspaces")
HTTP_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 503, "body": "<html>Sorry</html>"},
    {"status": 200, "body": ""},
    {"truncate": 7},
    {"drop": True},
    {"afterCommit": True, "drop": True},
    {"afterCommit": True, "status": 500},
    {"delay": 0.5},
)
"""Faults of the services that end without an admin."""
MALFORMED: tuple[Any, ...] = (
    None,
    [],
    7,
    "\0",
    {"email": 7},
    {"email": None},
    {"email": "nobody@example.com", "by": [1]},
)
SMTP_DELAY = 0.03
"""Seconds before every answer of the mail server, so that mails are being sent when a fault begins."""


@dataclass
class Faults:
    """All faults, and the duplicates that they explain."""

    machine: FaultyStack
    scenario: Scenario
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - delays, not secrets
    max_duplicates: int = 0
    """Mails that may be delivered twice so far, without those that the mail server never acknowledged."""

    async def inject(self, kind: str) -> None:
        """Inject a fault of a kind, and wait until it is over."""
        fault = getattr(self, kind)()
        if isinstance(fault, AbstractAsyncContextManager):
            await self._until_resumed(fault)
        else:
            await fault

    # Processes.

    async def worker_is_killed(self) -> None:
        """SIGKILL."""
        await self._kill_and_restart(self.chance.choice(WORKERS))

    async def temporal_is_killed(self) -> None:
        """SIGKILL; Temporal may return after the heartbeat timeout of a batch."""
        await self._kill_and_restart("temporal")

    async def workers_and_temporal_are_killed(self) -> None:
        """SIGKILL of both workers and Temporal at the same time."""
        self.max_duplicates += 2 * options.MAIL_BATCH
        names = [*WORKERS, "temporal"]
        await asyncio.gather(*map(self.machine.kill, names))
        for name in reversed(names):
            await self.machine.start(name)

    async def portal_is_killed(self) -> None:
        """SIGKILL of the portal."""
        await self._kill_and_restart("portal", max_duplicates=0)

    async def services_are_killed(self) -> None:
        """SIGKILL of the emulator."""
        await self._kill_and_restart("emulator", max_duplicates=0)

    async def workers_are_restarted(self) -> None:
        """SIGTERM, one after the other: each exits with 0, and no mail is sent twice."""
        for name in WORKERS:
            assert await self.machine.stop(name) == 0
            await self.machine.start(name)

    async def worker_is_frozen(self) -> None:
        """SIGSTOP, for shorter or longer than the heartbeat timeout."""
        self.max_duplicates += options.MAIL_BATCH
        name = self.chance.choice(WORKERS)
        self.machine.freeze(name)
        await asyncio.sleep(self.chance.choice((2, 8)))
        self.machine.thaw(name)

    async def temporal_is_frozen(self) -> None:
        """SIGSTOP; what workers report too late may be repeated."""
        self.max_duplicates += options.MAIL_BATCH
        self.machine.freeze("temporal")
        await asyncio.sleep(self.chance.uniform(1, 4))
        self.machine.thaw("temporal")

    async def no_worker_runs(self) -> None:
        """Both workers are stopped while people click."""
        assert [await self.machine.stop(name) for name in WORKERS] == [0, 0]
        await asyncio.sleep(2)
        for name in WORKERS:
            await self.machine.start(name)

    # People.

    async def start_command_is_repeated(self) -> None:
        """Two concurrent `start` commands."""
        codes = {ran.code for ran in await asyncio.gather(self.scenario.start(), self.scenario.start())}
        assert codes <= {Exit.DONE, Exit.UNREACHABLE}, codes

    async def malformed_signals_are_sent(self) -> None:
        """The signals go to the migration and to a cohort."""
        account = self.scenario.account.name
        for workflow in (ids.migration(account), ids.cohort(account, 1)):
            handle = self.machine.client.get_workflow_handle(workflow)
            for name in ("email_verified", "account_authenticated", "links_used", "cohort_status", "no_such"):
                for argument in MALFORMED:
                    with suppress(RPCError):
                        await handle.signal(name, argument)

    # The mail server.

    async def mails_are_greylisted(self) -> None:
        """The first mail to each recipient is deferred with 451."""
        known = set[str]()

        def greylist(heard: Heard) -> str | None:
            if not heard.line.startswith("RCPT") or heard.recipient in known:
                return None
            known.add(heard.recipient)
            return "451 4.7.1 greylisted"

        await self._run_script(greylist)

    async def mail_server_is_busy(self) -> None:
        """450 to MAIL."""
        await self._run_script(self._at("MAIL", "450 4.3.2 busy"))

    async def mails_are_stored_but_not_acknowledged(self) -> None:
        """The connection breaks after the mail was stored."""
        await self._run_script(self._at(DOT, Act.DROP, probability=0.2))

    async def mails_are_lost_unacknowledged(self) -> None:
        """The connection breaks before the mail is stored."""
        await self._run_script(self._at(DOT, Act.LOSE, probability=0.2))

    async def connections_are_reset(self) -> None:
        """RST after any command."""
        await self._run_script(self._at("", Act.RESET, probability=0.05))

    async def mails_are_cut(self) -> None:
        """The connection breaks in the middle of the content."""
        self.machine.smtp_server.server.bite = self.chance.randrange(2_000)
        await self._run_script(self._at("DATA", Act.CUT, probability=0.3))

    async def few_mails_are_allowed_per_connection(self) -> None:
        """421 after two mails."""
        await self._run_script(
            lambda heard: "421 4.7.0 enough" if heard.line[:4] == "MAIL" and heard.mails > 1 else None
        )

    async def few_connections_are_allowed(self) -> None:
        """421 to every connection beyond two."""
        smtp_server = self.machine.smtp_server
        await self._run_script(
            lambda heard: "421 4.7.0 too many" if heard.line[:4] == "EHLO" and smtp_server.server.open_now > 2 else None
        )

    async def mail_server_sends_malformed_answers(self) -> None:
        """Malformed answers, or one that never ends."""
        await self._run_script(
            self._at("RCPT", self.chance.choice(("what?", "99 bottles", Act.BABBLE)), probability=0.1)
        )

    async def mail_server_is_slow(self) -> None:
        """Every answer is delayed."""
        self.machine.smtp_server.set_delay(0.4)
        await self._run_script(nothing_special)
        self.machine.smtp_server.set_delay(SMTP_DELAY)

    async def mail_server_crashes(self) -> None:
        """It breaks all connections, and listens again later."""
        self.machine.smtp_server.close()
        await asyncio.sleep(self.chance.uniform(0.5, 3))
        await self.machine.smtp_server.open()

    async def mail_server_is_in_maintenance(self) -> None:
        """It greets every client with 421."""
        await self.machine.smtp_server.reopen("421 4.3.2 down for maintenance")
        await self._moment()
        await self.machine.smtp_server.reopen()

    # The services.

    async def services_fail(self) -> None:
        """Some of the next requests fail."""
        await self.machine.inject(
            *({"match": self.chance.choice(API), **self.chance.choice(HTTP_FAULTS)} for _ in range(4))
        )

    # Faults that only an admin can end, by resuming the migration. They last as long as the context manager's body.

    def rejected_login(self) -> AbstractAsyncContextManager[None]:
        """535 to AUTH."""
        return self._scripted(self._at("AUTH", "535 5.7.8 wrong"))

    def rejected_sender(self) -> AbstractAsyncContextManager[None]:
        """550 to MAIL."""
        return self._scripted(self._at("MAIL", "550 5.1.8 bad sender"))

    def missing_starttls(self) -> AbstractAsyncContextManager[None]:
        """The server does not offer STARTTLS."""
        return self._reconfigured(starttls=False)

    def expired_certificate(self) -> AbstractAsyncContextManager[None]:
        """The certificate expired yesterday."""
        return self._reconfigured(valid_for=timedelta(days=-1))

    def foreign_certificate(self) -> AbstractAsyncContextManager[None]:
        """The certificate is for another host name, but of a trusted authority."""
        return self._reconfigured(name="other.example")

    @asynccontextmanager
    async def revoked_api_key(self) -> AsyncIterator[None]:
        """Atlassian answers 401."""
        await self.machine.inject({"match": "users/search", "status": 401, "times": 1_000})
        yield
        await self.machine.clear_faults()

    # Helpers.

    async def _moment(self) -> None:
        await asyncio.sleep(self.chance.uniform(1, 3))

    async def _kill_and_restart(self, name: str, max_duplicates: int = options.MAIL_BATCH) -> None:
        """Kill a program and restart it; so many more mails may be delivered twice."""
        self.max_duplicates += max_duplicates
        await self.machine.kill(name)
        await self.machine.start(name)

    def _at(self, verb: str, answer: str | Act, *, probability: float = 1) -> Script:
        return lambda heard: answer if heard.line.startswith(verb) and self.chance.random() < probability else None

    async def _run_script(self, script: Script) -> None:
        async with self._scripted(script):
            await self._moment()

    @asynccontextmanager
    async def _scripted(self, script: Script) -> AsyncIterator[None]:
        self.machine.smtp_server.script = script
        yield
        self.machine.smtp_server.script = nothing_special

    @asynccontextmanager
    async def _reconfigured(
        self, *, starttls: bool = True, name: str = "localhost", valid_for: timedelta = timedelta(days=1)
    ) -> AsyncIterator[None]:
        smtp_server = self.machine.smtp_server
        usual = smtp_server.certificate
        smtp_server.starttls = starttls
        smtp_server.certificate = smtp_server.authority.certificate(name, valid_for=valid_for)
        yield
        smtp_server.starttls, smtp_server.certificate = True, usual

    async def _until_resumed(self, fault: AbstractAsyncContextManager[None]) -> None:
        """Keep a fault until `status` reports a problem or 8 seconds passed; then end the fault, and resume."""
        async with fault:
            await self.machine.smtp_server.reopen()
            with suppress(TimeoutError):
                async with asyncio.timeout(8):
                    await eventually(self._has_problem)
        await self.machine.smtp_server.reopen()
        await self.machine.resume(self.scenario.account)

    async def _has_problem(self) -> bool:
        status = await self.machine.status(self.scenario.account)
        return status is not None and bool(status.problems)


def kinds() -> list[str]:
    """Return the names of all kinds of faults."""
    return [name for name, method in vars(Faults).items() if name[0] != "_" and name != "inject" and callable(method)]
