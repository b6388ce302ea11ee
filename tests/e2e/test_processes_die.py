"""Any process may be stopped or killed at any moment; the migration ends with the same report."""

import asyncio

from activities.mail import GROUP
from dev.demo.mails import MailKind
from landbridge.platform.settings import SmtpSettings
from tests.e2e import accounts, privacy
from tests.e2e.machine import Machine
from tests.e2e.scenario import Scenario, migrating
from tests.histories import health
from tests.workflows.harness import eventually
from worker import STOP_SECONDS

CONNECTIONS = SmtpSettings.model_fields["connections"].default
"""Mails that one worker sends concurrently."""


async def _check_logs_and_histories(scenario: Scenario) -> None:
    assert not privacy.in_logs(scenario.machine.logs, scenario.account.people)
    assert not await health.failures(scenario.machine.client, scenario.account.name)


async def test_a_stopped_worker_sends_nothing_twice(machine: Machine) -> None:
    """SIGTERM while mails are sent, as in a rolling deployment: the worker exits with 0 within the grace period."""
    account = accounts.account("rolling", 90)
    async with migrating(machine, account) as scenario:
        waiting = asyncio.create_task(scenario.start("--wait"))
        for number in (1, 1 + GROUP, 1 + 2 * GROUP, 1 + 3 * GROUP):
            await scenario.mailed(number)
            async with asyncio.timeout(2 * STOP_SECONDS):
                assert await machine.stop("worker") == 0
            await machine.start("worker")
        assert (await waiting).code == 0
        await scenario.verify()
        await _check_logs_and_histories(scenario)


async def test_other_processes_are_killed(machine: Machine) -> None:
    """Temporal, the portal, the emulator and the mail server are killed while mails are sent, and restarted."""
    account = accounts.account("others", 70)
    async with migrating(machine, account) as scenario:
        waiting = asyncio.create_task(scenario.start("--wait"))
        for number, name in ((1, "temporal"), (10, "mailbox"), (25, "temporal"), (30, "emulator"), (35, "portal")):
            await scenario.mailed(number)
            await machine.kill(name)
            await machine.start(name)
        assert (await waiting).code == 0
        # The mail server had stored these mails, but not acknowledged them, when it was killed.
        await scenario.verify(max_duplicates=CONNECTIONS)
        await _check_logs_and_histories(scenario)


async def test_clicks_are_kept_while_no_worker_runs(machine: Machine) -> None:
    """Clicks survive a kill of Temporal before a worker returns; `start` says that the migration is running."""
    account = accounts.account("unattended", 8)
    clickers = {one.email for one in account.people if MailKind.VERIFY in one.expected_mails}
    async with migrating(machine, account) as scenario:
        # The worker must be gone before anyone clicks.
        scenario.player.asleep = True
        waiting = asyncio.create_task(scenario.start("--wait"))
        await eventually(lambda: clickers <= {mail.recipient for mail in scenario.mails()})
        assert await machine.stop("worker") == 0
        scenario.player.asleep = False
        await eventually(lambda: clickers <= scenario.player.confirmed.keys())
        # Nobody acts on the next mails, so the migration is still running when `start` is run again.
        scenario.player.asleep = True
        await machine.kill("temporal")
        await machine.start("temporal")
        again = asyncio.create_task(scenario.start())
        await machine.start("worker")
        assert (await again).code == 0
        assert "is already running" in (await again).err
        scenario.player.asleep = False
        assert (await waiting).code == 0
        await scenario.verify()
        await _check_logs_and_histories(scenario)
