"""An address belongs to one person, even if several cohorts claim it: the cohort that its hash selects decides."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

import pytest
from temporalio.client import Client

from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.cohorts import TemporalCohortClient
from landbridge.domain import ids, roster
from landbridge.domain.errors import NotFound, Refused
from landbridge.domain.messages import Step
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from tests.histories import health
from tests.workflows.harness import (
    AT_ONCE,
    OWNER_EMAIL,
    MigrationHarness,
    end_all,
    eventually,
    prepared,
    running_harness,
    served,
    server_for,
)

BY = Actor(name="ops")
COHORTS = 3
CROWD = [RosterPerson(email=f"p{n}@example.com") for n in range(11)]
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM, resend_cooldown=timedelta(0))


def of_cohort(number: int) -> list[str]:
    """Return the addresses of a cohort's people."""
    return [person.email for person in CROWD if roster.cohort_of(person.email, COHORTS) == number]


def new_address(cohort: int, word: str = "new") -> str:
    """Return an unused address whose hash selects this cohort."""
    found = (f"{word}{n}@example.com" for n in range(1_000))
    return next(email for email in found if roster.cohort_of(email, COHORTS) == cohort)


async def started(harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch) -> MigrationHarness:
    """Start the migration of the crowd and the owner in three cohorts, and wait for step 6."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    harness.world.opsgenie.add(*CROWD)
    await harness.start(rules=UNASKED)
    await eventually(lambda: harness.step_is(Step.VERIFY))
    assert (await harness.migration.progress()).cohorts == COHORTS
    return harness


@pytest.fixture(scope="module")
async def cutting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that suggests to continue as new after forty events."""
    folder = tmp_path_factory.mktemp("cutting")
    async with server_for(folder, limit__historyCount__suggestContinueAsNew="40") as client:
        yield client


@pytest.fixture
async def crowd(harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch) -> MigrationHarness:
    """A migration with three cohorts that waits for people."""
    return await started(harness, monkeypatch)


async def corrected(harness: MigrationHarness, emails: Iterable[str], new: str) -> list[str]:
    """Correct the addresses of all these people to one address concurrently; return who has it now."""
    answers = await asyncio.gather(
        *(harness.migration.correct_email(email, new, BY) for email in emails), return_exceptions=True
    )
    refused = [answer for answer in answers if answer is not None]
    for refusal in refused:
        assert isinstance(refusal, Refused), refusal
        assert "already belongs to another person" in str(refusal)
    assert len(refused) == len(answers) - 1
    return await holders(harness, new)


async def holders(harness: MigrationHarness, email: str) -> list[str]:
    """Return the original address of everyone who has this address now."""
    people = [line for line in (await harness.migration.report()).people if line.email == email]
    found = [(await harness.migration.person_numbered(line.cohort, line.number)).person for line in people]
    return [(person.former_emails or [person.email])[0] for person in found]


@pytest.mark.parametrize("home", range(1, COHORTS + 1))
async def test_two_concurrent_corrections_to_one_address_succeed_once(crowd: MigrationHarness, home: int) -> None:
    """The two people are in different cohorts; the new address hashes to one of these cohorts or to a third one."""
    both = [of_cohort(1)[0], of_cohort(2)[0]]
    (holder,) = await corrected(crowd, both, new_address(home))
    (other,) = set(both) - {holder}
    assert (await crowd.person(other)).email == other
    (moved,) = await corrected(crowd, [other], new_address(home, "another"))
    assert moved == other


