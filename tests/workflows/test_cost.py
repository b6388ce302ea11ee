"""What a person's way costs Temporal, from the roster to the end, counted from histories so that it cannot creep.

The actions that Temporal Cloud would bill leave out queries, which are in no history: each page behind a link is one.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

import pytest

from domain import ids
from domain.links import LinkClaims, Purpose
from domain.messages import LinkFollowed, PersonReturned
from domain.people import State
from domain.roster import RosterPerson
from tests.workflows.bench import Bench, eventually
from tests.workflows.costs import Cost, cost
from workflows.cohort import CohortWorkflow

PEOPLE = 1_000
AT_ONCE = 40
"""Requests under way together in a burst: what a portal handles at the same time."""
APART = timedelta(seconds=10)
"""Between two people who come alone: nobody shares anything with the next."""


def prepare(bench: Bench, *, email_verified: bool) -> list[RosterPerson]:
    """List a thousand people with the owner, who needs nothing; return the others."""
    roster = [RosterPerson(email=f"p{n}@example.com", email_verified=email_verified) for n in range(1, PEOPLE)]
    bench.world.opsgenie.add(*roster)
    return roster


async def mailed(bench: Bench, roster: list[RosterPerson], purpose: Purpose) -> dict[str, dict[str, LinkClaims]]:
    """Wait until everyone has the mail; return the links of each cohort, by address."""
    wanted = {person.email for person in roster}
    await eventually(lambda: wanted <= {m.email for _, m in bench.world.post.mails if m.purpose is purpose})
    links: dict[str, dict[str, LinkClaims]] = defaultdict(dict)
    for context, mail in bench.world.post.mails:
        if mail.purpose is purpose:
            links[context.cohort_id][mail.email] = LinkClaims(
                cohort_id=context.cohort_id,
                run=context.run,
                person=mail.person,
                purpose=purpose,
                generation=mail.generation,
            )
    return links


async def act(bench: Bench, claims: LinkClaims) -> None:
    """Have someone click or come back; as the portal does, but with more patience on a machine that is busy."""
    cohort = bench.client.get_workflow_handle(claims.cohort_id)
    if claims.purpose is Purpose.AUTHENTICATION:
        await cohort.signal("person_returned", PersonReturned(run=claims.run, person=claims.person))
    else:
        await cohort.signal("link_followed", LinkFollowed(**claims.model_dump()))


async def burst(bench: Bench, links: Mapping[str, Mapping[str, LinkClaims]]) -> None:
    """Have everyone do it, as fast as it goes."""
    hands = asyncio.Semaphore(AT_ONCE)

    async def one(claims: LinkClaims) -> None:
        async with hands:
            await act(bench, claims)

    await asyncio.gather(*(one(claims) for cohort in links.values() for claims in cohort.values()))


async def asked_again(bench: Bench, asked: int) -> bool:
    """Whether Atlassian was asked once more, and the first cohort is done with the answer."""
    if bench.world.atlassian.calls["find"] == asked:
        return False
    description = (await bench.cohort().describe()).raw_description
    return not description.HasField("pending_workflow_task")


async def nobody_waits(bench: Bench, number: int) -> bool:
    """Whether a cohort has nothing to do any more."""
    return (await bench.cohort(number).query(CohortWorkflow.cohort)).counts.waiting == 0


async def shares(bench: Bench) -> tuple[Cost, dict[int, Cost]]:
    """Return what the migration itself has cost, and each of its cohorts."""
    cohorts = {n: await cost(bench.client, ids.cohort(bench.account, n)) for n in range(1, 5)}
    return await cost(bench.client, ids.migration(bench.account)), cohorts


@pytest.mark.timeout(180)
async def test_a_mail_and_a_return_each(bench: Bench) -> None:
    """In bursts, at most 1.3 actions and 2 events for each person; 3.5 and 11 where each comes back alone.

    The first of four cohorts comes back one by one, the others as fast as they can.
    """
    roster = prepare(bench, email_verified=True)
    await bench.start()
    links = await mailed(bench, roster, Purpose.AUTHENTICATION)
    alone = links.pop(bench.cohort().id)
    for email in itertools.chain(*links.values()):
        bench.world.atlassian.account(email, verified=True)
    await burst(bench, links)
    for number in range(2, 5):
        await eventually(partial(nobody_waits, bench, number))
    for email, claims in alone.items():
        await bench.skip(APART)
        bench.world.atlassian.account(email, verified=True)
        asked = bench.world.atlassian.calls["find"]
        await act(bench, claims)
        await eventually(partial(asked_again, bench, asked))
    result = await bench.handle.result()
    assert result.counts[State.CONNECTED] == PEOPLE
    migration, cohorts = await shares(bench)
    assert migration.kinds["EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"] <= 2 * len(cohorts), "clicks pass it by"
    first = cohorts.pop(1)
    in_bursts = sum(cohorts.values(), Cost())
    others = sum(map(len, links.values()))
    assert in_bursts.actions / others + migration.actions / PEOPLE <= 1.3, (in_bursts, migration)
    assert in_bursts.events / others + migration.events / PEOPLE <= 2, (in_bursts, migration)
    assert first.actions / len(alone) + migration.actions / PEOPLE <= 3.5, (first, migration)
    assert first.events / len(alone) + migration.events / PEOPLE <= 11, (first, migration)


@pytest.mark.timeout(180)
async def test_two_mails_a_click_and_a_return_each(bench: Bench) -> None:
    """Who has to verify first costs one action more, the click's own: at most 2.4 actions and 3.2 events in bursts."""
    roster = prepare(bench, email_verified=False)
    await bench.start()
    clicks = await mailed(bench, roster, Purpose.VERIFICATION)
    await burst(bench, clicks)
    returns = await mailed(bench, roster, Purpose.AUTHENTICATION)
    for person in roster:
        bench.world.atlassian.account(person.email, verified=True)
    await burst(bench, returns)
    result = await bench.handle.result()
    assert result.counts[State.CONNECTED] == PEOPLE
    migration, cohorts = await shares(bench)
    spent = sum(cohorts.values(), migration)
    assert spent.actions / PEOPLE <= 2.4, spent
    assert spent.events / PEOPLE <= 3.2, spent
