"""All processes on this machine, with two workers that lose patience soon and a mail server that can do anything."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dev.stack import ports
from dev.stack.ports import HOST
from dev.stack.processes import Program
from landbridge.client.answers import MigrationStatus
from landbridge.client.migration import Migration
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.people import Actor
from tests.chaos.quick import patience
from tests.chaos.smtp_server import Post
from tests.e2e import accounts, privacy
from tests.e2e.accounts import Account
from tests.e2e.machine import Machine
from tests.e2e.scenario import Scenario
from tests.histories import health

WORKERS = ("worker", "worker 2")
LONG = pytest.mark.skipif("CHAOS_ROUNDS" not in os.environ, reason="It takes a minute: `make chaos` runs it")
"""On tests that would make every change wait."""
_ADMIN = Actor(name="tester")


class Ruin(Machine):
    """A machine on which anything may break."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.post = Post(self.stack.mailbox, folder, ports.preferred_or_free(0), accounts.REFUSED)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator["Ruin"]:
        """Run everything."""
        async with cls(folder) as ruin, ruin.post:
            yield ruin

    def programs(self) -> list[Program]:
        """Return the stack's programs, but with other workers and without its mail server."""
        programs: list[Program] = []
        for program in self.stack.programs():
            if program.name == "worker":
                programs += map(partial(self._worker, program), WORKERS)
            elif program.name != "mailbox":
                programs.append(program)
        return programs

    def _worker(self, usual: Program, name: str) -> Program:
        port = ports.preferred_or_free(0)
        environment = {
            **usual.environment,
            **self.post.variables,
            "LANDBRIDGE_METRICS_ADDRESS": f"{HOST}:{port}",
            "LANDBRIDGE_HEALTH_ADDRESS": "",
        }
        return replace(
            usual,
            name=name,
            command=[sys.executable, "-m", "tests.chaos.quick"],
            environment=environment,
            ports=[port],
            ready=partial(ports.accepts, port),
        )

    async def judge(self, scenario: Scenario, *, duplicates_at_most: int = 0) -> None:
        """Hold report and status against the records; and the histories are sound."""
        await scenario.judge(duplicates_at_most=duplicates_at_most)
        ran = await self.starter("status", scenario.account.name, "-o", "json")
        assert ran.code == 0, ran
        status, report = json.loads(ran.out), await self.report(scenario.account)
        assert status["run_state"] == "completed", status
        assert status["people_total"] == len(report["people"]), status
        assert status["people_waiting"] == 0, status
        assert not privacy.in_logs(self.logs, scenario.account.people)
        with patience():
            assert not await health.failures(self.client, scenario.account.name)

    # Asked within this process: a command each time would cost more than all that is tested.

    async def status(self, account: Account) -> MigrationStatus | None:
        """Return how a migration stands; nothing while nobody can say."""
        try:
            return await Migration(self.client, account.name).status()
        except LandbridgeError:
            return None

    async def resume(self, account: Account) -> bool:
        """Have an admin resume; return whether anybody could be asked."""
        try:
            await Migration(self.client, account.name).resume(_ADMIN)
        except LandbridgeError:
            return False
        return True

    async def order(self, *faults: dict[str, Any]) -> None:
        """Order trouble of the services."""
        async with httpx2.AsyncClient(base_url=self.stack.emulator_url) as emulator:
            for fault in faults:
                (await emulator.post("/emulator/faults", json=fault)).raise_for_status()

    async def call_off(self) -> None:
        """End all trouble of the services."""
        async with httpx2.AsyncClient(base_url=self.stack.emulator_url) as emulator:
            (await emulator.delete("/emulator/faults")).raise_for_status()
