"""A migration from its start to its end, and the verification of the outcome."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.demo import verifier
from dev.demo.mails import Mail, key
from dev.demo.records import Evidence, Services
from landbridge.domain import ids
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.machine import CommandResult, Machine
from tests.e2e.player import Player, playing
from tests.workflows.harness import eventually


@dataclass
class Scenario:
    """The migration of one account on a machine."""

    machine: Machine
    account: Account
    player: Player
    since: int
    """The number of the newest mail before the migration."""
    roster: Path | None = None
    """The file with the account's people; None: Opsgenie lists them."""
    concurrent: Sequence[Account] = ()
    """Accounts that the same worker migrates at the same time."""
    verified_by_admin: list[str] = field(default_factory=list)
    connected_by_admin: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    async def start(self, *more: str) -> CommandResult:
        """Run `starter.py start`."""
        arguments = ["start", self.account.name, "--initiator", self.account.owner, "--site", accounts.SITE, "--yes"]
        roster = ["--roster", str(self.roster)] if self.roster else []
        return await self.machine.starter(*arguments, *roster, *more)

    def mails(self) -> list[Mail]:
        """Return all mails of this migration so far."""
        others = self._others()
        return [mail for mail in self.machine.mails(self.since) if key(mail.recipient) not in others]

    async def _services(self) -> Services:
        services, others = await self.machine.services(), self._others()
        names = {account.name for account in self.concurrent}
        return services.model_copy(
            update={
                "accounts": [account for account in services.accounts if account.key not in others],
                "connections": [one for one in services.connections if one.opsgenie_account not in names],
            }
        )

    def _others(self) -> set[str]:
        return {one.key for account in self.concurrent for one in account.people}

    async def mailed(self, number: int) -> None:
        """Wait until this many mails were delivered since the beginning."""
        await eventually(lambda: self.machine.newest_mail() - self.since >= number)

    async def completed(self) -> None:
        """Wait until the migration is completed."""
        await self.machine.client.get_workflow_handle(ids.migration(self.account.name)).result()

    async def verify(self, *, max_duplicates: int = 0) -> None:
        """Compare the report with what others recorded."""
        evidence = Evidence(
            people=self.account.people,
            mails=self.mails(),
            services=await self._services(),
            report=await self.machine.report(self.account),
            confirmed=self.player.confirmed,
            verified_by_admin=self.verified_by_admin,
            connected_by_admin=self.connected_by_admin,
            excluded=self.excluded,
            max_duplicates=max_duplicates,
            max_uncounted=1,
        )
        problems = verifier.problems(evidence) + self.player.problems
        assert not problems, "\n".join(problems)


@asynccontextmanager
async def migrating(machine: Machine, account: Account, *, idle: Iterable[str] = ()) -> AsyncIterator[Scenario]:
    """Load an account whose people act on their mail, except the `idle` ones."""
    since = await machine.load(account)
    async with playing(machine.stack.mailbox, since, list(idle)) as player:
        yield Scenario(machine, account, player, since)
