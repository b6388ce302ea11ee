"""All processes on this machine, with two impatient workers and a scriptable SMTP server."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dev.stack import ports
from dev.stack.ports import HOST
from dev.stack.processes import Program
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.people import Actor
from tests.chaos.impatient_worker import short_timeouts
from tests.chaos.smtp_server import SmtpServer
from tests.e2e import accounts, privacy
from tests.e2e.accounts import Account
from tests.e2e.machine import Machine
from tests.e2e.scenario import Scenario
from tests.histories import health

WORKERS = ("worker", "worker 2")
LONG = pytest.mark.skipif("CHAOS_ROUNDS" not in os.environ, reason="takes a minute; run by `make chaos`")
"""Marks tests that run in `make chaos` only."""
_ADMIN = Actor(name="tester")


class FaultyStack(Machine):
    """A machine in which every process and service can be made to fail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.smtp_server = SmtpServer(self.stack.mailbox, folder, ports.preferred_or_free(0), accounts.REFUSED)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator["FaultyStack"]:
        """Run all processes."""
        async with cls(folder) as machine, machine.smtp_server:
            yield machine

    def programs(self) -> list[Program]:
        """Return the stack's programs, with other workers and without the mail server."""
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
            **self.smtp_server.variables,
            "LANDBRIDGE_METRICS_ADDRESS": f"{HOST}:{port}",
            "LANDBRIDGE_HEALTH_ADDRESS": "",
        }
        return replace(
            usual,
            name=name,
            command=[sys.executable, "-m", "tests.chaos.impatient_worker"],
            environment=environment,
            ports=[port],
            ready=partial(ports.accepts, port),
        )

    async def verify(self, scenario: Scenario, *, max_duplicates: int = 0) -> None:
        """Verify the outcome, and check the status, the logs and the histories."""
        await scenario.verify(max_duplicates=max_duplicates)
        ran = await self.starter("status", scenario.account.name, "-o", "json")
        assert ran.code == 0, ran
        status = MigrationStatus.model_validate_json(ran.out)
        assert status.run_state is RunState.COMPLETED, status
        assert (status.people_total, status.people_waiting) == (len(scenario.account.people), 0), status
        assert not privacy.in_logs(self.logs, scenario.account.people)
        with short_timeouts():
            assert not await health.failures(self.client, scenario.account.name)

    # These call the client within this process: a command takes too long to be repeated often.

    async def status(self, account: Account) -> MigrationStatus | None:
        """Return the status of a migration; None while Temporal or the workers do not answer."""
        try:
            return await Migration(self.client, account.name).status()
        except LandbridgeError:
            return None

    async def resume(self, account: Account) -> bool:
        """Resume a migration as an admin; return whether the request succeeded."""
        try:
            await Migration(self.client, account.name).resume(_ADMIN)
        except LandbridgeError:
            return False
        return True
