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

COHORTS, SLICE = 24, 25
"""Each cohort has one slice of mails that waits its turn."""
FEW = 9


@pytest.fixture(params=["fair server", "other server"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MigrationHarness]:
    """A harness on a server that is fair to migrations, and on one where first come is first served."""
    fair = str(request.param == "fair server").lower()
    async with server_for(tmp_path, matching__enableFairness=fair) as client, running_harness(client) as harness:
        yield harness


def people(number: int, prefix: str) -> list[RosterPerson]:
    """Return people who need nothing but the authentication email."""
    return [RosterPerson(email=f"{prefix}{n}@example.com", email_verified=True) for n in range(1, number + 1)]


async def waits(harness: MigrationHarness) -> bool:
    """Whether the mails of its one cohort are handed to Temporal."""
    pending = (await harness.cohort().describe()).raw_description.pending_activities
    return any(activity.activity_type.name == "send_mails" for activity in pending)


async def test_a_small_migration_does_not_wait_for_a_large_one(harness: MigrationHarness) -> None:
    """What workers had begun goes out before the mails of a migration of ten, and hardly anything else."""
    harness.world.opsgenie.add(*people(COHORTS * SLICE, "many"))
    mailer, begun = harness.world.mailer, worker.ACTIVITY_CONCURRENCY[options.MAIL_QUEUE]
    mailer.held = asyncio.Event()
    with patch.object(roster, "COHORT_SIZE", SLICE):
        await harness.start()
        await eventually(lambda: len(mailer.mails) == begun)
        await eventually(lambda: harness.world.atlassian.calls["ensure"] >= COHORTS)
    few = people(FEW, "few")
    harness.world.opsgenie.people_listed[1:] = few
    other = MigrationHarness(harness.client, f"{harness.account}-beside", harness.world)
    await other.start()
    for person in few:
        await other.until(person.email, State.AUTHENTICATING)
    await eventually(lambda: waits(other))
    mailer.held.set()
    await eventually(lambda: all(mailer.sent(person.email, Purpose.AUTHENTICATION) for person in few))
    addresses = [mail.email for _, mail in mailer.mails]
    before = max(addresses.index(person.email) for person in few) + 1 - FEW
    assert before <= 2 * begun * SLICE, f"{before} of {COHORTS * SLICE} mails went out first"
