"""`starter.py demo`: starts the local stack, migrates the sample account on it, and verifies the outcome."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.text import Text

from dev.demo import diagnostics, endpoints, records, verifier
from dev.demo.admin import INITIATOR, Admin
from dev.demo.diagnostics import Stalled
from dev.demo.display import Display
from dev.demo.mails import MailboxReader, MailKind
from dev.demo.people import Action, Habit, People, PersonAction
from dev.demo.records import Evidence, SamplePerson
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
"""Everyone else is `PROMPT`."""
STALL_SECONDS = 20
"""The demo gives up after this long without any change."""
MAX_SECONDS = 120
"""The demo gives up on a migration that takes longer; it usually takes about 15 seconds."""
_POLL_SECONDS = 0.4
_KIND_NAMES = {
    MailKind.VERIFY: "verification",
    MailKind.AUTHENTICATE: "authentication",
    MailKind.NOTICE: "notices",
}


async def main(folder: Path, *, keep: bool) -> int:
    """Run the demo in a folder; return the exit code: 0 if the migration completed and passes every check.

    With `keep`, leave the stack running until Ctrl-C.
    """
    sys.stdout.write(
        "Starting Temporal, an emulator of Opsgenie and Atlassian, a mail server, the worker and the portal …\n"
    )
    sys.stdout.flush()
    async with Stack(folder, fresh=True) as stack:
        display = Display()
        stack.say = display.event
        display.console.print(endpoints.table(stack))
        display.say("")
        code = await Demo(stack, display).run()
        if keep:
            display.say("\nEverything keeps running until Ctrl-C. To explore it, type in another terminal:")
            display.console.print(endpoints.commands(stack, *_suggestions(stack.sample.opsgenie.name)))
            display.say("The last command sends a mail to Rita: open its link in your browser to act as her.\n")
            display.console.print(endpoints.table(stack))
            await stack.until_stopped()
        else:
            display.say(f"\nThe delivered mails are in {endpoints.short(stack.mailbox)}.")
            display.say("To keep everything running and explore it: make demo KEEP=1")
        display.say("\nStopping …")
    return code


def _suggestions(account: str) -> list[str]:
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
        self._actions: list[PersonAction] = []
        self._began = time.monotonic()

    async def run(self) -> int:
        """Migrate, print the report, and verify it; return the exit code."""
        stack, display = self._stack, self._display
        sample = records.sample_people(await records.services(stack.emulator_url), stack.refused)
        client = await connection.connect(environment=stack.variables)
        admin = Admin(client, stack.sample.opsgenie.name, display.command)
        people = People(
            stack.mailbox,
            {person.key: person.name for person in sample},
            HABITS,
            call_admin=admin.call,
            report=self._record,
        )
        with display:
            self._began = time.monotonic()
            migration = await admin.start()
            try:
                await _run_until_first_ends(self._until_completed(migration), people.act(), admin.act())
            except Stalled as stalled:
                display.say(str(stalled), "bold red")
                async for line in diagnostics.reasons(migration, stack.state.logs):
                    display.say(f"  {line}")
                return Exit.FAILED
        display.say(f"\nThe migration completed after {time.monotonic() - self._began:.0f} seconds. Its report:\n")
        await self._print_report()
        return await self._verify(migration, sample)

    def _record(self, action: PersonAction) -> None:
        self._actions.append(action)
        self._display.event(f"{action.name} {action.action}")

    async def _until_completed(self, migration: Migration) -> None:
        status: MigrationStatus | None = None
        last_seen: object = None
        reader = MailboxReader(self._stack.mailbox)
        delivered = Counter(dict.fromkeys(_KIND_NAMES.values(), 0))
        changed = time.monotonic()
        while True:
            now = time.monotonic()
            # The stack restarts processes that died, so a missing answer is not an error yet.
            with suppress(TemporalUnreachable):
                status = await migration.status()
            delivered.update(_KIND_NAMES[mail.kind] for mail in reader.new())
            if status is not None:
                self._display.update(status, delivered)
                if status.run_state is RunState.COMPLETED:
                    return
                if status.run_state is not RunState.RUNNING:
                    raise Stalled(f"The migration ended before it was complete: {status.run_state}.")
            seen = (status and (status.counts, status.progress), delivered.total(), len(self._actions))
            last_seen, changed = seen, changed if seen == last_seen else now
            if now - changed > STALL_SECONDS:
                raise Stalled(f"The demo is stuck: nothing has changed for {now - changed:.0f} seconds.")
            if now - self._began > MAX_SECONDS:
                raise Stalled(f"The migration has not completed after {MAX_SECONDS} seconds.")
            await asyncio.sleep(_POLL_SECONDS)

    async def _print_report(self) -> None:
        """Print the report with starter.py."""
        account = self._stack.sample.opsgenie.name
        self._display.command(f"./starter.py report {account}", "")
        command = [sys.executable, str(PROJECT / "starter.py"), "report", account]
        sys.stdout.flush()
        process = await asyncio.create_subprocess_exec(*command, env=self._stack.environment)
        await process.wait()

    async def _verify(self, migration: Migration, sample: list[SamplePerson]) -> int:
        confirmed: dict[str, int] = {}
        for action in self._actions:
            if action.action is Action.CONFIRMED:
                confirmed.setdefault(action.email, action.newest_mail)
        evidence = Evidence(
            people=sample,
            mails=MailboxReader(self._stack.mailbox).new(),
            services=await records.services(self._stack.emulator_url),
            report=await migration.report(),
            confirmed=confirmed,
            scanned={action.email: action.link_works for action in self._actions if action.action is Action.SCANNED},
            # The admin excludes everyone whose mailbox does not exist.
            excluded=self._stack.refused,
            requested_mails=Counter(
                action.email for action in self._actions if action.action in {Action.CALLED, Action.REQUESTED}
            ),
        )
        findings = verifier.verify(evidence)
        self._display.say("\nCompared with what the mail server and the emulator recorded:\n")
        for finding in findings:
            mark = Text("✓ ", "green") if finding.passed else Text("✗ ", "bold red")
            self._display.console.print(mark + Text(finding.message))
            for problem in finding.problems:
                self._display.say(f"    {problem}", "red")
        return Exit.DONE if all(finding.passed for finding in findings) else Exit.FAILED


async def _run_until_first_ends(first: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run the coroutines concurrently until `first` ends or any of them fails; then cancel the rest."""
    leader, *rest = [asyncio.create_task(work) for work in (first, *others)]
    try:
        running = {leader, *rest}
        while not leader.done():
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in (leader, *rest):
            task.cancel()
        await asyncio.gather(leader, *rest, return_exceptions=True)
