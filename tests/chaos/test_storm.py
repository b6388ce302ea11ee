"""Injects random faults, chosen by a seed, into the migration of a hundred people.

`make chaos` runs many seeds; `make chaos SEED=…` repeats one.
"""

import asyncio
import os
import random

import pytest

from landbridge.client.answers import RunState
from tests.chaos.faults import SMTP_DELAY, Faults, kinds
from tests.chaos.faulty_stack import FaultyStack
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.scenario import migrating
from tests.workflows.harness import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
"""How many seeds to run."""
FAULTS = int(os.environ.get("CHAOS_FAULTS", "5"))
"""Faults in each round."""
FIRST = int(os.environ.get("CHAOS_SEED") or "1")
"""The first seed; the others follow it."""
SPREAD = min(20.0, 2.0 * FAULTS)
"""Seconds over which people spread their actions, so that some act during each fault."""


async def _run_until_it_succeeds(machine: FaultyStack, *command: str) -> None:
    async def done() -> bool:
        return (await machine.starter(*command)).code == 0

    await eventually(done)


async def _until_completed(machine: FaultyStack, account: Account) -> None:
    """Resume the migration whenever it reports a problem, until it is completed."""
    while (status := await machine.status(account)) is None or status.run_state is not RunState.COMPLETED:
        if status is not None and status.problems:
            await machine.resume(account)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
async def test_a_migration_survives_random_faults(machine: FaultyStack, seed: int) -> None:
    """Nobody is lost or connected without proof, and only mails that a fault interrupted are delivered twice."""
    chance = random.Random(seed)  # noqa: S311 - delays, not secrets
    schedule = chance.sample(kinds(), FAULTS)
    print(f"seed {seed}: {', '.join(schedule)}")  # noqa: T201 - shown on failure, and by `make chaos`
    account = accounts.account(f"storm{seed}", 100, problems=True)
    slow, helpless = account.people[1].email, [accounts.REFUSED, accounts.UNINVITABLE]
    async with migrating(machine, account, idle=[slow]) as scenario:
        scenario.player.delay = lambda: chance.uniform(0, SPREAD)
        machine.smtp_server.set_delay(SMTP_DELAY)
        unanswered = machine.smtp_server.unanswered
        waiting = asyncio.create_task(scenario.start("--wait"))
        faults = Faults(machine, scenario, chance)
        for name in schedule:
            await asyncio.sleep(chance.uniform(0, 1))
            await faults.inject(name)
        machine.smtp_server.set_delay(0)
        await machine.clear_faults()
        await machine.resume(account)
        await _run_until_it_succeeds(machine, "authenticate", account.name, slow)
        for who in helpless:
            await _run_until_it_succeeds(machine, "exclude", account.name, who, "--reason", "cannot be reached")
        scenario.connected_by_admin, scenario.excluded = [slow], helpless
        await _until_completed(machine, account)
        assert (await waiting).code == 0
        unanswered = machine.smtp_server.unanswered - unanswered
        await machine.verify(scenario, max_duplicates=faults.max_duplicates + unanswered)
