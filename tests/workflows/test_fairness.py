"""A small migration during a large one: how many mails are sent before its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import pytest

import worker
from landbridge.domain import roster
from landbridge.domain.links import Purpose
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from tests.workflows.harness import MigrationHarness, eventually, running_harness, server_for
from workflows.support import options

COHORTS, BATCH = 24, 25
"""Each cohort has one batch of mails that waits in the task queue."""
SMALL = 9


@pytest.fixture(params=["fair server", "other server"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MigrationHarness]:
    """A harness on a server with task queue fairness, and on a server without it."""
    fair = str(request.param == "fair server").lower()
    async with server_for(tmp_path, matching__enableFairness=fair) as client, running_harness(client) as harness:
        yield harness


def people(number: int, prefix: str) -> list[RosterPerson]:
    """Return people who need nothing but the authentication email."""
    return [RosterPerson(email=f"{prefix}{n}@example.com", email_verified=True) for n in range(1, number + 1)]


async def waits(harness: MigrationHarness) -> bool:
    """Whether the migration's one cohort has scheduled the activity that sends its mails."""
    pending = (await harness.cohort().describe()).raw_description.pending_activities
    return any(activity.activity_type.name == "send_mails" for activity in pending)


async def test_a_small_migration_does_not_wait_for_a_large_one(harness: MigrationHarness) -> None:
    """Only the batches that workers had started, and few others, are sent before the mails of a migration of ten."""
    harness.world.opsgenie.add(*people(COHORTS * BATCH, "many"))
    mailer, started = harness.world.mailer, worker.ACTIVITY_CONCURRENCY[options.MAIL_QUEUE]
    mailer.held = asyncio.Event()
    with patch.object(roster, "COHORT_SIZE", BATCH):
        await harness.start()
        await eventually(lambda: len(mailer.mails) == started)
        await eventually(lambda: harness.world.atlassian.calls["ensure"] >= COHORTS)
    small_roster = people(SMALL, "few")
    harness.world.opsgenie.people_listed[1:] = small_roster
    other = MigrationHarness(harness.client, f"{harness.account}-beside", harness.world)
    await other.start()
    for person in small_roster:
        await other.until(person.email, State.AUTHENTICATING)
    await eventually(lambda: waits(other))
    mailer.held.set()
    await eventually(lambda: all(mailer.sent(person.email, Purpose.AUTHENTICATION) for person in small_roster))
    addresses = [mail.email for _, mail in mailer.mails]
    before = max(addresses.index(person.email) for person in small_roster) + 1 - SMALL
    assert before <= 2 * started * BATCH, f"{before} of {COHORTS * BATCH} mails went out first"
