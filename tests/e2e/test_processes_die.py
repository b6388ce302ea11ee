"""Any process may die at any moment: the migration ends in the same report."""

import asyncio

from activities.mail import GROUP
from landbridge.platform.settings import SmtpSettings
from tests.e2e import accounts, privacy
from tests.e2e.machine import Machine
from tests.e2e.scenario import Scenario, moving
from tests.histories import health
from tests.verifier import Mailed
from tests.workflows.harness import eventually
from worker import STOP_SECONDS

CONNECTIONS = SmtpSettings.model_fields["connections"].default
"""Mails that one worker has under way at once."""


async def _healthy(scenario: Scenario) -> None:
    assert not privacy.in_logs(scenario.machine.logs, scenario.account.people)
    assert not await health.failures(scenario.machine.client, scenario.account.name)


async def test_a_worker_told_to_stop_sends_nothing_twice(machine: Machine) -> None:
    """SIGTERM again and again amid the mails, as a rolling deployment does: it exits 0 each time, in good time."""
    account = accounts.account("rolling", 90)
    async with moving(machine, account) as scenario:
        waiting = asyncio.create_task(scenario.start("--wait"))
        for number in (1, 1 + GROUP, 1 + 2 * GROUP, 1 + 3 * GROUP):
            await scenario.mailed(number)
            async with asyncio.timeout(2 * STOP_SECONDS):
                assert await machine.stop("worker") == 0
            await machine.start("worker")
        assert (await waiting).code == 0
        await scenario.judge()
        await _healthy(scenario)


async def test_whatever_else_is_killed_the_report_is_the_same(machine: Machine) -> None:
    """Temporal, the portal, the services and the mail server, each killed amid its work and started again."""
    account = accounts.account("others", 70)
    async with moving(machine, account) as scenario:
        waiting = asyncio.create_task(scenario.start("--wait"))
        for number, name in ((1, "temporal"), (10, "mailbox"), (25, "temporal"), (30, "emulator"), (35, "portal")):
            await scenario.mailed(number)
            await machine.kill(name)
            await machine.start(name)
        assert (await waiting).code == 0
        # Mails that the mail server had stored when it was killed, and not yet acknowledged.
        await scenario.judge(duplicates_at_most=CONNECTIONS)
        await _healthy(scenario)


async def test_clicks_are_kept_while_no_worker_runs(machine: Machine) -> None:
    """Even if Temporal is killed before one comes back; and starting again says that it waits."""
    account = accounts.account("unattended", 8)
    clickers = {one.email for one in account.people if Mailed.VERIFY in one.mails}
    async with moving(machine, account) as scenario:
        # People are quick, so the worker goes before they look into their mailboxes.
        scenario.player.asleep = True
        waiting = asyncio.create_task(scenario.start("--wait"))
        await eventually(lambda: clickers <= {mail.recipient for mail in scenario.mails()})
        assert await machine.stop("worker") == 0
        scenario.player.asleep = False
        await eventually(lambda: clickers <= {who for who, _ in scenario.player.pressed})
        # Nobody looks at what comes next, so that the migration still runs when it is started again.
        scenario.player.asleep = True
        await machine.kill("temporal")
        await machine.start("temporal")
        again = asyncio.create_task(scenario.start())
        await machine.start("worker")
        assert (await again).code == 0
        assert "runs already" in (await again).err
        scenario.player.asleep = False
        assert (await waiting).code == 0
        await scenario.judge()
        await _healthy(scenario)
