"""Temporal goes away amid the work, while no process of ours dies, as when its database fails over."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dev.stack import ports
from dev.stack.processes import Program
from tests import verifier
from tests.chaos.faults import PACE
from tests.chaos.machine import LONG, Ruin
from tests.chaos.proxy import Outage, Proxy
from tests.e2e import accounts
from tests.e2e.conftest import MACHINE
from tests.e2e.scenario import moving
from tests.workflows.harness import eventually

SHORT = 20.0
"""Seconds; twice as long as the SDK goes on reporting a result."""


class Failover(Ruin):
    """A machine whose two workers, with the timeouts of production, reach Temporal through a proxy only."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.proxy = Proxy(ports.preferred_or_free(0), int(self.stack.temporal_address.rpartition(":")[2]))

    def _worker(self, usual: Program, name: str) -> Program:
        program = super()._worker(usual, name)
        environment = {**program.environment, "TEMPORAL_ADDRESS": self.proxy.address}
        return replace(program, command=usual.command, environment=environment)


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Failover]:
    """Run everything."""
    machine = Failover(tmp_path_factory.mktemp("failover"))
    async with machine.proxy, machine, machine.post:
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
async def test_nobody_is_mailed_twice(machine: Failover, outage: Outage, seconds: float, people: int) -> None:
    """What was sent while Temporal was away is reported once it is back, and not sent again."""
    account = accounts.account(f"failover-{outage.name.lower().replace('_', '-')}-{seconds:g}", people)
    async with moving(machine, account) as scenario:
        machine.post.take_time(PACE)
        waiting = asyncio.create_task(scenario.start("--wait"))
        await scenario.mailed(10)
        before = machine.mailed()
        async with machine.proxy.cut_off(outage):
            await asyncio.sleep(seconds)
            # Otherwise there was nothing that could have been lost.
            assert machine.mailed() > before
        assert (await waiting).code == 0
        await machine.judge(scenario)


def _members(services: dict[str, Any]) -> set[str]:
    """Return the Atlassian accounts in the organization."""
    return {member["account_id"] for member in services["members"]}


@LONG
async def test_accounts_created_meanwhile_can_be_revoked(machine: Failover) -> None:
    """The migration knows which accounts it created, also those whose creation was reported late."""
    async with moving(machine, accounts.account("invited", 40)) as scenario:
        scenario.player.asleep = True
        before = _members(await machine.services())
        await machine.order({"match": "users/invite", "delay": 2})
        assert (await scenario.start()).code == 0

        async def some_are_created() -> bool:
            return _members(await machine.services()) > before

        await eventually(some_are_created)
        async with machine.proxy.cut_off(Outage.RESET):
            await asyncio.sleep(SHORT)
        due = sum(bool(one.mails) for one in scenario.account.people)
        await eventually(lambda: len(scenario.mails()) == due)
        cancelled = await machine.starter("cancel", scenario.account.name, "--reason", "Not now", "--undo", "--yes")
        assert cancelled.code == 0, cancelled
        # Accounts that were there before may have been adopted into the organization: they stay.
        left = await machine.services()
        known = {one.email for one in scenario.account.people if one.atlassian is not verifier.Atlassian.NONE}
        ours = {
            one["id"] for one in left["accounts"] if verifier.key(one["email"]) not in set(map(verifier.key, known))
        }
        assert not _members(left) & ours
