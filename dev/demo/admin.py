"""The admin of the sample account: chooses the site, resends mails, and excludes people who are unreachable.

Each step makes the same call as a command of starter.py, and is shown as that command.
"""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.client import Client

from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.client.migration import Migration
from landbridge.domain.errors import Refused
from landbridge.domain.messages import MigrationRequest, Progress, StepStatus
from landbridge.domain.people import Actor, Counts, State
from landbridge.domain.rules import Rules
from landbridge.domain.sites import NewSite
from landbridge.platform.exits import TemporalUnreachable

FIRST_NAME, LAST_NAME = "Olivia", "Owens"
INITIATOR = "olivia.owens@example.com"
"""An owner with an Atlassian account, site admin of one site and user of another."""
FORBIDDEN_SITE, TAKEN_NAME = "acme-wiki", "acme"
"""A site that INITIATOR may not choose, and a site name that is not free."""
REASON = "Has left the company"
_COOLDOWN = timedelta(seconds=1)
"""Shorter than the default, so that the demo need not wait half a minute before a second mail."""
_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.1
"""Between two commands."""

_Answer = TypeVar("_Answer")


class Admin:
    """An owner of the Opsgenie account who uses the command line."""

    def __init__(self, client: Client, account: str, show: Callable[[str, str], None]) -> None:
        """`show` is called with each command and its result."""
        self._client = client
        self._account = account
        self._migration = Migration(client, account)
        self._by = Actor(name=INITIATOR)
        self._show = show
        self._calls: asyncio.Queue[str] = asyncio.Queue()

    def call(self, email: str) -> None:
        """Take a call from a person who cannot find the mail."""
        self._calls.put_nowait(email)

    async def start(self) -> Migration:
        """Start the migration, without choosing a site."""
        request = MigrationRequest(
            opsgenie_account=self._account, initiator=INITIATOR, rules=Rules(resend_cooldown=_COOLDOWN)
        )
        await migrations.start(self._client, request)
        cooldown = f"{_COOLDOWN.total_seconds():g}s"
        self._show_command("start", "--initiator", INITIATOR, "--resend-cooldown", cooldown, "--yes")
        return self._migration

    async def act(self) -> None:
        """Do an admin's tasks until the migration is over."""
        await self._choose_site()
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(self._answer_calls())
            await self._exclude_when_only_unreachable_remain()
            answering.cancel()

    async def _choose_site(self) -> None:
        """Try a forbidden site and a taken name, then accept a suggested name."""
        progress = await self._until(lambda progress: bool(progress.task))
        listed = [f"{site.name} ({'site admin' if site.admin else 'user'})" for site in progress.sites]
        self._show_command("status", answer=f"{progress.task} Linked to your email: {', '.join(listed)}.")
        await asyncio.sleep(_PAUSE_SECONDS)
        try:
            await _retry(lambda: self._migration.choose_site(FORBIDDEN_SITE, self._by))
        except Refused as refusal:
            self._show_command("choose-site", FORBIDDEN_SITE, answer=f"Refused: {refusal}")
        await asyncio.sleep(_PAUSE_SECONDS)
        await self._name_site(TAKEN_NAME)
        progress = await self._until(lambda progress: bool(progress.suggestions))
        await asyncio.sleep(_PAUSE_SECONDS)
        await self._name_site(progress.suggestions[0])

    async def _name_site(self, name: str) -> None:
        try:
            new_site = NewSite(name=name, first_name=FIRST_NAME, last_name=LAST_NAME)
            progress = await _retry(lambda: self._migration.name_site(new_site, self._by))
            answer = f"People will move to {progress.site.url}" if progress.site else progress.task
        except Refused as refusal:
            answer = f"Refused: {refusal}"
        self._show_command("name-site", name, "--first-name", FIRST_NAME, "--last-name", LAST_NAME, answer=answer)

    async def _answer_calls(self) -> None:
        while True:
            email = await self._calls.get()
            while True:
                try:
                    await _retry(lambda: self._migration.resend(email, by=self._by))  # noqa: B023 - called in this iteration
                except Refused as refusal:
                    self._show_command("resend", email, answer=f"Refused: {refusal}")
                    await asyncio.sleep(_COOLDOWN.total_seconds())
                else:
                    self._show_command("resend", email, answer="1 mail will be sent.")
                    break

    async def _exclude_when_only_unreachable_remain(self) -> None:
        """Exclude unreachable people once only an admin can help everyone who is left; then the migration completes."""
        while True:
            status = await _retry(self._migration.status)
            if status.run_state is not RunState.RUNNING:
                return
            if _only_admins_can_help(status.counts):
                await _retry(self._exclude_unreachable)
            await asyncio.sleep(_POLL_SECONDS)

    async def _exclude_unreachable(self) -> None:
        for person in (await self._migration.people([State.UNREACHABLE])).people:
            self._show_command("person", person.email, answer=f"{person.state}: {person.reason}")
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._migration.exclude(person.email, REASON, self._by)
            self._show_command(
                "exclude", person.email, "--reason", REASON, answer="The migration no longer waits for them."
            )

    async def _until(self, condition: Callable[[Progress], bool]) -> Progress:
        while True:
            progress = await _retry(self._migration.progress)
            if condition(progress) and progress.checklist[0].status is StepStatus.DONE:
                return progress
            await asyncio.sleep(_POLL_SECONDS)

    def _show_command(self, verb: str, *arguments: str, answer: str = "") -> None:
        self._show(shlex.join(["./starter.py", verb, self._account, *arguments]), answer)


async def _retry(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Retry until Temporal and a worker answer: the stack restarts processes that died."""
    while True:
        try:
            return await call()
        except TemporalUnreachable:
            await asyncio.sleep(_POLL_SECONDS)


def _only_admins_can_help(counts: Counts) -> bool:
    return 0 < counts.waiting == counts.for_admins
