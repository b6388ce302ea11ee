"""The admin of the sample account: decides on the site, helps people, sees to whom nobody can reach.

Every act is what a command of starter.py does, by the same call, and is told as that command.
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
NOT_THEIRS, TAKEN = "acme-wiki", "acme"
"""A site that INITIATOR may not choose, and a site name that was in use once."""
REASON = "Has left the company"
_COOLDOWN = timedelta(seconds=1)
"""A second mail may follow this soon: nobody wants to watch the usual half minute."""
_LOOK_SECONDS = 0.1
_THINKING_SECONDS = 0.1
"""Between two acts: whoever watches wants to see the first mail soon, and reads afterwards what led to it."""

_Answer = TypeVar("_Answer")


class Admin:
    """One owner of the Opsgenie account, at the command line."""

    def __init__(self, client: Client, account: str, tell: Callable[[str, str], None]) -> None:
        """`tell` gets each act as a command, and what came of it."""
        self._client = client
        self._account = account
        self._migration = Migration(client, account)
        self._by = Actor(name=INITIATOR)
        self._tell = tell
        self._calls: asyncio.Queue[str] = asyncio.Queue()

    def call(self, email: str) -> None:
        """Ask for help: the mail cannot be found."""
        self._calls.put_nowait(email)

    async def start(self) -> Migration:
        """Start the migration, without a word about the site."""
        request = MigrationRequest(
            opsgenie_account=self._account, initiator=INITIATOR, rules=Rules(resend_cooldown=_COOLDOWN)
        )
        await migrations.start(self._client, request)
        cooldown = f"{_COOLDOWN.total_seconds():g}s"
        self._done("start", "--initiator", INITIATOR, "--resend-cooldown", cooldown, "--yes")
        return self._migration

    async def look_after(self) -> None:
        """Do what there is to do for an admin, until the migration is over."""
        await self._decide_on_site()
        async with asyncio.TaskGroup() as group:
            helping = group.create_task(self._help_callers())
            await self._see_to_the_unreachable()
            helping.cancel()

    async def _decide_on_site(self) -> None:
        """Try a site that is not theirs, a name that is taken, and then take a name that is offered."""
        asked = await self._until(lambda progress: bool(progress.task))
        listed = [f"{site.name} ({'site admin' if site.admin else 'user'})" for site in asked.sites]
        self._done("status", answer=f"{asked.task} Linked to your email: {', '.join(listed)}.")
        await asyncio.sleep(_THINKING_SECONDS)
        try:
            await _insist(lambda: self._migration.choose_site(NOT_THEIRS, self._by))
        except Refused as refusal:
            self._done("choose-site", NOT_THEIRS, answer=f"Refused: {refusal}")
        await asyncio.sleep(_THINKING_SECONDS)
        await self._name_site(TAKEN)
        offered = await self._until(lambda progress: bool(progress.suggestions))
        await asyncio.sleep(_THINKING_SECONDS)
        await self._name_site(offered.suggestions[0])

    async def _name_site(self, name: str) -> None:
        try:
            new_site = NewSite(name=name, first_name=FIRST_NAME, last_name=LAST_NAME)
            decided = await _insist(lambda: self._migration.name_site(new_site, self._by))
            answer = f"The people move to {decided.site.url}" if decided.site else decided.task
        except Refused as refusal:
            answer = f"Refused: {refusal}"
        self._done("name-site", name, "--first-name", FIRST_NAME, "--last-name", LAST_NAME, answer=answer)

    async def _help_callers(self) -> None:
        while True:
            email = await self._calls.get()
            while True:
                try:
                    await _insist(lambda: self._migration.resend(email, by=self._by))  # noqa: B023 - called at once
                except Refused as refusal:
                    self._done("resend", email, answer=f"Refused: {refusal}")
                    await asyncio.sleep(_COOLDOWN.total_seconds())
                else:
                    self._done("resend", email, answer="1 mail will go out.")
                    break

    async def _see_to_the_unreachable(self) -> None:
        """Once only those are left whom no mail reaches, take them out, so that the migration can complete."""
        while True:
            status = await _insist(self._migration.status)
            if status.run_state is not RunState.RUNNING:
                return
            if _only_admins_can_help(status.counts):
                await _insist(self._exclude_unreachable)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _exclude_unreachable(self) -> None:
        for person in (await self._migration.people([State.UNREACHABLE])).people:
            self._done("person", person.email, answer=f"{person.state}: {person.reason}")
            await asyncio.sleep(_THINKING_SECONDS)
            await self._migration.exclude(person.email, REASON, self._by)
            self._done(
                "exclude", person.email, "--reason", REASON, answer="Nothing is awaited of this person any more."
            )

    async def _until(self, condition: Callable[[Progress], bool]) -> Progress:
        while True:
            progress = await _insist(self._migration.progress)
            if condition(progress) and progress.checklist[0].status is StepStatus.DONE:
                return progress
            await asyncio.sleep(_LOOK_SECONDS)

    def _done(self, verb: str, *arguments: str, answer: str = "") -> None:
        self._tell(shlex.join(["./starter.py", verb, self._account, *arguments]), answer)


async def _insist(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Ask until there is an answer: the worker or Temporal may be on their way back."""
    while True:
        try:
            return await ask()
        except TemporalUnreachable:
            await asyncio.sleep(_LOOK_SECONDS)


def _only_admins_can_help(counts: Counts) -> bool:
    return 0 < counts.waiting == counts.for_admins
