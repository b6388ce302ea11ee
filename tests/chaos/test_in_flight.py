"""What is sent twice when a worker is killed or freezes: what was under way, to the mail, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from temporalio.api.workflow.v1 import PendingActivityInfo

from domain import ids
from runtime.settings import SmtpSettings
from tests import oracle
from tests.chaos.machine import LONG, WORKERS, Ruin
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.scenario import Scenario, moving
from tests.mail.scripted import DOT, Act, Heard, nothing_special
from tests.workflows.bench import eventually

pytestmark = pytest.mark.timeout(300)

CONNECTIONS = SmtpSettings.model_fields["connections"].default
"""Mails that one worker has under way at once."""
TOLD = 20
"""Mails that Temporal has been told of when it happens."""


async def _slice(ruin: Ruin, account: Account) -> PendingActivityInfo | None:
    """Return the slice of mails that is under way."""
    cohort = ruin.client.get_workflow_handle(ids.cohort(account.name, 1))
    pending = (await cohort.describe()).raw_description.pending_activities
    return next((one for one in pending if one.activity_type.name == "send_mails"), None)


async def _told(ruin: Ruin, account: Account) -> int:
    """Return how many mails of it Temporal has been told of."""
    under_way = await _slice(ruin, account)
    if under_way is None or not under_way.HasField("heartbeat_details"):
        return 0
    (outcomes,) = await ruin.client.data_converter.decode(under_way.heartbeat_details.payloads)
    return len(outcomes)


@asynccontextmanager
async def _amid_a_slice(ruin: Ruin, account: Account) -> AsyncIterator[tuple[Scenario, str]]:
    """Have as many mails under way as can be, all of them stored and none answered; yield who sends them."""
    async with moving(ruin, account) as scenario:
        scenario.player.asleep = True
        await ruin.post.reopen()
        server = ruin.post.server
        before = len(server.received)

        def mute(heard: Heard) -> Act | None:
            return Act.HANG if heard.line == DOT and len(server.received) > before + TOLD else None

        async def told() -> bool:
            return await _told(ruin, account) == TOLD

        ruin.post.mischief = mute
        waiting = asyncio.create_task(scenario.start("--wait"))
        await eventually(lambda: len(server.received) == before + TOLD + CONNECTIONS)
        await eventually(told)
        under_way = await _slice(ruin, account)
        assert under_way is not None
        (sender,) = [name for name in WORKERS if under_way.last_worker_identity.startswith(f"{ruin.pid(name)}@")]
        ruin.post.mischief = nothing_special
        yield scenario, sender
        scenario.player.asleep = False
        assert (await waiting).code == 0
        await ruin.judge(scenario, duplicates_at_most=CONNECTIONS)
        # Else nothing was under way, and this proves nothing.
        assert oracle.duplicates(scenario.mails()) == CONNECTIONS


async def test_a_killed_worker_repeats_only_what_was_under_way(ruin: Ruin) -> None:
    """`kill -9` with eight mails stored and not answered: these eight come twice, each under its own Message-ID."""
    async with _amid_a_slice(ruin, accounts.account("slain", 60)) as (_, sender):
        await ruin.kill(sender)
        ruin.post.server.release.set()
        await ruin.start(sender)


@LONG
async def test_a_worker_that_wakes_up_sends_nothing_of_what_others_have_taken_over(ruin: Ruin) -> None:
    """Frozen until another worker has done its work: what it finishes then is turned away, and it begins no mail."""
    account = accounts.account("frozen", 60)
    mails = sum(bool(one.mails) for one in account.people)
    async with _amid_a_slice(ruin, account) as (scenario, sender):
        ruin.freeze(sender)
        ruin.post.server.release.set()
        await eventually(lambda: len(scenario.mails()) == mails + CONNECTIONS)
        ruin.thaw(sender)
        # Time to do wrong; then whatever it still does is ended and waited for.
        await asyncio.sleep(3)
        assert await ruin.stop(sender) == 0
        await ruin.start(sender)
