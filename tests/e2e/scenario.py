"""A migration from start to rest, and the judgement on it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landbridge.domain import ids
from tests import verifier
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.machine import Machine, Ran
from tests.e2e.player import Player, playing
from tests.verifier import Evidence, Mail
from tests.workflows.harness import eventually


@dataclass
class Scenario:
    """One account's migration on a machine."""

    machine: Machine
    account: Account
    player: Player
    since: int
    """The number of the last mail before it."""
    roster: Path | None = None
    """The file with the account's people; none: Opsgenie lists them."""
    beside: Sequence[Account] = ()
    """Accounts that are moved at the same time, by the same worker."""
    verified_by_admin: list[str] = field(default_factory=list)
    connected_by_admin: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    async def start(self, *more: str) -> Ran:
        """Run `starter.py start`."""
        arguments = ["start", self.account.name, "--initiator", self.account.owner, "--site", accounts.SITE, "--yes"]
        roster = ["--roster", str(self.roster)] if self.roster else []
        return await self.machine.starter(*arguments, *roster, *more)

    def mails(self) -> list[Mail]:
        """Return all mails so far, but those to accounts beside this one."""
        return [mail for mail in self.machine.mails(self.since) if verifier.key(mail.recipient) not in self._others()]

    async def _services(self) -> dict[str, Any]:
        services, others = await self.machine.services(), self._others()
        accounts = [account for account in services["accounts"] if verifier.key(account["email"]) not in others]
        return {**services, "accounts": accounts}

    def _others(self) -> set[str]:
        return {verifier.key(one.email) for account in self.beside for one in account.people}

    async def mailed(self, number: int) -> None:
        """Wait until so many mails were taken since the beginning."""
        await eventually(lambda: self.machine.mailed() - self.since >= number)

    async def over(self) -> None:
        """Wait until the migration is completed."""
        await self.machine.client.get_workflow_handle(ids.migration(self.account.name)).result()

    async def judge(self, *, duplicates_at_most: int = 0) -> None:
        """Hold the report against the records, and look for personal data where there must be none."""
        evidence = Evidence(
            people=self.account.people,
            mails=self.mails(),
            services=await self._services(),
            report=await self.machine.report(self.account),
            pressed=self.player.pressed,
            verified_by_admin=self.verified_by_admin,
            connected_by_admin=self.connected_by_admin,
            excluded=self.excluded,
        )
        told = verifier.disagreements(evidence, duplicates_at_most=duplicates_at_most)
        assert not told + self.player.told, "\n".join(told + self.player.told)


@asynccontextmanager
async def moving(machine: Machine, account: Account, *, idle: Iterable[str] = ()) -> AsyncIterator[Scenario]:
    """Move in with an account whose people act on their mail, all but the `idle` ones."""
    since = await machine.move_in(account)
    async with playing(machine.stack.mailbox, since, list(idle)) as player:
        yield Scenario(machine, account, player, since)
