"""A killed or frozen worker repeats exactly the mails that were in flight, and no others."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from temporalio.api.workflow.v1 import PendingActivityInfo

from activities.mail import GROUP
from dev.demo import verifier
from landbridge.domain import ids
from landbridge.platform.settings import SmtpSettings
from tests.chaos.faulty_stack import LONG, WORKERS, FaultyStack
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.e2e.player import playing
from tests.e2e.scenario import Scenario, migrating
from tests.integrations.smtp.scripted import DOT, Act, Heard, nothing_special
from tests.workflows.harness import eventually

CONNECTIONS = SmtpSettings.model_fields["connections"].default
"""Mails that one worker sends concurrently."""
REPORTED = GROUP - CONNECTIONS
"""Mails that are acknowledged, and reported by heartbeat, before the others of a batch are left in flight."""

UNREPORTED_SECONDS = 2.0
"""A killed worker may not have reported the mails of this time: it sends up to five heartbeats a second."""


async def _pending_batch(machine: FaultyStack, account: Account) -> PendingActivityInfo | None:
    """Return the pending activity that sends a batch of mails."""
    cohort = machine.client.get_workflow_handle(ids.cohort(account.name, 1))
    activities = (await cohort.describe()).raw_description.pending_activities
    return next((one for one in activities if one.activity_type.name == "send_mails"), None)


async def _is_dispatched(machine: FaultyStack, account: Account, attempt: int) -> bool:
    """Return whether Temporal has dispatched the batch for the nth time."""
    pending = await _pending_batch(machine, account)
    return pending is not None and pending.attempt >= attempt


async def _is_reported(machine: FaultyStack, account: Account, number: int) -> bool:
    """Return whether the batch's heartbeats have reported this many mails."""
    pending = await _pending_batch(machine, account)
    if pending is None or not pending.HasField("heartbeat_details"):
        return False
    (outcomes,) = await machine.client.data_converter.decode(pending.heartbeat_details.payloads)
    return len(outcomes) == number


