"""One blow after the other, in an order and at moments that a seed decides, while a hundred people are moved.

`make chaos` tries many seeds, and `make chaos SEED=…` one of them once more.
"""

import asyncio
import os
import random

import pytest

from landbridge.client.answers import RunState
from tests.chaos.faults import PACE, Blows, kinds
from tests.chaos.machine import Ruin
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.scenario import moving
from tests.workflows.harness import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
"""Seeds that are tried."""
BLOWS = int(os.environ.get("CHAOS_BLOWS", "5"))
"""In each round."""
FIRST = int(os.environ.get("CHAOS_SEED") or "1")
"""The first of the seeds, which follow each other."""
SPREAD = min(20.0, 2.0 * BLOWS)
"""Seconds over which people act on what came at the same time: as long as something strikes, somebody does."""


async def _until_done(ruin: Ruin, *command: str) -> None:
    async def done() -> bool:
        return (await ruin.starter(*command)).code == 0

    await eventually(done)


async def _come_to_rest(ruin: Ruin, account: Account) -> None:
    """Resume whatever still pauses, until it is over."""
    while (status := await ruin.status(account)) is None or status.run_state is not RunState.COMPLETED:
        if status is not None and status.problems:
            await ruin.resume(account)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
async def test_whatever_befalls_a_migration_it_ends_as_others_recorded_it(ruin: Ruin, seed: int) -> None:
    """Nobody is lost, moved without proof, or mailed more often than what was under way when something died."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    schedule = chance.sample(kinds(), BLOWS)
    print(f"seed {seed}: {', '.join(schedule)}")  # noqa: T201 - shown when it fails, and by `make chaos`
    account = accounts.account(f"storm{seed}", 100, problem=True)
    slow, helpless = account.people[1].email, [accounts.REFUSED, accounts.UNINVITABLE]
    async with moving(ruin, account, idle=[slow]) as scenario:
        scenario.player.dawdle = lambda: chance.uniform(0, SPREAD)
        ruin.post.take_time(PACE)
        unanswered = ruin.post.unanswered
        waiting = asyncio.create_task(scenario.start("--wait"))
        blows = Blows(ruin, scenario, chance)
        for name in schedule:
            await asyncio.sleep(chance.uniform(0, 1))
            await getattr(blows, name)()
        ruin.post.take_time(0)
        await ruin.call_off()
        await ruin.resume(account)
        await _until_done(ruin, "authenticate", account.name, slow)
        for who in helpless:
            await _until_done(ruin, "exclude", account.name, who, "--reason", "cannot be reached")
        scenario.connected_by_admin, scenario.excluded = [slow], helpless
        await _come_to_rest(ruin, account)
        assert (await waiting).code == 0
        unanswered = ruin.post.unanswered - unanswered
        await ruin.judge(scenario, duplicates_at_most=blows.duplicates_at_most + unanswered)
