"""People who use their links at the same time: the portal tells a cohort of all of them together."""

import asyncio
from unittest.mock import patch

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client.links import MAX_LINKS_PER_SIGNAL, TemporalLinkClient
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from tests.workflows.costs import cost
from tests.workflows.harness import MigrationHarness, eventually

PEOPLE = [RosterPerson(email=f"p{number}@example.com") for number in range(MAX_LINKS_PER_SIGNAL + 20)]


@pytest.fixture
async def links(bench: MigrationHarness) -> list[LinkClaims]:
    """Everyone's verification link, mailed a moment ago."""
    bench.world.opsgenie.add(*PEOPLE)
    await bench.start()
    await eventually(lambda: len(bench.world.post.mails) == len(PEOPLE))
    return [bench.world.post.link(person.email, Purpose.VERIFICATION) for person in PEOPLE]


async def signals(bench: MigrationHarness) -> int:
    """How many the cohort got so far; those that come while a task runs are counted when it ends."""
    return (await cost(bench.client, bench.cohort().id)).kinds["EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"]


async def test_those_who_come_meanwhile_share_the_next(bench: MigrationHarness, links: list[LinkClaims]) -> None:
    """One signal for the first, then as few as there is room for; each of them is heard."""
    before, desk = await signals(bench), TemporalLinkClient(bench.client)
    assert all(await asyncio.gather(*map(desk.follow, links)))
    for person in PEOPLE:
        await bench.until(person.email, State.AUTHENTICATING)
    assert await signals(bench) - before <= 2


async def test_alone_nobody_waits_for_others(bench: MigrationHarness, links: list[LinkClaims]) -> None:
    """Each has a signal of their own."""
    before, desk = await signals(bench), TemporalLinkClient(bench.client)
    for link, person in zip(links[:3], PEOPLE, strict=False):
        assert await desk.follow(link)
        await bench.until(person.email, State.AUTHENTICATING)
    assert await signals(bench) - before == 3


async def test_whoever_leaves_takes_nobody_along(bench: MigrationHarness, links: list[LinkClaims]) -> None:
    """A browser that is closed ends its own waiting only; what it asked for may be done."""
    desk = TemporalLinkClient(bench.client)
    clicks = [asyncio.ensure_future(desk.follow(link)) for link in links[:3]]
    await asyncio.sleep(0)
    clicks[0].cancel()
    assert all(await asyncio.gather(*clicks[1:]))
    assert clicks[0].cancelled()


async def test_everyone_is_told_that_nobody_hears_them(bench: MigrationHarness, links: list[LinkClaims]) -> None:
    """Those of one cohort that has ended, and nobody else."""
    desk = TemporalLinkClient(bench.client)
    unknown = [link.model_copy(update={"cohort_id": "site-migration:nobody:cohort:1"}) for link in links[:3]]
    heard = await asyncio.gather(*map(desk.follow, [*unknown, *links[:3]]))
    assert heard == [False] * 3 + [True] * 3


async def test_everyone_is_told_that_temporal_does_not_take_it(
    bench: MigrationHarness, links: list[LinkClaims]
) -> None:
    """Whoever presses again when it does is heard."""
    desk = TemporalLinkClient(bench.client)
    with patch.object(WorkflowHandle, "signal", side_effect=RPCError("gone", RPCStatusCode.UNAVAILABLE, b"")):
        clicks = await asyncio.gather(*map(desk.follow, links[:3]), return_exceptions=True)
    assert [type(click) for click in clicks] == [ServiceUnavailable] * 3
    assert await desk.follow(links[0])
