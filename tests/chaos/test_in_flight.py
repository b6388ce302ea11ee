"""What is sent twice when a worker is killed or freezes: what was under way, to the mail, and nothing else."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from temporalio.api.workflow.v1 import PendingActivityInfo

from activities.mail import GROUP
from landbridge.domain import ids
from landbridge.platform.settings import SmtpSettings
from tests import verifier
from tests.chaos.machine import LONG, WORKERS, Ruin
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.player import playing
from tests.e2e.scenario import Scenario, moving
from tests.integrations.smtp.scripted import DOT, Act, Heard, nothing_special
from tests.workflows.harness import eventually

CONNECTIONS = SmtpSettings.model_fields["connections"].default
"""Mails that one worker has under way at once."""
TOLD = GROUP - CONNECTIONS
"""Mails more that Temporal has been told of each time that it happens; a batch ends before the next one begins."""

UNTOLD_SECONDS = 2.0
"""Of what a worker did in this time, the news may die with it: five times a second it tells, if the machine lets it."""


async def _slice(ruin: Ruin, account: Account) -> PendingActivityInfo | None:
    """Return the slice of mails that is under way."""
    cohort = ruin.client.get_workflow_handle(ids.cohort(account.name, 1))
    pending = (await cohort.describe()).raw_description.pending_activities
    return next((one for one in pending if one.activity_type.name == "send_mails"), None)


async def _is_handed_out(ruin: Ruin, account: Account, attempt: int) -> bool:
    """Return whether Temporal has handed the slice of mails out for the nth time."""
    under_way = await _slice(ruin, account)
    return under_way is not None and under_way.attempt >= attempt


async def _is_told(ruin: Ruin, account: Account, number: int) -> bool:
    """Return whether Temporal has been told of so many mails of it."""
    under_way = await _slice(ruin, account)
    if under_way is None or not under_way.HasField("heartbeat_details"):
        return False
    (outcomes,) = await ruin.client.data_converter.decode(under_way.heartbeat_details.payloads)
    return len(outcomes) == number


async def _under_way(ruin: Ruin, account: Account, nth: int) -> str:
    """Have `TOLD` mails answered, and then as many under way as can be: stored, and not answered; return who sends."""
    server = ruin.post.server
    answered = len(server.received) + TOLD

    def mute(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT and len(server.received) > answered else None

    ruin.post.mischief = mute
    await eventually(lambda: len(server.received) == answered + CONNECTIONS)
    await eventually(partial(_is_told, ruin, account, nth * TOLD))
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
        assert verifier.duplicates(scenario.mails()) == duplicates


async def test_a_killed_worker_repeats_only_what_was_under_way(ruin: Ruin) -> None:
    """`kill -9` twice, each time with eight mails stored and not answered: these come twice, under their Message-ID."""
    account, killed = accounts.account("slain", 60), []
    async with _moving_asleep(ruin, account, duplicates=2 * CONNECTIONS):
        for nth in (1, 2):
            killed.append(await _under_way(ruin, account, nth))
            await ruin.kill(killed[-1])
            ruin.post.server.let_go()
        for name in killed:
            await ruin.start(name)


async def test_workers_killed_in_the_middle_lose_nothing(ruin: Ruin, tmp_path: Path) -> None:
    """Three migrations, `kill -9` amid the mails of each: at most what was stored just before comes twice."""
    seed = random.randrange(10_000)  # noqa: S311 - moments, not secrets
    chance = random.Random(seed)  # noqa: S311 - as above
    first, *by_file = everyone = [accounts.account(f"killed{number}", 50) for number in (1, 2, 3)]
    since, just_before = await ruin.move_in(first, *by_file), 0
    async with playing(ruin.stack.mailbox, since) as player:
        scenarios, starting = [], []
        for account in everyone:
            beside = [other for other in everyone if other is not account]
            scenario = Scenario(ruin, account, player, since, beside=beside)
            if account is not first:
                scenario.roster = tmp_path / f"{account.name}.csv"
                scenario.roster.write_text(account.csv(), encoding="utf-8")
            scenarios.append(scenario)
            before = ruin.mailed() - since
            starting.append(asyncio.create_task(scenario.start("--wait")))
            await scenario.mailed(before + chance.randint(1, 20))
            worker = chance.choice(WORKERS)
            await ruin.kill(worker)
            just_before += _stored_within(ruin, UNTOLD_SECONDS)
            await ruin.start(worker)
        assert [ran.code for ran in await asyncio.gather(*starting)] == [0, 0, 0]
    duplicates = [verifier.duplicates(scenario.mails()) for scenario in scenarios]
    print(f"seed {seed}: {duplicates} duplicates, {just_before} stored just before")  # noqa: T201 - shown when it fails
    for scenario in scenarios:
        await ruin.judge(scenario, duplicates_at_most=just_before)
    assert sum(duplicates) <= just_before


def _stored_within(ruin: Ruin, seconds: float) -> int:
    """Return how many mails the mail server has stored in the last seconds."""
    since = time.time() - seconds
    return sum(file.stat().st_mtime >= since for file in ruin.stack.mailbox.glob("*.eml"))


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


@LONG
async def test_workers_that_wake_up_begin_nothing_that_was_handed_to_them_in_vain(ruin: Ruin) -> None:
    """Both frozen, Temporal hands the slice to one after the other: when they wake up, only the last one sends."""
    account = accounts.account("stiff", 60)
    async with _moving_asleep(ruin, account, duplicates=CONNECTIONS):
        await _under_way(ruin, account, 1)
        for name in WORKERS:
            ruin.freeze(name)
        ruin.post.server.let_go()
        await eventually(partial(_is_handed_out, ruin, account, 3))
        for name in WORKERS:
            ruin.thaw(name)
