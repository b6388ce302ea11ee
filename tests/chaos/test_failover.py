"""Temporal goes away amid the mails, while no process of ours dies, as when its database fails over."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from embedded import ports
from embedded.processes import Program
from tests.chaos.blows import PACE
from tests.chaos.machine import LONG, Ruin
from tests.chaos.proxy import Outage, Proxy
from tests.e2e import accounts
from tests.e2e.scenario import moving


class Failover(Ruin):
    """A machine whose two workers, with the timeouts of production, reach Temporal through a proxy only."""

    def __init__(self, folder: Path, proxy_port: int) -> None:
        super().__init__(folder)
        self.proxy = Proxy(proxy_port, int(self.stack.temporal_address.rpartition(":")[2]))

    def _worker(self, usual: Program, name: str) -> Program:
        program = super()._worker(usual, name)
        environment = {**program.environment, "TEMPORAL_ADDRESS": self.proxy.address}
        return replace(program, command=usual.command, environment=environment)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "outage, seconds, people",
    [
        # Longer than the SDK goes on reporting a result (10 s).
        (Outage.RESET, 20, 60),
        pytest.param(Outage.RESET, 30, 300, marks=LONG),
        pytest.param(Outage.RESET, 90, 300, marks=LONG),
        pytest.param(Outage.BLACK_HOLE, 30, 300, marks=LONG),
        pytest.param(Outage.BLACK_HOLE, 90, 300, marks=LONG),
    ],
)
async def test_nobody_is_mailed_twice(tmp_path: Path, outage: Outage, seconds: float, people: int) -> None:
    """What was sent while Temporal was away is reported once it is back, and not sent again."""
    machine = Failover(tmp_path, ports.preferred_or_free(0))
    async with machine.proxy, machine, machine.post, moving(machine, accounts.account("failover", people)) as scenario:
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
