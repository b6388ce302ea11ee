"""A mail server that rejects every mail: the migration pauses with a reason, blames no person, and resumes."""

import asyncio
from functools import partial

from tests.chaos.faults import Faults
from tests.chaos.faulty_stack import FaultyStack
from tests.e2e import accounts
from tests.e2e.scenario import migrating
from tests.workflows.harness import eventually


async def test_each_rejection_pauses_the_migration_until_it_is_resumed(machine: FaultyStack) -> None:
    """Each pause names the setting to check, and no mail is sent before the last fault is fixed."""
    async with migrating(machine, accounts.account("refused", 30)) as scenario:
        faults = Faults(machine, scenario)
        waiting = asyncio.create_task(scenario.start("--wait"))
        for fault, advice in (
            (faults.missing_starttls(), "does not offer STARTTLS"),
            (faults.expired_certificate(), "certificate is valid"),
            (faults.foreign_certificate(), "certificate is valid"),
            (faults.rejected_login(), "LANDBRIDGE_SMTP_PASSWORD"),
            (faults.rejected_sender(), "LANDBRIDGE_SMTP_FROM"),
        ):
            async with fault:
                await machine.smtp_server.reopen()
                await machine.resume(scenario.account)
                await eventually(partial(_reports, machine, scenario.account, advice))
                assert not machine.smtp_server.server.received
        await machine.smtp_server.reopen()
        assert await machine.resume(scenario.account)
        assert (await waiting).code == 0
        await machine.verify(scenario)


async def _reports(machine: FaultyStack, account: accounts.Account, advice: str) -> bool:
    status = await machine.status(account)
    return status is not None and any(advice in problem for problem in status.problems)
