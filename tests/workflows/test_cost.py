"""Upper limits for the events and billable actions of one person, from the roster to the end, counted from histories.

Queries are billable actions too, but are in no history: each page behind a link is one query.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from landbridge.client.links import TemporalLinkClient
from landbridge.domain import ids
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from tests.workflows.costs import Cost, cost
from tests.workflows.harness import MigrationHarness, eventually
from workflows.cohort import CohortWorkflow

PEOPLE = 1_000
CONCURRENT_REQUESTS = 40
"""Concurrent requests in a burst: the number that a portal handles at the same time."""
ALONE = 60
"""The number of people who act one by one."""
INTERVAL = timedelta(seconds=10)
"""The time between two people who act alone, so that they share no signal, timer or activity."""

Act = Callable[[TemporalLinkClient, LinkClaims], Awaitable[bool]]
"""An action of a person, such as a click on a link."""


def prepare(harness: MigrationHarness, *, email_verified: bool) -> list[RosterPerson]:
    """Add a thousand people to the roster, including the owner, who needs nothing; return the others."""
    roster = [RosterPerson(email=f"p{n}@example.com", email_verified=email_verified) for n in range(1, PEOPLE)]
    harness.world.opsgenie.add(*roster)
    return roster


async def mailed(
    harness: MigrationHarness, roster: list[RosterPerson], purpose: Purpose
) -> dict[str, dict[str, LinkClaims]]:
    """Wait until everyone has received the mail; return the links of each cohort, by address."""
    wanted = {person.email for person in roster}
    await eventually(lambda: wanted <= {m.email for _, m in harness.world.mailer.mails if m.purpose is purpose})
    links: dict[str, dict[str, LinkClaims]] = defaultdict(dict)
    for context, mail in harness.world.mailer.mails:
        if mail.purpose is purpose:
            links[context.cohort_id][mail.email] = LinkClaims(
                cohort_id=context.cohort_id,
                run=context.run,
                person=mail.person,
                purpose=purpose,
                generation=mail.generation,
            )
    return links


async def act_with_retries(link_client: TemporalLinkClient, act: Act, claims: LinkClaims) -> None:
    """Perform an action of a person, and retry it while Temporal is too busy."""
    while True:
        with suppress(ServiceUnavailable):
            assert await act(link_client, claims)
            return


async def burst(harness: MigrationHarness, act: Act, links: Mapping[str, Mapping[str, LinkClaims]]) -> None:
    """Perform the action for everyone, as fast as possible."""
    limit, link_client = asyncio.Semaphore(CONCURRENT_REQUESTS), TemporalLinkClient(harness.client)

    async def act_within_limit(claims: LinkClaims) -> None:
        async with limit:
            await act_with_retries(link_client, act, claims)

    await asyncio.gather(*(act_within_limit(claims) for cohort in links.values() for claims in cohort.values()))


async def at_rest(harness: MigrationHarness, done: Callable[[], Awaitable[bool]]) -> bool:
    """Whether `done` is true and the first cohort has no pending workflow task."""
    if not await done():
        return False
    return not (await harness.cohort().describe()).raw_description.HasField("pending_workflow_task")


async def connected(harness: MigrationHarness, number: int = 1) -> int:
    """Return how many people of a cohort are connected."""
    return (await harness.cohort(number).query(CohortWorkflow.cohort)).counts[State.CONNECTED]


async def nobody_waits(harness: MigrationHarness, number: int) -> bool:
    """Whether a cohort waits for nobody."""
    return (await harness.cohort(number).query(CohortWorkflow.cohort)).counts.waiting == 0


@dataclass(frozen=True)
class Each:
    """The average cost of one person, from the roster to the end."""

    events: float
    actions: float


async def each(harness: MigrationHarness, act: Act, links: dict[str, dict[str, LinkClaims]]) -> tuple[Each, Each]:
    """Return the cost of one person who acts in a burst, and of one person who acts alone.

    Some people of the first cohort act one by one; then everyone else acts as fast as possible.
    """
    first = harness.cohort().id
    size = len(links[first])
    alone = {email: links[first].pop(email) for email in list(links[first])[:ALONE]}
    before, link_client = await cost(harness.client, first), TemporalLinkClient(harness.client)
    for email, claims in alone.items():
        await harness.skip(INTERVAL)
        harness.world.atlassian.account(email, verified=True)
        connected_before = await connected(harness)
        await act_with_retries(link_client, act, claims)
        await eventually(partial(at_rest, harness, partial(_more_than, harness, connected_before)))
    after = await cost(harness.client, first)
    for email in itertools.chain(*links.values()):
        harness.world.atlassian.account(email, verified=True)
    await burst(harness, act, links)
    for number in range(1, 5):
        await eventually(partial(nobody_waits, harness, number))
    result = await harness.handle.result()
    assert result.counts[State.CONNECTED] == PEOPLE
    migration = await cost(harness.client, ids.migration(harness.account))
    assert migration.kinds["EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"] <= 2 * len(links), "clicks pass it by"
    others = sum([await cost(harness.client, ids.cohort(harness.account, number)) for number in range(2, 5)], Cost())
    people = sum(len(cohort) for cohort_id, cohort in links.items() if cohort_id != first)
    in_burst = Each(
        others.events / people + migration.events / PEOPLE, others.actions / people + migration.actions / PEOPLE
    )
    on_their_own = Each(
        (after.events - before.events) / ALONE + before.events / size + migration.events / PEOPLE,
        (after.actions - before.actions) / ALONE + before.actions / size + migration.actions / PEOPLE,
    )
    return in_burst, on_their_own


async def _more_than(harness: MigrationHarness, number: int) -> bool:
    return await connected(harness) > number


async def test_cost_of_a_mail_and_a_click_that_connects(harness: MigrationHarness) -> None:
    """A person alone costs at most 1.3 actions and 5.5 events; in bursts, clicks share signals."""
    roster = prepare(harness, email_verified=True)
    await harness.start(rules=Rules(click_counts=True))
    in_burst, alone = await each(
        harness, TemporalLinkClient.follow, await mailed(harness, roster, Purpose.AUTHENTICATION)
    )
    assert in_burst.actions <= 0.4
    assert in_burst.events <= 1
    assert alone.actions <= 1.3
    assert alone.events <= 5.5


async def test_cost_of_a_mail_and_a_return(harness: MigrationHarness) -> None:
    """Returns in a burst cost as much as clicks; alone, the look-up at Atlassian adds 2 actions and 6 events."""
    roster = prepare(harness, email_verified=True)
    await harness.start()
    in_burst, alone = await each(
        harness, TemporalLinkClient.returned, await mailed(harness, roster, Purpose.AUTHENTICATION)
    )
    assert in_burst.actions <= 0.4
    assert in_burst.events <= 1
    assert alone.actions <= 3.5
    assert alone.events <= 11


async def test_cost_of_two_mails_a_click_and_a_return(harness: MigrationHarness) -> None:
    """In a burst, a person who must verify the email first costs half as much again."""
    roster = prepare(harness, email_verified=False)
    await harness.start()
    clicks = await mailed(harness, roster, Purpose.VERIFICATION)
    await burst(harness, TemporalLinkClient.follow, clicks)
    returns = await mailed(harness, roster, Purpose.AUTHENTICATION)
    for person in roster:
        harness.world.atlassian.account(person.email, verified=True)
    await burst(harness, TemporalLinkClient.returned, returns)
    result = await harness.handle.result()
    assert result.counts[State.CONNECTED] == PEOPLE
    cohorts = [await cost(harness.client, ids.cohort(harness.account, number)) for number in range(1, 5)]
    spent = sum(cohorts, await cost(harness.client, ids.migration(harness.account)))
    assert spent.actions / PEOPLE <= 0.6, spent
    assert spent.events / PEOPLE <= 1.5, spent
