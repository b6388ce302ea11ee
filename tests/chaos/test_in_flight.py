"""What is sent twice when a worker is killed or freezes: what was under way, to the mail, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from temporalio.api.workflow.v1 import PendingActivityInfo

from activities.mail import BATCH
from domain import ids
from runtime.settings import SmtpSettings
from tests import oracle
from tests.chaos.machine import LONG, WORKERS, Ruin
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.scenario import Scenario, moving
from tests.mail.scripted import DOT, Act, Heard, nothing_special
from tests.workflows.bench import eventually

pytestmark = pytest.mark.timeout(150)

CONNECTIONS = SmtpSettings.model_fields["connections"].default
"""Mails that one worker has under way at once."""
TOLD = BATCH - CONNECTIONS
"""Mails more that Temporal has been told of each time that it happens; a batch ends before the next one begins."""


async def _slice(ruin: Ruin, account: Account) -> PendingActivityInfo | None:
    """Return the slice of mails that is under way."""
    cohort = ruin.client.get_workflow_handle(ids.cohort(account.name, 1))
    pending = (await cohort.describe()).raw_description.pending_activities
    return next((one for one in pending if one.activity_type.name == "send_mails"), None)


async def _is_told(ruin: Ruin, account: Account, number: int) -> bool:
    """Return whether Temporal has been told of so many mails of it."""
    under_way = await _slice(ruin, account)
    if under_way is None or not under_way.HasField("heartbeat_details"):
        return False
    (outcomes,) = await ruin.client.data_converter.decode(under_way.heartbeat_details.payloads)
    return len(outcomes) == number


async def _under_way(ruin: Ruin, account: Account, time: int) -> str:
    """Have `TOLD` mails answered, and then as many under way as can be: stored, and not answered; return who sends."""
    server = ruin.post.server
    answered = len(server.received) + TOLD

    def mute(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT and len(server.received) > answered else None

    ruin.post.mischief = mute
    await eventually(lambda: len(server.received) == answered + CONNECTIONS)
    await eventually(partial(_is_told, ruin, account, time * TOLD))
    ruin.post.mischief = nothing_special
    under_way = await _slice(ruin, account)
    assert under_way is not None
    (sender,) = [name for name in WORKERS if under_way.last_worker_identity.startswith(f"{ruin.pid(name)}@")]
    return sender


@asynccontextmanager
async def _moving_asleep(ruin: Ruin, account: Account, *, duplicates: int) -> AsyncIterator[Scenario]:
    """Move people who do not look into their mailboxes before the test is done; in the end so many came twice."""
    async with moving(ruin, account) as scenario:
        scenario.player.asleep = True
        await ruin.post.reopen()
        waiting = asyncio.create_task(scenario.start("--wait"))
        yield scenario
        scenario.player.asleep = False
        assert (await waiting).code == 0
        await ruin.judge(scenario, duplicates_at_most=duplicates)
        # Else nothing was under way, and this proves nothing.
        assert oracle.duplicates(scenario.mails()) == duplicates


async def test_a_killed_worker_repeats_only_what_was_under_way(ruin: Ruin) -> None:
    """`kill -9` twice, each time with eight mails stored and not answered: these come twice, under their Message-ID."""
    account, killed = accounts.account("slain", 60), []
    async with _moving_asleep(ruin, account, duplicates=2 * CONNECTIONS):
        for time in (1, 2):
            killed.append(await _under_way(ruin, account, time))
            await ruin.kill(killed[-1])
            ruin.post.server.let_go()
        for name in killed:
            await ruin.start(name)


@LONG
async def test_a_worker_that_wakes_up_sends_nothing_of_what_others_have_taken_over(ruin: Ruin) -> None:
    """Frozen until another worker has done its work: what it finishes then is turned away, and it begins no mail."""
    account = accounts.account("frozen", 60)
    mails = sum(bool(one.mails) for one in account.people)
    async with _moving_asleep(ruin, account, duplicates=CONNECTIONS) as scenario:
        sender = await _under_way(ruin, account, 1)
        ruin.freeze(sender)
        ruin.post.server.let_go()
        await eventually(lambda: len(scenario.mails()) == mails + CONNECTIONS)
        ruin.thaw(sender)
        # Time to do wrong; then whatever it still does is ended and waited for.
        await asyncio.sleep(3)
        assert await ruin.stop(sender) == 0
        await ruin.start(sender)
