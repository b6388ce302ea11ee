"""Temporal is unreachable for a while, and no process dies, as when its database fails over."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dev.demo.records import AtlassianAccount, Services
from dev.stack import ports
from dev.stack.processes import Program
from landbridge.client.migration import Migration
from tests.chaos.faults import SMTP_DELAY
from tests.chaos.faulty_stack import LONG, FaultyStack
from tests.chaos.proxy import Outage, Proxy
from tests.e2e import accounts
from tests.e2e.conftest import MACHINE
from tests.e2e.scenario import migrating
from tests.workflows.harness import eventually

SHORT = 20.0
"""Seconds; twice as long as the SDK retries to report a result."""


class ProxiedStack(FaultyStack):
    """A machine whose two workers have production timeouts and reach Temporal through a proxy."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.proxy = Proxy(ports.preferred_or_free(0), int(self.stack.temporal_address.rpartition(":")[2]))

    def _worker(self, usual: Program, name: str) -> Program:
        program = super()._worker(usual, name)
        environment = {**program.environment, "TEMPORAL_ADDRESS": self.proxy.address}
        return replace(program, command=usual.command, environment=environment)


@pytest.fixture(scope="module")
async def machine(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[ProxiedStack]:
    """Run all processes."""
    machine = ProxiedStack(tmp_path_factory.mktemp("failover"))
    async with machine.proxy, machine, machine.smtp_server:
        request.session.stash[MACHINE] = machine
        yield machine


@pytest.mark.parametrize(
    "outage, seconds, people",
    [
        (Outage.RESET, SHORT, 60),
        pytest.param(Outage.RESET, 30, 120, marks=LONG),
        pytest.param(Outage.RESET, 90, 120, marks=LONG),
        pytest.param(Outage.BLACK_HOLE, 30, 120, marks=LONG),
        pytest.param(Outage.BLACK_HOLE, 90, 120, marks=LONG),
    ],
)
async def test_nobody_is_mailed_twice(machine: ProxiedStack, outage: Outage, seconds: float, people: int) -> None:
    """Mails that were sent during the outage are reported after it, and not sent again."""
    account = accounts.account(f"failover-{outage.name.lower().replace('_', '-')}-{seconds:g}", people)
    async with migrating(machine, account) as scenario:
        machine.smtp_server.set_delay(SMTP_DELAY)
        waiting = asyncio.create_task(scenario.start("--wait"))
        await scenario.mailed(10)
        before = machine.newest_mail()
        async with machine.proxy.outage(outage):
            await asyncio.sleep(seconds)
            # Otherwise nothing could have been lost.
            assert machine.newest_mail() > before
        assert (await waiting).code == 0
        await machine.verify(scenario)


def _members(services: Services) -> set[str]:
    """Return the ids of the Atlassian accounts in the organization."""
    return {member.account_id for member in services.members}


@LONG
async def test_accounts_created_during_an_outage_can_be_revoked(machine: ProxiedStack) -> None:
    """The migration also knows the accounts whose creation was reported late."""
    async with migrating(machine, accounts.account("invited", 40)) as scenario:
        scenario.player.asleep = True
        before = _members(await machine.services())
        await machine.inject({"match": "users/invite", "delay": 2})
        assert (await scenario.start()).code == 0

        async def some_are_created() -> bool:
            return _members(await machine.services()) > before

        await eventually(some_are_created)
        async with machine.proxy.outage(Outage.RESET):
            await asyncio.sleep(SHORT)
        due = sum(bool(one.expected_mails) for one in scenario.account.people)
        await eventually(lambda: len(scenario.mails()) == due)
        account = scenario.account.name
        run = (await Migration(machine.client, account).status()).run
        cancelled = await machine.starter("cancel", account, "--reason", "Not now", "--undo", "--run", run)
        assert cancelled.code == 0, cancelled
        # Accounts that existed before the migration remain in the organization.
        after = await machine.services()
        existing = {one.key for one in scenario.account.people if one.atlassian is not AtlassianAccount.NONE}
        created = {account.id for account in after.accounts if account.key not in existing}
        assert not _members(after) & created
