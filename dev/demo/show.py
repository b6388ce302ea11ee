"""The show of `starter.py demo`: migrates the sample account before one's eyes, and has the outcome judged."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from rich.text import Text

from dev.demo import diagnostics, endpoints, records, verifier
from dev.demo.admin import INITIATOR, Admin
from dev.demo.diagnostics import Stalled
from dev.demo.display import Display
from dev.demo.mails import Arrivals
from dev.demo.people import AdminAct, Habit, People
from dev.demo.records import Services
from dev.stack.stack import PROJECT, Stack
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.platform.exits import Exit, TemporalUnreachable
from landbridge.platform.temporal import connection

HABITS = {
    "amina.diallo@example.com": Habit.SCANNED,
    "नेहा@example.com": Habit.SCANNED,
    "lars.oncall@example.com": Habit.INTERRUPTED,
    "ngoc.tran@example.com": Habit.INTERRUPTED,
    "somchai.jaidee@example.com": Habit.FORGETFUL,
}
"""Of those who need two tries; everyone else does at once what their mail says."""
STALL_SECONDS = 20
"""Without any news at all: then something is wrong."""
AT_MOST_SECONDS = 120
"""For the whole migration, which takes about 15."""
_LOOK_SECONDS = 0.4
_KINDS = {verifier.VERIFY: "verification", verifier.AUTHENTICATE: "authentication"}
"""Mails by the page that they lead to; the others are notices."""
_NOTICES = "notices"


async def migrate(stack: Stack, *, keep: bool) -> int:
    """Show a migration; return the exit code: 0 if the outcome agrees with what others recorded of it.

    With `keep`, everything runs on until Ctrl-C, to play with.
    """
    display = Display()
    stack.say = display.happened
    display.console.print(endpoints.table(stack))
    display.say("")
    code = await Demo(stack, display).migrate()
    if keep:
        display.say("\nEverything runs on until Ctrl-C. To look around, in another terminal:")
        display.console.print(endpoints.commands(stack, *_to_try(stack.sample.opsgenie.name)))
        display.say("The last of them makes a new mail: open its link in your browser, and be Rita.\n")
        display.console.print(endpoints.table(stack))
        await stack.until_stopped()
    else:
        display.say(f"\nThe mails are in {endpoints.short(stack.mailbox)}.")
        display.say("make demo KEEP=1 leaves everything running, to look around.")
    display.say("\nStopping …")
    return code


def _to_try(account: str) -> list[str]:
    return [
        f"./starter.py person {account} ngoc.tran@example.com",
        f"./starter.py start {account} --again --initiator {INITIATOR} --site acme-team --yes",
        f"./starter.py correct-email {account} refused@example.com rita@example.com",
    ]


class Demo:
    """One migration of the sample account."""

    def __init__(self, stack: Stack, display: Display) -> None:
        self._stack = stack
        self._display = display
        self._deeds: list[AdminAct] = []
        self._began = time.monotonic()

    async def migrate(self) -> int:
        """Migrate, show the report, and judge it."""
        stack, display = self._stack, self._display
        before = await records.services(stack.emulator_url)
        client = await connection.connect(environment=stack.variables)
        admin = Admin(client, stack.sample.opsgenie.name, display.act)
        people = People(
            stack.mailbox,
            {user.key: user.full_name for user in before.opsgenie_users},
            HABITS,
            call_admin=admin.call,
            tell=self._done,
        )
        with display:
            self._began = time.monotonic()
            migration = await admin.start()
            try:
                await _while(self._until_over(migration), people.live(), admin.look_after())
            except Stalled as stalled:
                display.say(str(stalled), "bold red")
                async for line in diagnostics.reasons(migration, stack.state.logs):
                    display.say(f"  {line}")
                return Exit.FAILED
        display.say(f"\nThe migration is complete after {time.monotonic() - self._began:.0f} seconds. Its report:\n")
        await self._show_report()
        return await self._judge(migration, before)

    def _done(self, deed: AdminAct) -> None:
        self._deeds.append(deed)
        self._display.happened(f"{deed.name} {deed.doing}")

    async def _until_over(self, migration: Migration) -> None:
        status: MigrationStatus | None = None
        seen: object = None
        arrivals = Arrivals(self._stack.mailbox)
        delivered = Counter(dict.fromkeys([*_KINDS.values(), _NOTICES], 0))
        news = time.monotonic()
        while True:
            now = time.monotonic()
            # What does not answer is being started again, if all is well.
            with suppress(TemporalUnreachable):
                status = await migration.status()
            delivered.update(_KINDS.get(mail.page, _NOTICES) for mail in arrivals.new())
            if status is not None:
                self._display.seen(status, delivered)
                if status.run_state is RunState.COMPLETED:
                    return
            look = (status and (status.counts, status.progress), delivered.total(), len(self._deeds))
            seen, news = look, news if look == seen else now
            if status is not None and status.run_state is not RunState.RUNNING:
                raise Stalled(f"The migration has {status.run_state}.")
            if now - news > STALL_SECONDS:
                raise Stalled(f"The demo has come to a halt: nothing new for {now - news:.0f} seconds.")
            if now - self._began > AT_MOST_SECONDS:
                raise Stalled(f"The demo is not done after {AT_MOST_SECONDS} seconds.")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _show_report(self) -> None:
        """Have the command line print the report, as anyone would."""
        account = self._stack.sample.opsgenie.name
        self._display.act(f"./starter.py report {account}", "")
        command = [sys.executable, str(PROJECT / "starter.py"), "report", account]
        sys.stdout.flush()
        process = await asyncio.create_subprocess_exec(*command, env=self._stack.environment)
        await process.wait()

    async def _judge(self, migration: Migration, before: Services) -> int:
        recorded = await records.gather(
            await migration.report(),
            before=before,
            emulator_url=self._stack.emulator_url,
            mailbox=self._stack.mailbox,
            deeds=self._deeds,
            refused=self._stack.refused,
        )
        findings = verifier.judge(recorded)
        self._display.say("\nHeld against what the mail server and the emulator recorded:\n")
        for finding in findings:
            mark = Text("✓ ", "green") if finding.holds else Text("✗ ", "bold red")
            self._display.console.print(mark + Text(finding.sentence))
            for sentence in finding.against:
                self._display.say(f"    {sentence}", "red")
        return Exit.DONE if all(finding.holds for finding in findings) else Exit.FAILED


async def _while(leading: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run all together until the first is done or any of them fails."""
    first, *rest = [asyncio.create_task(one) for one in (leading, *others)]
    try:
        running = {first, *rest}
        while not first.done():
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in (first, *rest):
            task.cancel()
        await asyncio.gather(first, *rest, return_exceptions=True)
