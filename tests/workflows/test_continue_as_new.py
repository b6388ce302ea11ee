"""Cohorts that continue as new very often: nothing is lost between two runs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from temporalio.client import Client

from landbridge.client.links import TemporalLinkClient
from landbridge.domain.errors import QuotaExceeded
from landbridge.domain.links import Purpose
from landbridge.domain.messages import LinksUsed, LinkUse, LinkUsed, PersonFact
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules
from tests.histories import health
from tests.workflows.harness import AT_ONCE, MigrationHarness, eventually, running_harness, server_for

BY = Actor(name="olga@example.com")
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM)
PEOPLE = [RosterPerson(email=f"p{n}@example.com", email_verified=bool(n % 2)) for n in range(60)]


@pytest.fixture(scope="module")
async def cutting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that suggests to continue as new after forty events."""
    folder = tmp_path_factory.mktemp("cutting")
    async with server_for(folder, limit__historyCount__suggestContinueAsNew="40") as client:
        yield client


@pytest.fixture
async def harness(cutting: Client) -> AsyncIterator[MigrationHarness]:
    """A migration on that server; at the end of each test, its histories contain no failed task and can be replayed."""
    async with running_harness(cutting) as harness:
        harness.world.opsgenie.add(*PEOPLE)
        yield harness
        assert not await health.failures(cutting, harness.account)


async def runs(harness: MigrationHarness) -> int:
    """Return how many runs the cohort has had."""
    query = f"WorkflowId = '{harness.cohort().id}'"
    return len([execution async for execution in harness.client.list_workflows(query)])


async def everyone_is_mailed(harness: MigrationHarness) -> None:
    """Wait until everyone has received the first mail."""
    await eventually(lambda: len(harness.world.mailer.mails) >= len(PEOPLE))


@AT_ONCE
async def test_no_signal_or_update_is_lost_in_a_flood(harness: MigrationHarness) -> None:
    """Hundreds of concurrent signals and updates, most of them duplicates, some about unknown people."""
    await harness.start(rules=UNASKED)
    await everyone_is_mailed(harness)
    before = await runs(harness)

    async def verified(email: str) -> None:
        for _ in range(4):
            await harness.cohort().signal("email_verified", PersonFact(email=email, by=BY))
        await harness.handle.signal("email_verified", {"email": email.upper()})

    async def nonsense(number: int) -> None:
        use = LinkUsed(use=LinkUse.FOLLOWED, run="run", person=number, purpose=Purpose.VERIFICATION, generation=99)
        await harness.cohort().signal("links_used", LinksUsed(used=[use]))
        await harness.cohort().signal("email_verified", {"email": number})
        await harness.cohort().signal("no_such_signal", number)

    excluded = [person.email for person in PEOPLE[1:20:2]]
    await asyncio.gather(
        *(verified(person.email) for person in PEOPLE if not person.email_verified),
        *(nonsense(number) for number in range(1_000, 1_040)),
        *(harness.migration.exclude(email, "left", BY) for email in excluded),
    )
    await eventually(
        lambda: len([m for _, m in harness.world.mailer.mails if m.purpose is Purpose.AUTHENTICATION]) == 60
    )
    for person in PEOPLE:
        harness.world.atlassian.account(person.email, verified=True)
    await harness.migration.refresh(BY)
    result = await harness.handle.result()
    assert result.counts[State.EXCLUDED] == len(excluded)
    assert result.counts[State.CONNECTED] == len(PEOPLE) + 1 - len(excluded)
    assert await runs(harness) > before
    assert len({(m.email, m.purpose, m.generation) for _, m in harness.world.mailer.mails}) == len(
        harness.world.mailer.mails
    )


async def test_continue_as_new_carries_reminders_and_links(harness: MigrationHarness) -> None:
    """The next run sends reminders on time and accepts the same links."""
    harness.world.opsgenie.people_listed = harness.world.opsgenie.people_listed[:2]
    (person,) = PEOPLE[:1]
    await harness.start(rules=UNASKED)
    await eventually(lambda: harness.world.mailer.sent(person.email))
    link = harness.world.mailer.link(person.email, Purpose.VERIFICATION)
    before = await runs(harness)
    for _ in range(60):
        await harness.cohort().signal("email_verified", PersonFact(email="nobody@example.com"))
    await eventually(lambda: _more(harness, before))
    await harness.skip(timedelta(days=3, minutes=1))
    await eventually(lambda: len(harness.world.mailer.sent(person.email)) == 2)
    newest = harness.world.mailer.link(person.email, Purpose.VERIFICATION)
    link_client = TemporalLinkClient(harness.client)
    for claims in (link, newest):
        assert await link_client.follow(claims)
    await harness.until(person.email, State.AUTHENTICATING)


async def test_continue_as_new_carries_the_deadline(harness: MigrationHarness) -> None:
    deadline = datetime.now(UTC) + timedelta(days=10)
    changes = {"deadline": deadline, "at_deadline": AtDeadline.COMPLETE_PARTIAL}
    await harness.start(rules=UNASKED.model_copy(update=changes))
    await everyone_is_mailed(harness)
    before = await runs(harness)
    for _ in range(60):
        await harness.cohort().signal("email_verified", PersonFact(email="nobody@example.com"))
    await eventually(lambda: _more(harness, before))
    await harness.skip(timedelta(days=11))
    result = await harness.handle.result()
    assert result.counts[State.LEFT_BEHIND] == len(PEOPLE)


async def test_continue_as_new_carries_a_pause(harness: MigrationHarness) -> None:
    """The next run sends nothing until the resume."""
    await harness.start(rules=UNASKED)
    await everyone_is_mailed(harness)
    await harness.migration.pause("Freeze.", BY)
    before = await runs(harness)
    for person in PEOPLE:
        await harness.cohort().signal("email_verified", PersonFact(email=person.email, by=BY))
    await eventually(lambda: _more(harness, before))
    assert len(harness.world.mailer.mails) == len(PEOPLE)
    await harness.migration.resume(BY, "Freeze.")
    await eventually(
        lambda: len([m for _, m in harness.world.mailer.mails if m.purpose is Purpose.AUTHENTICATION]) == 60
    )


async def _more(harness: MigrationHarness, before: int) -> bool:
    return await runs(harness) > before


async def test_continue_as_new_carries_a_mail_hold(harness: MigrationHarness) -> None:
    """The next run shows the same problem, sends nothing too early, and then resumes by itself."""
    harness.world.mailer.problem = QuotaExceeded("The quota is used up.", retry_after=3_600, lasts=86_400)
    await harness.start(rules=UNASKED)

    async def shown() -> list[str]:
        return [*(await harness.migration.status()).problems]

    async def waits() -> bool:
        return any("resumes automatically" in problem for problem in await shown())

    async def is_another_run(before: int) -> bool:
        return await runs(harness) > before

    await eventually(waits)
    problems_before, before = await shown(), await runs(harness)
    for _ in range(20):
        await harness.cohort().signal("email_verified", PersonFact(email=PEOPLE[0].email, by=BY))
        await harness.cohort().signal("email_verified", PersonFact(email="nobody@example.com", by=BY))
        await harness.person(PEOPLE[0].email)
    await eventually(partial(is_another_run, before))
    harness.world.mailer.problem = None
    assert await shown() == problems_before
    assert not harness.world.mailer.mails
    await harness.skip(timedelta(minutes=61))
    await everyone_is_mailed(harness)