async def _put_in_flight(machine: FaultyStack, account: Account, nth: int) -> str:
    """Acknowledge `REPORTED` mails, then leave one per connection stored but unanswered; return the sending worker."""
    server = machine.smtp_server.server
    answered = len(server.received) + REPORTED

    def hang(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT and len(server.received) > answered else None

    machine.smtp_server.script = hang
    await eventually(lambda: len(server.received) == answered + CONNECTIONS)
    await eventually(partial(_is_reported, machine, account, nth * REPORTED))
    machine.smtp_server.script = nothing_special
    return await _sending_worker(machine, account)


async def _sending_worker(machine: FaultyStack, account: Account) -> str:
    """Return the worker that has the batch's last attempt."""
    pending = await _pending_batch(machine, account)
    assert pending is not None
    (name,) = [name for name in WORKERS if pending.last_worker_identity.startswith(f"{machine.pid(name)}@")]
    return name


@asynccontextmanager
async def _migrating_asleep(
    machine: FaultyStack, account: Account
) -> AsyncIterator[tuple[Scenario, Callable[[int], Awaitable[None]]]]:
    """Migrate people who read no mail; also yield a function that wakes them and checks how many mails came twice."""
    async with migrating(machine, account) as scenario:
        scenario.player.asleep = True
        await machine.smtp_server.reopen()
        waiting = asyncio.create_task(scenario.start("--wait"))

        async def complete(duplicates: int) -> None:
            scenario.player.asleep = False
            assert (await waiting).code == 0
            await machine.verify(scenario, max_duplicates=duplicates)
            # Fewer would mean that nothing was in flight.
            assert verifier.duplicates(scenario.mails()) == duplicates

        yield scenario, complete


async def test_a_killed_worker_repeats_only_mails_in_flight(machine: FaultyStack) -> None:
    """Two kills, each with eight mails in flight: these are delivered twice, under the same Message-ID."""
    account, killed = accounts.account("killed", 60), []
    async with _migrating_asleep(machine, account) as (_, complete):
        for nth in (1, 2):
            killed.append(await _put_in_flight(machine, account, nth))
            await machine.kill(killed[-1])
            machine.smtp_server.server.let_go()
        for name in killed:
            await machine.start(name)
        await complete(2 * CONNECTIONS)


async def test_workers_killed_while_sending_lose_nothing(machine: FaultyStack, tmp_path: Path) -> None:
    """One kill during each of three migrations: at most the mails stored just before are delivered twice."""
    seed = random.randrange(10_000)  # noqa: S311 - delays, not secrets
    chance = random.Random(seed)  # noqa: S311 - as above
    first, *by_file = everyone = [accounts.account(f"killed{number}", 50) for number in (1, 2, 3)]
    since, just_before = await machine.load(first, *by_file), 0
    async with playing(machine.stack.mailbox, since) as player:
        scenarios, starting = [], []
        for account in everyone:
            concurrent = [other for other in everyone if other is not account]
            scenario = Scenario(machine, account, player, since, concurrent=concurrent)
            if account is not first:
                scenario.roster = tmp_path / f"{account.name}.csv"
                scenario.roster.write_text(account.csv(), encoding="utf-8")
            scenarios.append(scenario)
            before = machine.newest_mail() - since
            starting.append(asyncio.create_task(scenario.start("--wait")))
            await scenario.mailed(before + chance.randint(1, 20))
            worker = chance.choice(WORKERS)
            await machine.kill(worker)
            just_before += _stored_within(machine, UNREPORTED_SECONDS)
            await machine.start(worker)
        assert [ran.code for ran in await asyncio.gather(*starting)] == [0, 0, 0]
    duplicates = [verifier.duplicates(scenario.mails()) for scenario in scenarios]
    print(f"seed {seed}: {duplicates} duplicates, {just_before} stored just before")  # noqa: T201 - shown on failure
    for scenario in scenarios:
        await machine.verify(scenario, max_duplicates=just_before)
    assert sum(duplicates) <= just_before


def _stored_within(machine: FaultyStack, seconds: float) -> int:
    """Return how many mails the mail server stored in the last seconds."""
    since = time.time() - seconds
    return sum(file.stat().st_mtime >= since for file in machine.stack.mailbox.glob("*.eml"))


@LONG
async def test_a_thawed_worker_sends_nothing_that_another_took_over(machine: FaultyStack) -> None:
    """A worker is frozen until another has sent its batch: then it begins no mail, and Temporal rejects its result."""
    account = accounts.account("frozen", 60)
    mails = sum(bool(one.expected_mails) for one in account.people)
    async with _migrating_asleep(machine, account) as (scenario, complete):
        sender = await _put_in_flight(machine, account, 1)
        machine.freeze(sender)
        machine.smtp_server.server.let_go()
        await eventually(lambda: len(scenario.mails()) == mails + CONNECTIONS)
        machine.thaw(sender)
        # Time to send mails by mistake; the stop waits for what it still does.
        await asyncio.sleep(3)
        assert await machine.stop(sender) == 0
        await machine.start(sender)
        await complete(CONNECTIONS)


@LONG
async def test_thawed_workers_begin_no_batch_that_timed_out(machine: FaultyStack) -> None:
    """Both workers are frozen while the batch times out twice: after the thaw only the last attempt sends.

    If the last attempt is on the worker of the first one, that worker knows which mails were accepted meanwhile.
    """
    account = accounts.account("stiff", 60)
    async with _migrating_asleep(machine, account) as (_, complete):
        sender = await _put_in_flight(machine, account, 1)
        for name in WORKERS:
            machine.freeze(name)
        machine.smtp_server.server.let_go()
        await eventually(partial(_is_dispatched, machine, account, 3))
        last = await _sending_worker(machine, account)
        for name in WORKERS:
            machine.thaw(name)
        await complete(0 if last == sender else CONNECTIONS)