async def test_concurrent_corrections_succeed_once_while_workers_restart(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker runs when both requests arrive; then workers are replaced while the cohorts agree on the address."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    harness = MigrationHarness(client, "acme-served-in-turns")
    prepared(harness.world)
    async with served(client, harness.world):
        await started(harness, monkeypatch)
    both = [of_cohort(1)[0], of_cohort(2)[0]]
    new = new_address(3)
    requests = [asyncio.create_task(harness.migration.correct_email(email, new, BY)) for email in both]

    async def is_claimed() -> bool:
        events = harness.cohort(3).fetch_history_events()
        signals = [event.workflow_execution_signaled_event_attributes.signal_name async for event in events]
        return "address_claimed" in signals

    async with served(client, harness.world, workflows_cached=0):
        await eventually(is_claimed)
    async with served(client, harness.world):
        answers = await asyncio.gather(*requests, return_exceptions=True)
        # On a busy machine a response may be too late for its client, but the update is still executed.
        assert all(answer is None or isinstance(answer, Refused | NoWorkerAnswers) for answer in answers)
        assert answers.count(None) <= 1

        async def is_someones() -> bool:
            return len(await holders(harness, new)) == 1

        await eventually(is_someones)
        (other,) = set(both) - set(await holders(harness, new))
        with pytest.raises(Refused, match="already belongs to another person"):
            await harness.migration.correct_email(other, new, BY)
        await end_all(client)


async def test_a_corrected_address_on_the_roster_adds_nobody(crowd: MigrationHarness) -> None:
    """The roster now has the address that an admin entered before: in every cohort it identifies that person."""
    email, new = of_cohort(1)[0], new_address(2)
    await crowd.migration.correct_email(email, new, BY)
    # Like a refresh that began before the correction.
    await TemporalCohortClient(crowd.client).refresh(ids.cohort(crowd.account, 2), [RosterPerson(email=new)])
    assert await holders(crowd, new) == [email]
    crowd.world.opsgenie.add(RosterPerson(email=new, email_verified=True))
    await crowd.migration.refresh(BY)
    assert (await crowd.until(new, State.AUTHENTICATING)).former_emails == [email]
    assert await holders(crowd, new) == [email]


async def test_an_address_that_anybody_has_is_refused(crowd: MigrationHarness) -> None:
    """Former addresses and addresses of settled people are refused, too."""
    joined, email = new_address(2), of_cohort(1)[0]
    crowd.world.opsgenie.add(RosterPerson(email=joined))
    await crowd.migration.refresh(BY)
    await crowd.until(joined, State.EMAIL_UNVERIFIED)
    excluded, corrected_ = of_cohort(2)[:2]
    await crowd.migration.exclude(excluded, "left", BY)
    moved = new_address(3, "moved")
    await crowd.migration.correct_email(corrected_, moved, BY)
    for taken in (joined, excluded, corrected_, moved, OWNER_EMAIL):
        with pytest.raises(Refused, match="already belongs to another person"):
            await crowd.migration.correct_email(email, taken, BY)
    assert (await crowd.person(email)).email == email
    # A person may return to a former address, and keeps the address in between.
    await crowd.migration.correct_email(moved, corrected_, BY)
    with pytest.raises(Refused, match="already belongs to another person"):
        await crowd.migration.correct_email(email, moved, BY)
    await crowd.migration.correct_email(corrected_, moved, BY)
    assert (await crowd.person(corrected_)).email == moved


async def test_an_unused_claim_is_released(crowd: MigrationHarness) -> None:
    """The person is excluded while the cohorts agree on the address; another person can then take it."""
    (email, other), new = [of_cohort(1)[0], of_cohort(2)[0]], new_address(3)
    answers = await asyncio.gather(
        *(crowd.migration.exclude(email, "left", BY), crowd.migration.correct_email(email, new, BY)),
        return_exceptions=True,
    )
    person = await crowd.person(email)
    if person.email == email:
        assert isinstance(answers[1], Refused)
        assert person.state is State.EXCLUDED

        async def is_free() -> bool:
            try:
                await crowd.migration.correct_email(other, new, BY)
            except Refused:
                return False
            return True

        await eventually(is_free)
    assert len(await holders(crowd, new)) == 1


@AT_ONCE
async def test_continue_as_new_carries_claims(cutting: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cohorts continue as new every forty events, also while they agree on an address."""
    async with running_harness(cutting) as harness:
        await started(harness, monkeypatch)
        ones, others = of_cohort(1), of_cohort(2)
        for turn in range(6):
            new = [new_address(home, f"turn{turn}-") for home in (1, 2, 3)]
            pairs = zip(ones, others, strict=False)
            await asyncio.gather(*(_one_of_both(harness, pair, email) for pair, email in zip(pairs, new, strict=True)))
        assert not await health.failures(cutting, harness.account)


async def _one_of_both(harness: MigrationHarness, pair: tuple[str, str], new: str) -> None:
    now = [(await harness.person(email)).email for email in pair]
    # The migration learns asynchronously which cohort an address belongs to.
    await eventually(lambda: _are_found(harness, now))
    assert len(await corrected(harness, now, new)) == 1


async def _are_found(harness: MigrationHarness, emails: list[str]) -> bool:
    try:
        return all([await harness.person(email) for email in emails])
    except NotFound:
        return False
